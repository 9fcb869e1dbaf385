#include "latetime/report/run_overview.hpp"

#include <cstdlib>
#include <numbers>

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

std::string draw_run_overview(const std::string& metrics_path) {
  const CsvTable table = read_metrics(metrics_path);
  return render_svg(
      {{.title = "Stable rank",
        .x_label = "log\u2081\u2080 t",
        .y_label = "stable rank",
        .log_y = true,
        .series = {curve(table, "stable_rank_pos", "W\u208a\u2081", "#0072b2", 1.0),
                   curve(table, "stable_rank_neg", "W\u208b\u2081", "#d55e00", 1.0),
                   curve(table, "stable_rank_all", "W", "#333333", 1.0)}},
       {.title = "Training loss",
        .x_label = "log\u2081\u2080 t",
        .y_label = "log\u2081\u2080 loss",
        .series = {curve(table, "log_loss", "loss", "#333333", std::numbers::log10e)}}},
      "");
}

}  // namespace latetime
