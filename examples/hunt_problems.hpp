#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latetime/experiment/run.hpp"

namespace latetime::hunt {

/// Names of the families, in the order in which run numbers go through them.
std::vector<std::string> family_names();

/// The problem with this number: of family `number` modulo their count, a run to 10^100 with
/// records at quarter decades. The same for the same (seed, number), whatever else is run.
/// Of more than two `classes` the samples, and most of the weights, are the same, labels are drawn
/// anew (samples that families give one label keep one), and no run is of gradient flow.
RunProblem make_problem(std::uint64_t seed, std::uint64_t number, int classes = 2);

/// Writes X.npy, y.npy, W0.npy and config.toml, which `latetime run` takes, into `folder`.
void keep_problem(const RunProblem& problem, const std::string& folder);

}  // namespace latetime::hunt
