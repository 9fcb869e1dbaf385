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
  /// What a piece would add, and what is known after it.
  struct Charge {
    double square = 0.0, linear = 0.0;
    PairFlags free;
    PairFlags sure;
    std::map<PairIndex, Bounds> found;
    std::vector<PairIndex> kept;
    std::map<PairIndex, double> lost;  ///< with its drift, where that counts
    double length = 0.0;
  };

  /// `start_distance`: of the descent that it is about from the weights that the curve begins with
  /// (docs/proofs.md, 9).
  Tube(ReferenceCurve curve, double start_distance);

  const ReferenceCurve& curve() const { return curve_; }
  const ProofProblem& problem() const { return curve_.problem(); }
  /// The bound so far: ‖W_t − Z_t‖ at the present time.
  double radius() const;
  /// How far a pre-activation of W is from the reference's, at most, while ‖W − Z‖ ≤ radius.
  double slip(Eigen::Index k, Eigen::Index i, const Matrix& rooms, double radius) const;
  const PairFlags& free() const { return free_; }
  /// Own pairs that crossed: how deep z(W) may still be on the old side.
  const std::map<PairIndex, double>& depth() const { return depth_; }
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
  struct Tail;

  const RoomBlock& room_block(Eigen::Index k, const PairFlags& free) const;
  Matrix fresh_rooms(const PairFlags& free) const;
  std::map<PairIndex, Bounds> near(const Piece& piece, double radius, double stride,
                                   const PairFlags& sure, PairFlags& free, const Tail* tail) const;
  double outward(Eigen::Index k, Eigen::Index i, const PairFlags& free, const Vector& high,
                 const Vector& low) const;
  double stride(const Vector& g_high, double radius, double begin) const;
  Closed close(const Piece& piece, double radius, double begin, const Tail* tail) const;
  void decide_own(Charge& state, const Vector& high, const Vector& low) const;
  Charge charge(const Piece& piece, double radius, Bounds time, const Tail* tail) const;
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
  void commit(const Charge& charge, double radius);
  Bounds range(const Piece& piece, Eigen::Index k, Eigen::Index i, const Tail* tail) const;

  ReferenceCurve curve_;
  double start_distance_ = 0.0, square_ = 0.0, linear_ = 0.0;
  PairFlags free_;
  std::vector<std::vector<double>> base_;
  PairFlags sure_, ever_open_;
  std::map<PairIndex, double> depth_;
  double last_open_ = 0.0;
  std::shared_ptr<const Matrix> speeds_;  ///< after tail(): |⟨v_k, x_i⟩| from below, 0 if v_k = 0
  // Blocks are shared by all copies of a tube: they depend on nothing that changes.
  std::shared_ptr<std::map<std::string, RoomBlock>> blocks_;
  mutable PairFlags rooms_of_;
  mutable Matrix rooms_;
};

}  // namespace latetime
