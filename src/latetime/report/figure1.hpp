#pragma once

#include <string>

namespace latetime {

/// Draws Figure 1 (stable rank of W_{+1} and training loss against epochs, mean ± 3 standard
/// deviations, a curve a slope) from the CSV file that `latetime reproduce fig1` stored.
/// Throws InputError when the file is missing or lacks a column.
std::string draw_figure1(const std::string& csv_path);

}  // namespace latetime
