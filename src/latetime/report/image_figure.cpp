#include "latetime/report/image_figure.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

/// What a panel shows of the table.
struct Quantity {
  std::string column;
  double floor;     ///< of the band
  bool every_step;  ///< not only whole epochs
  std::string x_column;
};

/// The column that tells the variants apart.
std::string variant_column(const CsvTable& table) {
  const std::size_t width = table.index_of("width");
  std::set<std::string> widths;
  for (const auto& row : table.rows) widths.insert(row[width]);
  return widths.size() > 1 ? "width" : "init_std";
}

std::vector<Series> curves(const CsvTable& table, const std::string& variant,
                           const Quantity& quantity) {
  const std::size_t label = table.index_of(variant), x = table.index_of(quantity.x_column);
  const std::size_t epoch = table.index_of("epoch");
  const std::size_t mean = table.index_of(quantity.column + "_mean");
  const std::size_t deviation = table.index_of(quantity.column + "_std");
  std::vector<Series> series;
  for (const auto& row : table.rows) {
    const double at = std::strtod(row[epoch].c_str(), nullptr);
    if (row[mean].empty() || (!quantity.every_step && at != std::floor(at))) continue;
    if (series.empty() || series.back().label != row[label]) {
      series.push_back({.label = row[label], .color = {}});
    }
    Series& s = series.back();
    const double y = std::strtod(row[mean].c_str(), nullptr);
    const double three = 3.0 * std::strtod(row[deviation].c_str(), nullptr);
    s.x.push_back(std::strtod(row[x].c_str(), nullptr));
    s.y.push_back(y);
    s.low.push_back(std::max(quantity.floor, y - three));
    s.high.push_back(y + three);
  }
  const auto colors = sequential_colors(series.size());
  for (std::size_t i = 0; i < series.size(); ++i) series[i].color = colors[i];
  return series;
}

}  // namespace

std::string draw_image_figure(const std::string& csv_path) {
  const CsvTable table = read_metrics(csv_path);
  const std::string variant = variant_column(table);
  const Quantity rank{"stable_rank_all", 1.0, false, "epoch"};
  const Quantity error{"test_error", 1e-4, false, "epoch"};
  const Quantity fall{"stable_rank_all", 1.0, true, "step"};
  return render_svg({{.title = "Stable rank of W",
                      .x_label = "epoch",
                      .y_label = "stable rank",
                      .log_y = true,
                      .series = curves(table, variant, rank)},
                     {.title = "Test error",
                      .x_label = "epoch",
                      .y_label = "share of the test images",
                      .log_y = true,
                      .series = curves(table, variant, error)},
                     {.title = "Stable rank from the first step on",
                      .x_label = "step",
                      .y_label = "stable rank",
                      .log_x = true,
                      .log_y = true,
                      .series = curves(table, variant, fall)}},
                    variant == "width" ? "width m" : "initial std \u03c3\u2080");
}

}  // namespace latetime
