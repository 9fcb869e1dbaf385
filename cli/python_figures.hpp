#pragma once

#include <string>

namespace latetime::cli {

/// Draws the tables (fig1.csv, …) in `folder` with latetime.figures of the Python package, where
/// that and matplotlib are there. Unless `quiet`, prints the pictures of `figure` ("fig1", …), and
/// the command that draws them again; or, without Python, what it takes to draw them.
void draw_with_python(const std::string& folder, const std::string& figure, bool quiet);

}  // namespace latetime::cli
