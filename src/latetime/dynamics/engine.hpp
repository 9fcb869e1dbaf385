#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "latetime/model/problem.hpp"
#include "latetime/model/training_state.hpp"

namespace latetime {

/// Everything an engine needs to go on from where it was, to the same bits: what a checkpoint
/// holds.
struct EngineMemory {
  std::uint64_t step = 0;
  std::map<std::string, Matrix> arrays;
  SwitchCounts switches;
  PairBits switched_since_record;
};

/// Samples of each group's own class as pattern words: words_per_row(n) words for each of K groups.
std::vector<std::uint64_t> own_class_words(const Dataset& data, int groups);

/// Writes one neuron's activation bits, z_i ≥ 0, into its pattern row (words_per_row(samples)
/// words).
void set_pattern(const double* z, Eigen::Index samples, std::uint64_t* words);

}  // namespace latetime
