// What becomes of the stable rank on real images, long after a training script stops?
//
//   build/release/examples/real_images_late [--out real_images_late] [--seeds 2]
//
// Full-batch gradient descent on subsets of MNIST, even digits against odd ones, the paper's
// network with m = 50. Every step is taken until the late-time flow can take over; then the flow
// goes on to t = 10^100 and to the limit. Larger subsets are followed by exact steps as far as
// `until` says and no further.
//
// Writes real_images_late.csv (a row a run and record), real_images_late_ends.csv (a row a run) and
// real_images_late.svg.

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "figure_program.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/image_set.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/experiment/limit_report.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace {

using namespace latetime;

constexpr Eigen::Index width = 50;
constexpr double learning_rate = 0.1;

struct Case {
  Eigen::Index n;
  double slope;
  const char* until;
  const char* color;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list{
      {20, 0.0, "1e100", "#0072b2"},  {20, 0.1, "1e100", "#56b4e9"}, {100, 0.0, "1e100", "#d55e00"},
      {100, 0.1, "1e100", "#e69f00"}, {400, 0.0, "1e5", "#009e73"},  {400, 0.1, "1e5", "#882255"}};
  return list;
}

std::string name_of(const Case& c) {
  return fmt::format("n = {}, {}", c.n, c.slope == 0.0 ? "ReLU" : fmt::format("slope {}", c.slope));
}

struct Tables {
  Table records{{"n", "slope", "seed", "log10_t", "engine", "log_loss", "stable_rank_pos",
                 "stable_rank_neg", "stable_rank_all", "switching_pairs", "sliding_pairs"}};
  Table ends{{"n", "slope", "seed", "outcome", "log10_t", "engine", "log_loss", "stable_rank_pos",
              "stable_rank_neg", "stable_rank_all", "limit_pos", "limit_neg", "limit_all"}};
  std::map<std::string, Spread> all, within;  // stable rank - 1 by log10 t
};

void follow(const Case& c, std::uint64_t seed, Tables& tables) {
  ImageSetOptions images;
  images.n = static_cast<std::size_t>(c.n);
  images.seed = seed;
  const Dataset data = load_image_set(images);
  const Network initial = gaussian_network(
      {.groups = 2, .width = width, .dim = data.dim(), .slope = c.slope}, 1e-3, seed);
  const Measurer measurer(data, initial);
  const LogTime until = LogTime::parse(c.until, "until");
  Descent descent({data, initial, learning_rate},
                  {.tolerance = 1e-6,
                   .until = until,
                   .seed = seed,
                   .threads = 2,
                   .discrepancy = largest_difference(measurer, data)});
  const std::vector<std::string> head{fmt::format("{}", c.n), shortest(c.slope),
                                      fmt::format("{}", seed)};
  std::vector<std::string> last;
  const auto record = [&](const TrainingState& state) {
    const Measures m = measurer.measure(state);
    const std::string engine = word_of(descent.engine());
    last = {log10_text(state.time), engine, shortest(m.log_loss)};
    for (const StableRank& rank : m.stable_ranks) last.push_back(shortest(rank.value));
    std::vector<std::string> row = head;
    row.insert(row.end(), last.begin(), last.end());
    row.push_back(fmt::format("{}", state.switches.own + state.switches.other));
    row.push_back(fmt::format("{}", state.sliding_pairs));
    tables.records.add(row);
    if (state.time == LogTime(0)) return;
    const double at = state.time.log10();
    tables.all[name_of(c)][at].push_back(m.stable_ranks[2].excess);
    tables.within[name_of(c)][at].push_back(
        std::max(m.stable_ranks[0].excess, m.stable_ranks[1].excess));
  };
  const Outcome outcome =
      descent.run(record_steps(until, 4, {}, 0), {.record = record, .pulse = nullptr});
  std::vector<std::string> end = head;
  end.push_back(word_of(outcome.reason));
  end.insert(end.end(), last.begin(), last.end());
  if (descent.flow()) {
    LateFlow flow = descent.flow_from_here();
    for (const StableRank& rank : report_limit(flow, data.x).stable_ranks) {
      end.push_back(shortest(rank.value));
    }
  }
  end.resize(13);
  tables.ends.add(end);
  fmt::print("{}\n", join(end, "  "));
}

Panel panel(const std::string& title, const std::map<std::string, Spread>& curves, double least,
            double most) {
  Panel result{.title = title,
               .x_label = "log\u2081\u2080 t",
               .y_label = "stable rank \u2212 1",
               .log_y = true};
  for (const Case& c : cases()) {
    Spread shown;
    for (const auto& [x, values] : curves.at(name_of(c))) {
      if (x >= least && x <= most) shown[x] = values;
    }
    if (!shown.empty())
      result.series.push_back(drawn_means(name_of(c), c.color, shown, Mark::line));
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const FigureArguments arguments =
        read_figure_arguments(argc, argv, {.out = "real_images_late", .seeds = 2});
    if (arguments.help) return 0;
    Tables tables;
    Progress progress("real_images_late");
    std::size_t done = 0;
    for (const Case& c : cases()) {
      for (std::uint64_t seed = 1; seed <= arguments.seeds; ++seed) {
        progress.show(name_of(c), done++, cases().size() * arguments.seeds);
        follow(c, seed, tables);
      }
    }
    progress.clear();
    tables.records.write(arguments.out, "real_images_late.csv");
    tables.ends.write(arguments.out, "real_images_late_ends.csv");
    replace_file(
        arguments.out + "/real_images_late.svg",
        render_grid_svg(
            {panel("All weights, to t = 10\u2077", tables.all, 0, 7),
             panel("All weights, to t = 10\u00b9\u2070\u2070", tables.all, 0, 100),
             panel("Within a class (the larger one), to t = 10\u2077", tables.within, 0, 7)},
            3));
    fmt::print("{} in {:.0f} s\n", arguments.out + "/real_images_late.svg", progress.seconds());
    return 0;
  } catch (const InputError& error) {
    fmt::print(stderr, "real_images_late: {}\n", error.what());
    return 2;
  }
}
