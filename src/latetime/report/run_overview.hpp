#pragma once

#include <string>

namespace latetime {

/// Draws a run from its stored metrics.csv: the stable ranks of W_{+1}, W_{−1} and the stacked W,
/// and the loss, against log10 t. Step 0 has no place on that axis and is left out. Throws
/// InputError when the file is missing or lacks a column.
std::string draw_run_overview(const std::string& metrics_path);

}  // namespace latetime
