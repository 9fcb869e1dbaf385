#pragma once

#include <string>
#include <vector>

namespace latetime {

/// A curve with an optional band around it.
struct Series {
  std::string label;
  std::string color;              ///< any SVG colour
  std::vector<double> x, y;       ///< same size
  std::vector<double> low, high;  ///< band, same size as x; empty: none
};

struct Panel {
  std::string title, x_label, y_label;
  bool log_y = false;  ///< values ≤ 0 are left out
  std::vector<Series> series;
};

/// Panels side by side with one legend, as a self-contained SVG document (light background).
/// The legend shows the labels of the first panel.
std::string render_svg(const std::vector<Panel>& panels, const std::string& legend_title);

/// `count` colours from dark blue to yellow-green, even in brightness (viridis), so that the order
/// survives grey print and colour blindness.
std::vector<std::string> sequential_colors(std::size_t count);

}  // namespace latetime
