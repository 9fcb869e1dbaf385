#pragma once

#include <optional>

#include "latetime/data/samples.hpp"

namespace latetime {

/// ‖w_k‖ outside the span of the samples, neurons entries: what descent does not change. Directions
/// in which no sample has more than 1e-6 of the largest count as outside.
///
/// Few runs ever ask for it, and the n × n eigenvectors that it takes are seconds' work for
/// thousands of samples: so it is worked out at the first call of norms(), and kept. That writes in
/// a const function, without a lock: one object is for the thread of one run alone.
class WeightsBeyond {
 public:
  WeightsBeyond(const Matrix& weights, const Samples& x) : weights_(weights), x_(x) {}

  const Vector& norms() const;

 private:
  const Matrix weights_;
  const Samples x_;
  mutable std::optional<Vector> norms_;
};

}  // namespace latetime
