#pragma once

#include <string>

namespace latetime {

/// Whether `folder` holds a training of `latetime train`, whose metrics.csv has further columns
/// than that of a run.
bool holds_training(const std::string& folder);

/// Throws InputError when it does: for what needs the state of every (neuron, sample) pair, which
/// only runs of `latetime run` keep.
void refuse_training(const std::string& folder);

/// Throws InputError where the folder holds a run of `latetime run`, which only that goes on with.
void refuse_run(const std::string& folder);

}  // namespace latetime
