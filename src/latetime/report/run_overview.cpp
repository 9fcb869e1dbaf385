#include "latetime/report/run_overview.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numbers>
#include <string>
#include <vector>

#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

Series curve(const CsvTable& table, const std::string& column, const std::string& label,
             const std::string& color, double scale) {
  const std::size_t time = table.index_of("log10_t"), value = table.index_of(column);
  Series series{.label = label, .color = color, .x = {}, .y = {}, .low = {}, .high = {}};
  for (const auto& row : table.rows) {
    if (row[time].empty() || row[value].empty()) continue;
    series.x.push_back(std::strtod(row[time].c_str(), nullptr));
    series.y.push_back(scale * std::strtod(row[value].c_str(), nullptr));
  }
  return series;
}

}  // namespace

namespace {

/// Stable ranks of the groups and of the stacked W.
std::vector<Series> rank_curves(const CsvTable& table) {
  const auto& columns = table.columns;
  std::vector<Series> curves;
  const char* const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
  for (std::size_t k = 0;; ++k) {
    const std::string column = "stable_rank_" + std::to_string(k);
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) break;
    curves.push_back(
        curve(table, column, "W" + std::to_string(k), colors[k % std::size(colors)], 1.0));
  }
  if (curves.empty()) {
    curves = {curve(table, "stable_rank_pos", "W\u208a\u2081", "#0072b2", 1.0),
              curve(table, "stable_rank_neg", "W\u208b\u2081", "#d55e00", 1.0)};
  }
  curves.push_back(curve(table, "stable_rank_all", "W", "#333333", 1.0));
  return curves;
}

}  // namespace

std::string draw_run_overview(const std::string& metrics_path) {
  const CsvTable table = read_metrics(metrics_path);
  return render_svg(
      {{.title = "Stable rank",
        .x_label = "log\u2081\u2080 t",
        .y_label = "stable rank",
        .log_y = true,
        .series = rank_curves(table)},
       {.title = "Training loss",
        .x_label = "log\u2081\u2080 t",
        .y_label = "log\u2081\u2080 loss",
        .series = {curve(table, "log_loss", "loss", "#333333", std::numbers::log10e)}}},
      "");
}

}  // namespace latetime
