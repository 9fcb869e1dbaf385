#pragma once

#include <string>

namespace latetime {

/// Draws a training of `latetime train` from its metrics.csv: stable ranks, and errors on training
/// and test samples, against steps on a logarithmic axis. Throws InputError when the file is
/// missing or lacks a column.
std::string draw_training_overview(const std::string& metrics_path);

}  // namespace latetime
