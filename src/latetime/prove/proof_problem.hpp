#pragma once

#include <cstdint>
#include <vector>

#include "latetime/model/problem.hpp"
#include "latetime/prove/ball.hpp"

namespace latetime {

/// The slope that a proof declares for a pair (neuron, sample): γ, 1, or that the pair slides.
enum class Declared : std::uint8_t { low, high, sliding };

using SlopeRow = std::vector<Declared>;  ///< of one neuron, n

/// What proofs about a run know of its problem: samples, labels, slope γ < 1, rate η and width m as
/// exact numbers, and bounds of what is made of them. Notation of docs/proofs.md: q = η/n, a_k =
/// ±1/m. Neurons k are numbered 0 … 2m − 1, class +1 first.
class ProofProblem {
 public:
  /// Refers to the problem. Throws Unproved for γ = 1 or samples that are all zero.
  explicit ProofProblem(const Problem& problem);

  const Problem& problem() const { return problem_; }
  const Dataset& data() const { return problem_.data; }
  const NetworkShape& shape() const { return problem_.shape(); }

  Eigen::Index n() const { return problem_.samples(); }
  Eigen::Index neurons() const { return problem_.neurons(); }
  double gamma() const { return shape().slope; }
  /// Sign of a_k.
  double sign(Eigen::Index k) const { return shape().group_of(k) == 0 ? 1.0 : -1.0; }
  double label(Eigen::Index i) const { return data().label(i); }
  bool is_own(Eigen::Index k, Eigen::Index i) const { return problem_.own(k, i); }
  /// Of a pair that does not slide.
  double slope(Declared declared) const { return declared == Declared::high ? 1.0 : gamma(); }

  const Ball& factor() const { return factor_; }     ///< q/m
  const BallMatrix& gram() const { return gram_; }   ///< n × n
  const Matrix& gram_size() const { return size_; }  ///< at least |G|, n × n
  const Matrix& gram_middle() const { return middle_; }
  double gram_error() const { return error_; }  ///< at least |G − gram_middle|
  double least() const { return least_; }       ///< at most λ_min(G); 0: nothing is known
  const Vector& norm() const { return norm_; }  ///< at least ‖x_i‖
  double largest_norm() const { return norm_.maxCoeff(); }
  const Vector& feature_norm() const { return feature_norm_; }  ///< ℓ_l, at least ‖x_l‖ √(2/m)
  double rate() const { return rate_; }                         ///< at least q
  double output() const { return output_; }                     ///< at least 1/m

  /// At least q ‖Σ c_l π_l‖ for coefficients of these sizes (docs/proofs.md, (1)).
  double length(const Vector& sizes) const;

 private:
  const Problem& problem_;
  Ball factor_;
  BallMatrix gram_;
  Matrix size_, middle_;
  double error_ = 0.0, least_ = 0.0, rate_ = 0.0, output_ = 0.0;
  Vector norm_, feature_norm_;
};

}  // namespace latetime
