#pragma once

#include <string>
#include <vector>

namespace latetime {

/// How the points of a series are drawn.
enum class Mark { line, dashed, points, joined_points };

/// A curve with an optional band around it.
struct Series {
  std::string label;
  std::string color;                        ///< any SVG colour
  std::vector<double> x = {}, y = {};       ///< same size
  std::vector<double> low = {}, high = {};  ///< band, same size as x; empty: none
  Mark mark = Mark::line;
};

struct Panel {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;  ///< values ≤ 0 are left out
  std::vector<Series> series = {};
};

/// Panels side by side with one legend, as a self-contained SVG document (light background).
/// The legend shows the labels of the first panel.
std::string render_svg(const std::vector<Panel>& panels, const std::string& legend_title);

/// Panels in rows of `columns`, each with its own legend below it (series without a label are left
/// out of it).
std::string render_grid_svg(const std::vector<Panel>& panels, std::size_t columns);

/// `count` colours from dark blue to yellow-green, even in brightness (viridis), so that the order
/// survives grey print and colour blindness.
std::vector<std::string> sequential_colors(std::size_t count);

}  // namespace latetime
