#include "latetime/report/figure1.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

/// A curve a slope, with the band mean ± 3 std; `floor` bounds the band from below.
std::vector<Series> curves(const CsvTable& table, const std::string& quantity, double floor) {
  const std::size_t slope = table.index_of("slope"), epoch = table.index_of("epoch");
  const std::size_t mean = table.index_of(quantity + "_mean");
  const std::size_t deviation = table.index_of(quantity + "_std");
  std::vector<Series> series;
  for (const auto& row : table.rows) {
    if (series.empty() || series.back().label != row[slope]) {
      series.push_back({.label = row[slope], .color = {}, .x = {}, .y = {}, .low = {}, .high = {}});
    }
    Series& s = series.back();
    const double y = std::strtod(row[mean].c_str(), nullptr);
    const double three = 3.0 * std::strtod(row[deviation].c_str(), nullptr);
    s.x.push_back(std::strtod(row[epoch].c_str(), nullptr));
    s.y.push_back(y);
    s.low.push_back(std::max(floor, y - three));
    s.high.push_back(y + three);
  }
  const auto colors = sequential_colors(series.size());
  for (std::size_t i = 0; i < series.size(); ++i) series[i].color = colors[i];
  return series;
}

}  // namespace

std::string draw_figure1(const std::string& csv_path) {
  const CsvTable table = read_metrics(csv_path);
  return render_svg({{.title = "Stable rank of W\u208a\u2081",
                      .x_label = "epoch",
                      .y_label = "stable rank",
                      .log_y = true,
                      .series = curves(table, "stable_rank_pos", 1.0)},
                     {.title = "Training loss",
                      .x_label = "epoch",
                      .y_label = "loss",
                      .log_y = true,
                      .series = curves(table, "loss", 0.0)}},
                    "slope \u03b3");
}

}  // namespace latetime
