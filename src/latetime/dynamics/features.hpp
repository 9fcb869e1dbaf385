#pragma once

#include <vector>

#include "latetime/dynamics/flow_problem.hpp"
#include "latetime/dynamics/neuron_mode.hpp"

namespace latetime {

// What multipliers do to the weights, from the samples themselves: a Gram matrix knows of
// differences between samples of 1e-8 of their norms only as of one in its last digit.

/// ‖dw_k/dθ‖/q = ‖Σ_i ς_i α_i λ_i x_i‖ under λ (a margin each), neurons; zero where it is so to
/// rounding. Two neurons of one class and mode feel the same.
Vector pushes(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
              const Vector& lambda);

/// Whether multipliers near `ray` (a margin each, ≥ 0), found from the tangent kernel, move no
/// weights at all: whether the features of the samples depend on each other linearly to rounding,
/// as `ray` says.
bool moves_no_weights(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
                      const Vector& ray);

}  // namespace latetime
