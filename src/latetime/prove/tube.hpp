#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/limit_balls.hpp"
#include "latetime/prove/reference_curve.hpp"

namespace latetime {

using PairIndex = std::pair<Eigen::Index, Eigen::Index>;  ///< neuron, sample
using PairFlags = std::vector<std::vector<bool>>;         ///< neurons × n

/// ‖W_t − Z_t‖ ≤ radius, proved piece by piece (docs/proofs.md, 2, 4, 5). A value: a trial is a
/// copy.
class Tube {
 public:
  /// An own pair that comes to zero or has crossed, while every step moves it to its new side: W
  /// crosses before the reference or after it, never both (docs/proofs.md, 4). What mismatches add
  /// to w_k meanwhile, a multiple of x_i, is kept apart from the distance of the tube.
  struct Crossing {
    double early = 0.0, late = 0.0;  ///< that multiple at most, if W crosses before, and after
    double depth = 0.0;              ///< how deep z(W) may still be on the old side
    bool is_past = false;            ///< the reference has crossed
    bool was_free = false;           ///< before it came to zero

    double shift() const { return std::max(early, late); }
  };
  using Crossings = std::map<PairIndex, Crossing>;
  /// An own pair whose sign may not be that of its slope, and at least how fast it moves to the
  /// side of its slope, and to the other one, a unit of log t.
  struct Lost {
    double outward = 0.0, inward = 0.0;
  };
  /// What a piece would add, and what is known after it.
  struct Charge {
    double square = 0.0, linear = 0.0;
    PairFlags free;
    PairFlags sure;
    std::map<PairIndex, Bounds> found;
    std::vector<PairIndex> kept;
    std::map<PairIndex, Lost> lost;
    Crossings crossings;                 ///< after the piece
    std::map<PairIndex, double> shifts;  ///< the largest on the piece
    double merged = 0.0;                 ///< what joins the distance after the piece
  };

  /// `start_distance`: of the descent that it is about from the weights that the curve begins with
  /// (docs/proofs.md, 9).
  Tube(ReferenceCurve curve, double start_distance);

  const ReferenceCurve& curve() const { return curve_; }
  const ProofProblem& problem() const { return curve_.problem(); }
  /// The bound so far at the present time: of ‖W_t − Z_t‖ without the shifts of crossings.
  double radius() const;
  /// At least the norm of these shifts together.
  double shift_norm(const std::map<PairIndex, double>& shifts) const;
  /// How far a pre-activation of W is from the reference's, at most, while ‖W − Z‖ ≤ radius.
  double slip(Eigen::Index k, Eigen::Index i, const Matrix& rooms, double radius) const;
  /// What the shifts of crossings add to that.
  double shift(Eigen::Index k, Eigen::Index i) const;
  const PairFlags& free() const { return free_; }
  const Crossings& crossings() const { return crossings_; }
  /// Pairs whose sign at some t ≥ T may not be that of W_T.
  const PairFlags& ever_open() const { return ever_open_; }
  /// At least ‖Π_U(E_k ⊗ x_i)‖ with these free pairs, neurons × n (docs/proofs.md, (3)).
  const Matrix& rooms(const PairFlags& free) const;

  /// Charges of a piece; `radius`, below which the distance stays on it, grows to what they ask
  /// for. Throws Unproved where no radius is large enough.
  Charge fitted(const Piece& piece, double& radius) const;
  /// Goes on to the end of a piece. Throws Unproved where its charge does not fit the radius.
  void take(const Piece& piece, const Charge& charge, double radius);
  void change(const std::vector<SlopeChange>& changes);
  /// The straight line from here on, for ever; `radius` as in fitted(). `jump` becomes a bound of
  /// how far the weights where it begins are from those of the curve. Throws Unproved.
  LimitBalls tail(double& radius, const std::vector<bool>& support, double& jump);
  /// After tail(): log(t/T) from which on every pair that does not switch for ever has settled;
  /// nothing where one need not.
  std::optional<double> settled_from() const;

 private:
  struct RoomBlock {
    Vector part;       ///< at least ‖Π_N x_i‖²
    Vector touch;      ///< at least Σ_l ⟨ψ_l, E_k ⊗ x_i⟩²
    BallMatrix gamma;  ///< its part of the Gram matrix of the ψ_l
  };
  struct Closed {
    Charge state;
    std::map<Eigen::Index, std::vector<Eigen::Index>> hop;
    Vector wrong_side, g_high, high;
  };
  /// Shifts of crossings on a piece, as they are seen by pre-activations and by margins.
  struct Shift {
    std::map<Eigen::Index, Vector> pairs;  ///< of neurons with a crossing
    Vector margins;
    bool is_none() const { return pairs.empty(); }
    double at(Eigen::Index k, Eigen::Index i) const {
      const auto place = pairs.find(k);
      return place == pairs.end() ? 0.0 : place->second[i];
    }
  };
  struct Tail;

  const RoomBlock& room_block(Eigen::Index k, const PairFlags& free) const;
  Matrix fresh_rooms(const PairFlags& free) const;
  std::map<PairIndex, Bounds> near(const Piece& piece, double radius, double stride,
                                   const Shift& shift, const PairFlags& sure, PairFlags& free,
                                   const Tail* tail) const;
  Shift shift_of(const std::map<PairIndex, double>& shifts) const;
  double drift(Eigen::Index k, Eigen::Index i, double side, const Charge& state, const Vector& high,
               const Vector& low) const;
  void charge_own(Charge& state, const Vector& high, const Shift& shift, double radius,
                  double length, double duration, double begin) const;
  void merge(const PairIndex& pair);
  void cross(const SlopeChange& change, bool was_free, bool was_sure, double step);
  double stride(const Vector& g_high, double radius, const Shift& shift, double begin) const;
  Closed close(const Piece& piece, double radius, double begin, const Shift& shift,
               const Tail* tail) const;
  void decide_own(Charge& state, const Vector& high, const Vector& low) const;
  Charge charge(const Piece& piece, double radius, Bounds time, const Tail* tail) const;
  Charge charge_shifted(const Piece& piece, double radius, Bounds time,
                        const std::map<PairIndex, double>& shifts, const Tail* tail) const;
  double hop_gap(Eigen::Index k, Eigen::Index i, const Piece& piece) const;
  double clipped(const Piece& piece) const;
  double excess(const Piece& piece, Eigen::Index s, const Eigen::RowVectorXd& hold) const;
  std::pair<double, double> defects(const Piece& piece, const Closed& closed, double duration,
                                    double inverse) const;
  std::pair<double, double> tail_charges(const Tail& tail, const Piece& piece, const Vector& high,
                                         double begin) const;
  Unproved grows_without_end() const;
  double least_of_sliding() const;
  double enter_tail(const Tail& tail, Piece& piece);
  Charge fitted(const Piece& piece, double& radius, Bounds time, const Tail* tail) const;
  bool commit(const Charge& charge, double radius);
  Bounds range(const Piece& piece, Eigen::Index k, Eigen::Index i, const Tail* tail) const;

  ReferenceCurve curve_;
  double start_distance_ = 0.0, square_ = 0.0, linear_ = 0.0;
  PairFlags free_;
  std::vector<std::vector<double>> base_;
  PairFlags sure_, ever_open_;
  Crossings crossings_;
  double last_open_ = 0.0;
  std::shared_ptr<const Matrix> speeds_;  ///< after tail(): |⟨v_k, x_i⟩| from below, 0 if v_k = 0
  // Blocks are shared by all copies of a tube: they depend on nothing that changes.
  std::shared_ptr<std::map<std::string, RoomBlock>> blocks_;
  mutable PairFlags rooms_of_;
  mutable Matrix rooms_;
};

}  // namespace latetime
