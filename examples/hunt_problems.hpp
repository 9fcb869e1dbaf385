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
RunProblem make_problem(std::uint64_t seed, std::uint64_t number);

/// Writes X.npy, y.npy, W0.npy and config.toml, which `latetime run` takes, into `folder`.
void keep_problem(const RunProblem& problem, const std::string& folder);

}  // namespace latetime::hunt
