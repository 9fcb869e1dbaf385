#pragma once

#include <cstdint>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Label noise: each label is replaced, with probability `share` and whatever the others do, by
/// another class (of two: by the other one; of more: by one drawn uniformly). `clean_classes` keeps
/// what they were. Whether sample i is hit is decided by a number of its own, below `share` or not:
/// a larger share hits the same samples and others, and 0 leaves `data` as it is.
void add_label_noise(Dataset& data, double share, std::uint64_t seed);

}  // namespace latetime
