#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "latetime/prove/neuron_motion.hpp"

namespace latetime {

/// Pre-activations ⟨w_k, x_i⟩ of weights (neurons × d), neurons × n. Throws Unproved where the sign
/// of one is not known.
std::vector<BallVector> preactivation_balls(const ProofProblem& problem, const Matrix& weights);

/// A pair whose declared slope at T is not that of the stored weights, or changes later on.
struct SlopeChange {
  Eigen::Index neuron, sample;
  Declared slope;
};

/// Bounds of a number.
struct Bounds {
  double low, high;

  double size() const { return std::max(-low, high); }
};

/// Bounds of a polynomial on [0, length], by its Bernstein coefficients.
Bounds polynomial_range(const BallVector& coefficients, double length);

/// What is known of one piece of the reference, of length h in τ = log t (docs/proofs.md, 3).
struct Piece {
  double length = 0.0;
  /// λ̂ as polynomials in τ − τ_j, n × (degree + 1): exact numbers.
  Matrix multipliers;
  Vector low, high;             ///< bounds of λ̂ on the piece
  Vector drift;                 ///< at least |λ̂'|
  Vector off;                   ///< at least |log(t e^{−⟨p_l,Z⟩} / λ̂_l)|
  BallVector integral;          ///< ∫ λ̂ over the piece
  std::vector<BallVector> end;  ///< pre-activations at its end, neurons × n
  Matrix reach;                 ///< at least how far a pre-activation moves, neurons × n
  mutable std::map<std::pair<Eigen::Index, Eigen::Index>, Bounds> ranges = {};  ///< known so far

  Eigen::Index degree() const { return multipliers.cols() - 1; }
};

/// The reference curve of a proof: pre-activations at the present time, and what a piece does to
/// them. Nothing that it shows depends on its being near the run.
class ReferenceCurve {
 public:
  /// From weights W_T (neurons × d) after `step` steps. `sliding`: pairs that slide at T, whose
  /// pre-activations are taken to zero; the other pairs have the slope of W_T but for `starts`.
  /// Throws Unproved where rounding hides the sign of a pre-activation.
  ReferenceCurve(const ProofProblem& problem, const Matrix& weights, std::uint64_t step,
                 const std::vector<SlopeChange>& starts);

  const ProofProblem& problem() const { return *problem_; }
  const ReferenceMode& mode() const { return mode_; }
  /// Whether σ'(z_ki(W_T)) = 1.
  bool was_active(Eigen::Index k, Eigen::Index i) const {
    return active_[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)];
  }
  double start_square() const { return start_square_; }  ///< at least ‖W_T − Z_T‖²
  const Matrix& z() const { return middle_; }            ///< pre-activations, neurons × n
  double error() const { return error_; }                ///< at least what z() is off by
  double theta() const { return theta_.middle(); }       ///< log(t/T)
  Enclosure log_time() const;                            ///< log t
  Bounds time() const;                                   ///< t
  double travel() const { return travel_; }  ///< at least ‖Z‖ plus all that it moved by since T

  /// λ_l = t e^{−s_l} rounded, and at least the error of its logarithm, the part of sliding pairs
  /// included. Throws Unproved where one is no double.
  std::pair<Vector, double> multipliers() const;
  /// log λ_l of multipliers(), without the part of sliding pairs.
  Ball log_multiplier(Eigen::Index l) const;

  /// λ̂ of a piece that begins now with these multipliers: Taylor polynomials of λ' = λ(1 − κ̂λ),
  /// n × (degree + 1), rounded.
  Matrix series(const Vector& start, Eigen::Index degree) const;
  /// Coefficients c of Z_k = W_T,k + Σ c_ki x_i, neurons × n.
  const std::vector<BallVector>& coefficients() const { return coefficients_; }
  /// What they change by along the present mode while ∫λ̂ is this.
  BallVector coefficient_change(Eigen::Index k, const BallVector& integral) const;
  /// ∫λ̂ from the beginning of the piece to `time` after it.
  BallVector integral(const Piece& piece, double time) const;
  const BallVector& z_balls(Eigen::Index k) const { return z_[static_cast<std::size_t>(k)]; }
  /// Bounds of all that happens on a piece that begins now.
  Piece piece(double length, Eigen::Index degree) const;
  Bounds range(const Piece& piece, Eigen::Index k, Eigen::Index i) const;
  void advance(const Piece& piece);
  /// New slopes from here on. Returns the defect of the one step across, times t.
  double change(const std::vector<SlopeChange>& changes);
  /// Z jumps by at most this (the straight line begins).
  void jump(double distance);

 private:
  void take_to_zero(Eigen::Index k, const std::vector<slong>& sliding);
  void round();
  Vector off_growth(const Piece& piece) const;

  const ProofProblem* problem_;
  std::vector<BallVector> z_, coefficients_;
  std::vector<std::vector<bool>> active_;
  ReferenceMode mode_;
  Matrix middle_;
  double error_ = 0.0, start_square_ = 0.0, travel_ = 0.0;
  std::uint64_t step_;
  Ball theta_;
};

}  // namespace latetime
