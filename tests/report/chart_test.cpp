#include "latetime/report/chart.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/report/figure1.hpp"
#include "latetime/report/run_overview.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(Chart, DrawsACurveABandAndALegendEntryForEverySeries) {
  const Series a{.label = "a<b",
                 .color = "#111111",
                 .x = {0, 1},
                 .y = {1, 10},
                 .low = {1, 5},
                 .high = {2, 20}};
  const Series b{.label = "c", .color = "#222222", .x = {0, 1}, .y = {2, 3}, .low = {}, .high = {}};
  const std::string svg = render_svg(
      {{.title = "t", .x_label = "x", .y_label = "y", .log_y = true, .series = {a, b}}}, "which");
  EXPECT_EQ(count_of(svg, "<polyline"), 2u);
  EXPECT_EQ(count_of(svg, "<polygon"), 1u);
  EXPECT_THAT(svg, HasSubstr("a&lt;b"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Chart, TakesEmptyAndConstantData) {
  const Series empty{.label = "e", .color = "red", .x = {}, .y = {}, .low = {}, .high = {}};
  const Series flat{.label = "f", .color = "red", .x = {1}, .y = {0}, .low = {}, .high = {}};
  for (const bool log_y : {false, true}) {
    for (const Series& series : {empty, flat}) {
      const std::string svg = render_svg(
          {{.title = "", .x_label = "", .y_label = "", .log_y = log_y, .series = {series}}}, "");
      EXPECT_THAT(svg, Not(HasSubstr("nan")));
      EXPECT_THAT(svg, HasSubstr("</svg>"));
    }
  }
}

TEST(Chart, ShowsACurveOfOnePointAsADot) {
  const Series one{.label = "", .color = "red", .x = {0, 10}, .y = {2, 3}};  // 0 has no place
  const auto drawn = [&](bool log_x) {
    return render_grid_svg(
        {{.title = "", .x_label = "", .y_label = "", .log_x = log_x, .series = {one}}}, 1);
  };
  EXPECT_EQ(count_of(drawn(true), "<circle"), 1u);
  EXPECT_EQ(count_of(drawn(true), "<polyline"), 0u);
  EXPECT_EQ(count_of(drawn(false), "<circle"), 0u);
  EXPECT_EQ(count_of(drawn(false), "<polyline"), 1u);
}

TEST(Chart, DrawsAGridWithMarksAndALegendBelowEachPanel) {
  const Series line{.label = "line", .color = "red", .x = {1, 100}, .y = {1e-8, 1}};
  const Series dots{.label = "dots",
                    .color = "blue",
                    .x = {0, 1, 10},  // 0 has no place on a logarithmic axis
                    .y = {1, 1, 1},
                    .mark = Mark::points};
  const Series fit{.label = "", .color = "red", .x = {1, 2}, .y = {1, 2}, .mark = Mark::dashed};
  const Panel panel{.title = "t",
                    .x_label = "x",
                    .y_label = "y",
                    .log_x = true,
                    .log_y = true,
                    .series = {line, dots, fit}};
  const std::string svg = render_grid_svg({panel, panel, panel}, 2);
  EXPECT_EQ(count_of(svg, "<clipPath"), 3u);
  EXPECT_EQ(count_of(svg, "<polyline"), 6u);
  EXPECT_EQ(count_of(svg, "<circle"), 3u * (2 + 1));  // two points and the legend's
  EXPECT_EQ(count_of(svg, ">dots<"), 3u);
  EXPECT_EQ(count_of(svg, "stroke-dasharray"), 3u);
  EXPECT_THAT(svg, HasSubstr("10\u207b\u2078"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(SequentialColors, AreDistinct) {
  const auto colors = sequential_colors(11);
  EXPECT_EQ(std::set<std::string>(colors.begin(), colors.end()).size(), 11u);
  EXPECT_EQ(colors.front(), "#440154");
  EXPECT_EQ(sequential_colors(1).size(), 1u);
}

TEST(Figure1Drawing, HasOneCurveASlopeInEachPanel) {
  const TemporaryFolder folder;
  std::string csv = "slope,epoch,stable_rank_pos_mean,stable_rank_pos_std,loss_mean,loss_std\n";
  for (const char* slope : {"0", "0.5", "1"}) {
    for (const char* epoch : {"0", "1"})
      csv += std::string(slope) + "," + epoch + ",2,0.1,0.5,0.01\n";
  }
  const std::string svg = draw_figure1(folder.write("fig1.csv", csv));
  EXPECT_EQ(count_of(svg, "<polyline"), 6u);
  EXPECT_THROW(draw_figure1(folder.write("bad.csv", "slope,epoch\n0,1\n")), InputError);
  EXPECT_THROW(draw_figure1(folder / "missing.csv"), InputError);
}

TEST(RunOverview, LeavesOutStepZero) {
  const TemporaryFolder folder;
  const std::string svg =
      draw_run_overview(folder.write("metrics.csv",
                                     "log10_t,log_loss,stable_rank_pos,stable_rank_neg,stable_rank_"
                                     "all\n,-0.3,50,50,90\n0,-1,9,8,7\n1,-2,3,2,1\n"));
  EXPECT_EQ(count_of(svg, "<polyline"), 4u);
}

}  // namespace
}  // namespace latetime
