#include "latetime/report/training_overview.hpp"

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

Series curve(const CsvTable& table, const std::string& column, const std::string& label,
             const std::string& color) {
  const std::size_t step = table.index_of("step"), value = table.index_of(column);
  Series series{.label = label, .color = color};
  for (const auto& row : table.rows) {
    if (row[value].empty()) continue;
    series.x.push_back(std::strtod(row[step].c_str(), nullptr));
    series.y.push_back(std::strtod(row[value].c_str(), nullptr));
  }
  return series;
}

/// Mean of the groups' stable ranks.
Series group_mean(const CsvTable& table, const std::string& color) {
  const std::size_t step = table.index_of("step"), value = table.index_of("group_stable_ranks");
  Series series{.label = "mean of the groups", .color = color};
  for (const auto& row : table.rows) {
    std::istringstream ranks(row[value]);
    double sum = 0.0;
    int count = 0;
    for (double rank = 0.0; ranks >> rank; ++count) sum += rank;
    if (count < 2) continue;
    series.x.push_back(std::strtod(row[step].c_str(), nullptr));
    series.y.push_back(sum / count);
  }
  return series;
}

void add(Panel& panel, Series series) {
  if (!series.x.empty()) panel.series.push_back(std::move(series));
}

}  // namespace

std::string draw_training_overview(const std::string& metrics_path) {
  const CsvTable table = read_metrics(metrics_path);
  Panel ranks{.title = "Stable rank",
              .x_label = "step",
              .y_label = "stable rank",
              .log_x = true,
              .log_y = true};
  add(ranks, curve(table, "stable_rank_all", "all weights", "#0072b2"));
  add(ranks, group_mean(table, "#d55e00"));
  Panel errors{.title = "Error", .x_label = "step", .y_label = "share of samples", .log_x = true};
  add(errors, curve(table, "train_error", "training", "#0072b2"));
  add(errors, curve(table, "test_error", "test", "#d55e00"));
  return render_grid_svg({ranks, errors}, 2);
}

}  // namespace latetime
