#pragma once

#include "latetime/experiment/config.hpp"

// What does not fit into the machine's memory is refused before it is made.

namespace latetime {

/// Throws InputError when the arrays of a run of n samples of dimension d in that many classes (0:
/// not known yet), network.width neurons each, cannot fit. Of K > 2 classes the tangent kernel of
/// n(K−1) margins counts where the run may be handed over to the late-time flow.
void require_memory(const RunConfig& config, double n, double d, double classes);

/// The same of a training by `latetime train`.
void require_memory_of_training(const RunConfig& config, double n, double d, double neurons);

}  // namespace latetime
