#pragma once

#include <cstdint>
#include <memory>

#include "latetime/model/problem.hpp"

namespace latetime {

/// The first steps of a descent with 100 digits, to decide signs that rounding decides in the
/// engines. Neurons of a group that start alike stay so, and are followed once.
class FineDescent {
 public:
  /// `batch_size` of 0: full batch; else the batches of DenseEngine. Throws std::invalid_argument
  /// unless the loss has a name.
  FineDescent(const Problem& problem, std::size_t batch_size, std::uint64_t seed);
  ~FineDescent();
  FineDescent(FineDescent&&) noexcept;

  /// Products of a step, some 10⁻⁷ s each.
  double products_per_step() const;
  std::uint64_t step() const;
  void take_step();

  /// Whether that pair is active now, σ'(z_{k,i}) = 1.
  bool is_active(Eigen::Index neuron, Eigen::Index sample);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace latetime
