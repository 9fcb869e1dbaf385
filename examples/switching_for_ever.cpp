// Do ReLU neurons switch their activation for ever? Writes a figure and its tables.
//
//   build/release/examples/switching_for_ever [--out switching_for_ever] [--seeds 20]
//
// Data: Gaussian mixture (signal 0.01, noise 1), initial weights of 10^-3, learning rate 0.1.
// Every run takes exact steps to t = 10^4 at least; the late-time flow goes on from there to its
// limit at t = infinity, whose verdict on each (neuron, sample) pair is counted. Runs of n = 10,
// d = 784, m = 100 take exact steps to t = 10^6 as well, in which every switch is seen.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "figure_program.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace {

using namespace latetime;

constexpr double learning_rate = 0.1;
constexpr std::uint64_t hand_over_step = 10'000;
constexpr std::uint64_t last_step = 1'000'000;
constexpr std::uint64_t window = 30;  // steps of panel (a)
constexpr std::array<std::uint64_t, 3> window_starts{10'000, 100'000, 1'000'000};
constexpr std::array<double, 3> run_slopes{0.0, 0.1, 0.5};
constexpr std::array<double, 14> slopes{0.0,  0.005, 0.01, 0.015, 0.02, 0.025, 0.03,
                                        0.04, 0.05,  0.07, 0.1,   0.15, 0.2,   0.5};
constexpr double last_drawn_slope = 0.2;
constexpr std::array<Eigen::Index, 3> sample_counts{10, 20, 40};
constexpr std::array<Eigen::Index, 6> dimensions{60, 100, 200, 400, 784, 2000};
constexpr std::array<double, 14> decades{4, 4.5, 5, 5.5, 6, 7, 8, 10, 14, 20, 30, 45, 70, 100};
const std::string blue = "#0072b2", orange = "#d55e00", green = "#009e73", grey = "#777777";

struct Setup {
  Eigen::Index n, d, width;
  double slope;
  std::uint64_t seed;
};

struct Followed {
  explicit Followed(const Setup& s)
      : data(gaussian_mixture(s.n, s.d, 0.01, 1.0, s.seed)),
        network(gaussian_network({.groups = 2, .width = s.width, .dim = s.d, .slope = s.slope},
                                 1e-3, s.seed)),
        flow({data, network, learning_rate}),
        exact({data, network, learning_rate}, 1, true) {}

  bool other(Eigen::Index k, Eigen::Index i) const { return !flow.own(flow.group_of(k), i); }
  double other_pairs() const { return static_cast<double>(flow.samples() * flow.shape.width); }
  FlowStart start() const {
    const Matrix c = exact.coefficients();
    return {std::log(static_cast<double>(exact.step())), c, exact.preactivations_of(c)};
  }
  void go_to(std::uint64_t step) { exact.advance(step - exact.step()); }

  const Dataset data;
  const Network network;
  const FlowProblem flow;
  ExactDescent exact;
};

/// Fraction of the other-class pairs with each verdict at t = infinity.
struct Fractions {
  LimitStatus status;
  double switches = 0.0, undecided = 0.0;
  /// max_l Σ_{i≠l} λ_i |G_il| / (λ_l G_ll): with a larger slope no pair can switch for ever.
  double settling_slope = 0.0;
};

Fractions fractions(const Followed& problem, const Limit& limit) {
  Fractions result{limit.status};
  if (limit.status != LimitStatus::found) return result;
  for (Eigen::Index k = 0; k < problem.flow.neurons(); ++k) {
    for (Eigen::Index i = 0; i < problem.flow.samples(); ++i) {
      if (!problem.other(k, i)) continue;
      result.switches += limit.verdict(k, i) == PairVerdict::switches;
      result.undecided += limit.verdict(k, i) == PairVerdict::undecided;
    }
  }
  for (Eigen::Index l = 0; l < problem.flow.samples(); ++l) {
    const double own = limit.multipliers[l] * problem.flow.gram(l, l);
    const double all = problem.flow.gram.row(l).cwiseAbs().dot(limit.multipliers);
    result.settling_slope = std::max(result.settling_slope, all / own - 1.0);
  }
  result.switches /= problem.other_pairs();
  result.undecided /= problem.other_pairs();
  return result;
}

Fractions fractions_at_infinity(const Setup& setup) {
  Followed problem(setup);
  problem.go_to(hand_over_step);
  LateFlow flow(problem.flow, problem.start(), {});
  return fractions(problem, follow_to_limit(flow));
}

// ---- exact steps to 10^6 ------------------------------------------------------------------------

/// What one run of exact steps showed.
struct Walk {
  std::vector<std::pair<double, double>> switches;  // t, other-class switches up to it
  double last_decade = 0.0;                         // switches a step in the last decade
  std::uint64_t last_switch = 0;
  std::array<PairBits, 2> switched;          // in the decades up to 10^5 and 10^6
  std::vector<std::vector<Matrix>> windows;  // Z step by step
  FlowStart start;                           // at the hand-over
};

Walk walk(Followed& problem, bool with_windows) {
  Walk result;
  ExactDescent& exact = problem.exact;
  for (int k = 0; k <= 48; ++k) {  // 8 a decade
    const auto step = static_cast<std::uint64_t>(std::llround(std::pow(10.0, k / 8.0)));
    problem.go_to(step);
    result.switches.emplace_back(static_cast<double>(step),
                                 static_cast<double>(exact.switches().other));
    if (step == last_step / 10) result.last_decade = result.switches.back().second;
    if (step == hand_over_step) result.start = problem.start();
    if (step == last_step / 10) result.switched[0] = exact.state(false).switched_since_record;
    if (step == last_step) result.switched[1] = exact.state(false).switched_since_record;
    if (step == hand_over_step || step == last_step / 10) exact.clear_switched();
    const bool shown =
        std::find(window_starts.begin(), window_starts.end(), step) != window_starts.end();
    if (!with_windows || !shown) continue;
    result.windows.emplace_back();
    for (std::uint64_t s = 0; s <= window; ++s) {
      problem.go_to(step + s);
      result.windows.back().push_back(exact.preactivations_of(exact.coefficients()));
    }
  }
  result.last_decade = (result.switches.back().second - result.last_decade) /
                       static_cast<double>(last_step - last_step / 10);
  result.last_switch = exact.switches().last_other_step;
  return result;
}

/// Pairs by what exact steps did in the last decade, and what the flow says.
struct Agreement {
  // [switched in the last decade][said so]
  std::array<std::array<int, 2>, 2> flow_at_end{}, limit{};
};

struct Output {
  explicit Output(const FigureArguments& a) : arguments(a) {}

  const FigureArguments& arguments;
  Progress progress{"switching_for_ever"};
  Table pair{{"t", "step", "t_times_z", "t_times_mean", "t_times_lowest", "t_times_highest"}};
  Table counts{{"slope", "seed", "t", "other_switches"}};
  Table check{{"seed", "switched_in_last_decade", "verdict", "pairs", "of"}};
  Table limits{
      {"n", "d", "m", "slope", "seed", "status", "switches", "undecided", "settling_slope"}};
  Panel hopping, growth, by_slope, by_dimension, in_time, agreement;
};

/// Panel (a): one pair that slides alone in its neuron at the start of all windows.
void show_pair(Output& out, const Followed& problem, const Walk& walk) {
  LateFlow flow(problem.flow, walk.start, {});
  const auto shape = std::pair(problem.flow.neurons(), problem.flow.samples());
  Eigen::MatrixXi alone = Eigen::MatrixXi::Ones(shape.first, shape.second);
  Matrix size = Matrix::Zero(shape.first, shape.second);
  std::array<std::vector<std::array<double, 3>>, 3> ends;  // t times lowest, mean, highest
  for (std::size_t w = 0; w < window_starts.size(); ++w) {
    flow.advance_to(std::log(static_cast<double>(window_starts[w])));
    const Vector lambda = flow.lambda();
    ends[w].resize(static_cast<std::size_t>(alone.size()));
    for (Eigen::Index k = 0; k < alone.rows(); ++k) {
      const NeuronMode& mode = flow.mode(k);
      const bool single = mode.sliding.size() == 1 && mode.riding.empty();
      for (Eigen::Index i = 0; i < alone.cols(); ++i) {
        if (!single || mode.sliding[0] != i) {
          alone(k, i) = 0;
          continue;
        }
        const double scale = problem.flow.rate * problem.flow.gram(i, i);
        const double beta = (mode.share * lambda)[0];
        const double up = scale * beta, down = scale * (lambda[i] - beta);
        size(k, i) += std::min(up, down);
        ends[w][static_cast<std::size_t>(k * alone.cols() + i)] = {
            -down,
            switching_mean(problem.flow, problem.flow.group_of(k), mode, lambda).preactivation[0],
            up};
      }
    }
  }
  Eigen::Index k = 0, i = 0;
  if (size.cwiseProduct(alone.cast<double>()).maxCoeff(&k, &i) <= 0.0) return;
  const std::array<std::string, 3> colors{blue, orange, green};
  const std::array<std::string, 3> names{"exact steps, t = 10⁴", "exact steps, t = 10⁵",
                                         "exact steps, t = 10⁶"};
  out.hopping = {.title = fmt::format("(a) One pair hops for ever (neuron {}, sample {})", k, i),
                 .x_label = "gradient steps after t",
                 .y_label = "t · pre-activation z"};
  for (std::size_t w = 0; w < window_starts.size(); ++w) {
    const auto t = static_cast<double>(window_starts[w]);
    const auto& end = ends[w][static_cast<std::size_t>(k * alone.cols() + i)];
    Series s{.label = names[w], .color = colors[w], .mark = Mark::joined_points};
    for (std::size_t step = 0; step < walk.windows[w].size(); ++step) {
      const double z = t * walk.windows[w][step](k, i);
      s.x.push_back(static_cast<double>(step));
      s.y.push_back(z);
      out.pair.add({shortest(t), std::to_string(step), shortest(z), shortest(end[1]),
                    shortest(end[0]), shortest(end[2])});
    }
    out.hopping.series.push_back(s);
    if (w + 1 < window_starts.size()) continue;
    const std::vector<double> x{0.0, static_cast<double>(window)};
    for (const std::size_t e : {1u, 0u, 2u}) {
      out.hopping.series.push_back({.label = e == 1 ? "mean b − c/2"
                                             : e    ? ""
                                                    : "ends b − c and b",
                                    .color = e == 1 ? "#222222" : grey,
                                    .x = x,
                                    .y = {end[e], end[e]},
                                    .mark = Mark::dashed});
    }
  }
}

void follow_in_time(const Followed& problem, const Walk& walk, Spread& sliding, Spread& limit_line,
                    Agreement& agreement, Fractions& at_infinity) {
  LateFlow flow(problem.flow, walk.start, {});
  const auto tally = [&](auto& table, const auto& says) {
    for (Eigen::Index k = 0; k < problem.flow.neurons(); ++k) {
      for (Eigen::Index i = 0; i < problem.flow.samples(); ++i) {
        if (problem.other(k, i)) ++table[walk.switched[1].test(k, i)][says(k, i) ? 1 : 0];
      }
    }
  };
  for (const double decade : decades) {
    if (flow.advance_to(decade * std::log(10.0)) != FlowStatus::reached) break;
    sliding[decade].push_back(static_cast<double>(flow.sliding_pairs()) / problem.other_pairs());
    if (decade == 6.0) {
      tally(agreement.flow_at_end,
            [&](Eigen::Index k, Eigen::Index i) { return flow.at_zero(k, i); });
    }
  }
  const Limit limit = follow_to_limit(flow);
  at_infinity = fractions(problem, limit);
  if (limit.status != LimitStatus::found) return;
  tally(agreement.limit, [&](Eigen::Index k, Eigen::Index i) {
    return limit.verdict(k, i) == PairVerdict::switches;
  });
  for (const double decade : decades) limit_line[decade].push_back(at_infinity.switches);
}

/// What all runs of exact steps showed together: panels (a), (b), (e), (f).
class ExactRuns {
 public:
  explicit ExactRuns(Output& out) : out_(out) {}

  void add_seed(std::uint64_t seed) {
    for (std::size_t s = 0; s < run_slopes.size(); ++s) {
      Followed problem({10, 784, 100, run_slopes[s], seed});
      const Walk w = walk(problem, seed == 1 && s == 0);
      last_switch_[s] = std::max(last_switch_[s], w.last_switch);
      for (const auto& [t, count] : w.switches) {
        growth_[s][t].push_back(count);
        out_.counts.add(
            {shortest(run_slopes[s]), std::to_string(seed), shortest(t), shortest(count)});
      }
      if (s > 0) continue;
      per_step_.push_back(w.last_decade);
      if (seed == 1) show_pair(out_, problem, w);
      check(problem, w, seed);
    }
  }

  void draw() const {
    const std::array<std::string, 3> colors{blue, orange, green};
    out_.growth = {.title = "(b) Activation switches so far",
                   .x_label = "t, gradient steps",
                   .y_label = "switches of other-class pairs",
                   .log_x = true,
                   .log_y = true};
    for (std::size_t s = 0; s < run_slopes.size(); ++s) {
      out_.growth.series.push_back(
          drawn_means(s ? fmt::format("slope {:g}", run_slopes[s]) : "ReLU", colors[s], growth_[s],
                      s == 2 ? Mark::dashed : Mark::line));
    }
    out_.in_time = {.title = "(e) Pairs that switch at time t",
                    .x_label = "log₁₀ t",
                    .y_label = "fraction of other-class pairs",
                    .log_x = true,
                    .series = {drawn_means("late-time flow", blue, sliding_),
                               drawn_means("exact, last decade", orange, switched_, Mark::points),
                               drawn_means("limit t = ∞", "#222222", limit_line_, Mark::dashed)}};
    const double low = by_flow_.begin()->first, high = by_flow_.rbegin()->first;
    out_.agreement = {.title = "(f) Switching pairs of each run, of 1,000",
                      .x_label = "pairs that exact steps switched in 10⁵ < t ≤ 10⁶",
                      .y_label = "pairs said to switch",
                      .series = {drawn_means("by the flow at 10⁶", blue, by_flow_, Mark::points),
                                 drawn_means("by the limit t = ∞", orange, by_limit_, Mark::points),
                                 {.label = "equal",
                                  .color = grey,
                                  .x = {low, high},
                                  .y = {low, high},
                                  .mark = Mark::dashed}}};
  }

  void print() const {
    fmt::print("n=10 d=784 m=100, {} seeds, 1,000 other-class pairs a run\n", per_step_.size());
    for (std::size_t s = 0; s < run_slopes.size(); ++s) {
      fmt::print("  slope {:g}: {:.4g} switches up to 10^6 on average, the last after step {}\n",
                 run_slopes[s], mean(growth_[s].rbegin()->second), last_switch_[s]);
    }
    fmt::print("  ReLU: {:.3g} switches a step in the last decade ({:.3g} to {:.3g})\n",
               mean(per_step_), *std::min_element(per_step_.begin(), per_step_.end()),
               *std::max_element(per_step_.begin(), per_step_.end()));
    const auto print = [](const char* who, const auto& table) {
      fmt::print(
          "  {:<13} says switching / exact steps in 10^5..10^6:  yes/yes {}  yes/no {}  "
          "no/yes {}  no/no {}\n",
          who, table[1][1], table[0][1], table[1][0], table[0][0]);
    };
    print("flow at 10^6", total_.flow_at_end);
    print("limit", total_.limit);
  }

 private:
  /// What the flow and its limit say against the pairs that exact steps switched.
  void check(const Followed& problem, const Walk& w, std::uint64_t seed) {
    Agreement mine;
    Fractions at_infinity;
    follow_in_time(problem, w, sliding_, limit_line_, mine, at_infinity);
    for (std::size_t d = 0; d < w.switched.size(); ++d) {
      int count = 0;
      for (Eigen::Index k = 0; k < problem.flow.neurons(); ++k) {
        for (Eigen::Index i = 0; i < problem.flow.samples(); ++i) {
          count += problem.other(k, i) && w.switched[d].test(k, i);
        }
      }
      switched_[5.0 + static_cast<double>(d)].push_back(count / problem.other_pairs());
    }
    const double seen = mine.flow_at_end[1][0] + mine.flow_at_end[1][1];
    by_flow_[seen].push_back(mine.flow_at_end[0][1] + mine.flow_at_end[1][1]);
    if (at_infinity.status == LimitStatus::found) {
      by_limit_[seen].push_back(mine.limit[0][1] + mine.limit[1][1]);
    }
    for (const std::size_t a : {0u, 1u}) {
      for (const std::size_t b : {0u, 1u}) {
        total_.flow_at_end[a][b] += mine.flow_at_end[a][b];
        total_.limit[a][b] += mine.limit[a][b];
        out_.check.add({std::to_string(seed), std::to_string(a), std::to_string(b),
                        std::to_string(mine.flow_at_end[a][b]), "flow at 10^6"});
        out_.check.add({std::to_string(seed), std::to_string(a), std::to_string(b),
                        std::to_string(mine.limit[a][b]), "limit"});
      }
    }
  }

  Output& out_;
  std::array<Spread, 3> growth_;  // by t, of each slope
  std::array<std::uint64_t, 3> last_switch_{};
  std::vector<double> per_step_;            // switches a step in the last decade
  Spread sliding_, limit_line_, switched_;  // fractions by log10 t
  Spread by_flow_, by_limit_;               // pairs said to switch by pairs that did
  Agreement total_;
};

void exact_runs(Output& out) {
  ExactRuns runs(out);
  for (std::uint64_t seed = 1; seed <= out.arguments.seeds; ++seed) {
    out.progress.show("exact steps", seed - 1, out.arguments.seeds);
    runs.add_seed(seed);
  }
  out.progress.clear();
  runs.draw();
  runs.print();
}

// ---- limits -------------------------------------------------------------------------------------

/// Limits of all seeds of a case into the table and two spreads.
void count_limits(Output& out, Setup setup, double x, Spread& switches, Spread& undecided) {
  int lost = 0;
  std::vector<double> settling;
  for (setup.seed = 1; setup.seed <= out.arguments.seeds; ++setup.seed) {
    const Fractions f = fractions_at_infinity(setup);
    const bool found = f.status == LimitStatus::found;
    out.limits.add({std::to_string(setup.n), std::to_string(setup.d), std::to_string(setup.width),
                    shortest(setup.slope), std::to_string(setup.seed), word_of(f.status),
                    found ? shortest(f.switches) : "", found ? shortest(f.undecided) : "",
                    found ? shortest(f.settling_slope) : ""});
    if (!found) ++lost;
    if (!found) continue;
    settling.push_back(f.settling_slope);
    switches[x].push_back(f.switches);
    undecided[x].push_back(f.undecided);
  }
  out.progress.clear();
  fmt::print("  n={} d={} m={} slope {:g}: switching {:.4f} in {} of {} runs, undecided {:.4f}",
             setup.n, setup.d, setup.width, setup.slope, mean(switches[x]),
             std::count_if(switches[x].begin(), switches[x].end(), [](double f) { return f > 0; }),
             switches[x].size(), mean(undecided[x]));
  if (lost > 0) fmt::print(", limit not found in {}", lost);
  if (setup.slope > 0) fmt::print(", bound on switching slopes {:.2f}", median(settling));
  fmt::print("\n");
}

/// Panels (c) and (d).
void limits(Output& out) {
  fmt::print("fraction of other-class pairs that switch for ever (limit t = infinity)\n");
  const std::string y_label = "fraction of other-class pairs";
  Spread switches, undecided, every_undecided;
  std::size_t done = 0;
  for (const double slope : slopes) {
    out.progress.show("limits by slope", done++, slopes.size());
    count_limits(out, {10, 784, 100, slope, 1}, slope, switches, undecided);
  }
  for (Spread* spread : {&switches, &undecided}) {
    spread->erase(spread->upper_bound(last_drawn_slope), spread->end());
  }
  out.by_slope = {.title = "(c) At t = ∞, by slope (n = 10, d = 784, m = 100)",
                  .x_label = "slope γ of the leaky ReLU",
                  .y_label = y_label,
                  .series = {drawn_means("switch for ever", blue, switches),
                             drawn_means("undecided", grey, undecided)}};
  out.by_dimension = {.title = "(d) At t = ∞, ReLU, by n/d (m = 50)",
                      .x_label = "n/d",
                      .y_label = y_label,
                      .log_x = true};
  const std::array<std::string, 3> colors{blue, orange, green};
  done = 0;
  for (std::size_t c = 0; c < sample_counts.size(); ++c) {
    Spread by_ratio;
    for (const Eigen::Index d : dimensions) {
      out.progress.show("limits by n/d", done++, sample_counts.size() * dimensions.size());
      const Eigen::Index n = sample_counts[c];
      const double x = static_cast<double>(n) / static_cast<double>(d);
      count_limits(out, {n, d, 50, 0.0, 1}, x, by_ratio, every_undecided);
    }
    out.by_dimension.series.push_back(
        drawn_means(fmt::format("n = {}", sample_counts[c]), colors[c], by_ratio));
  }
  out.by_dimension.series.push_back(drawn_means("undecided", grey, every_undecided));
}

void write(const Output& out) {
  const std::string& folder = out.arguments.out;
  out.pair.write(folder, "one_pair.csv");
  out.counts.write(folder, "switches.csv");
  out.check.write(folder, "agreement.csv");
  out.limits.write(folder, "limits.csv");
  replace_file(folder + "/switching_for_ever.svg",
               render_grid_svg({out.hopping, out.growth, out.by_slope, out.by_dimension,
                                out.in_time, out.agreement},
                               3));
}

}  // namespace

int main(int argc, char** argv) try {
  const FigureArguments arguments =
      read_figure_arguments(argc, argv, {.out = "switching_for_ever", .seeds = 20});
  if (arguments.help) {
    fmt::print(
        "usage: switching_for_ever [--out DIR] [--seeds N]\n\n"
        "Shows that ReLU neurons go on switching for ever. Writes switching_for_ever.svg and\n"
        "one_pair.csv, switches.csv, agreement.csv, limits.csv into DIR (default\n"
        "switching_for_ever), from N runs a case (default 20, about two minutes).\n");
    return 0;
  }
  Output out(arguments);
  exact_runs(out);
  limits(out);
  write(out);
  fmt::print("wrote {}/switching_for_ever.svg and four tables in {:.0f} s\n", arguments.out,
             out.progress.seconds());
  return 0;
} catch (const InputError& error) {
  fmt::print(stderr, "switching_for_ever: {}\n", error.what());
  return 2;
}
