#pragma once

#include "latetime/experiment/config.hpp"

// What does not fit into the machine's memory is refused before it is made.

namespace latetime {

/// Throws InputError when the arrays of a run of n samples of dimension d on that many neurons (of
/// both classes; 0: not known yet) cannot fit.
void require_memory(const RunConfig& config, double n, double d, double neurons);

/// The same of a training by `latetime train`.
void require_memory_of_training(const RunConfig& config, double n, double d, double neurons);

}  // namespace latetime
