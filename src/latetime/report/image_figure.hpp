#pragma once

#include <string>

namespace latetime {

/// Draws one of Figures 2 to 5 from the CSV file that `latetime reproduce` stored, mean ± 3
/// standard deviations, a curve a variant (initial standard deviation or width, whichever varies):
/// stable rank and test error against epochs, and the fall of the stable rank against steps on a
/// logarithmic axis. Throws InputError when the file is missing or lacks a column.
std::string draw_image_figure(const std::string& csv_path);

}  // namespace latetime
