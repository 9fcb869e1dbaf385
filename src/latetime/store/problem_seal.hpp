#pragma once

#include <string>

#include "latetime/base/array_store.hpp"

namespace latetime {

/// Checksums of what a run is of: its samples, labels and initial weights, and the keys that say
/// how it descends from there (slope, method, rate, batches). The same for a run that is carried
/// further. Throws InputError where an array is missing.
std::string problem_seal(const ArrayReader& arrays);

}  // namespace latetime
