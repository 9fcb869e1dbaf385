#include "latetime/prove/proof_problem.hpp"

#include <algorithm>
#include <cmath>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/limit_balls.hpp"

namespace latetime {

ProofProblem::ProofProblem(const Problem& problem)
    : problem_(problem), gram_(gram_balls(problem.data.x)) {
  if (!(gamma() >= 0.0 && gamma() < 1.0)) {
    throw Unproved("the network is linear: no theorem here is about slope 1",
                   "choose a slope below 1");
  }
  const Ball width(static_cast<double>(shape().width));
  const Ball q = Ball(problem.learning_rate) / Ball(static_cast<double>(n()));
  factor_ = q / width;
  rate_ = q.upper();
  output_ = (Ball(1.0) / width).upper();
  size_.resize(n(), n());
  middle_.resize(n(), n());
  norm_.resize(n());
  for (Eigen::Index i = 0; i < n(); ++i) {
    for (Eigen::Index j = 0; j < n(); ++j) {
      const Ball entry = gram_(i, j);
      size_(i, j) = entry.magnitude();
      middle_(i, j) = entry.middle();
      error_ = std::max(error_, (entry - Ball(middle_(i, j))).magnitude());
    }
    norm_[i] = above(std::sqrt(size_(i, i)));
  }
  if (!(largest_norm() > 1e-100)) {
    throw Unproved("all samples are zero, or too small for doubles", "scale the samples");
  }
  feature_norm_ = norm_ * above(std::sqrt(2.0 * output_));
  least_ = least_eigenvalue_bound(gram_);
}

double ProofProblem::length(const Vector& sizes) const {
  return above(rate_ * std::sqrt(2.0 * output_ * sizes.dot(size_ * sizes)));
}

}  // namespace latetime
