// How does the error of the late-time flow depend on the time T at which it takes over?
//
//   build/release/examples/hand_over_order [--out hand_over_order] [--seeds 20]
//
// Exact steps go from the start to t = 10^6. Flows start from their states at T = 10^2 … 10^5 and
// are compared with them at t = 10 T and at t = 10^6, in log loss and in the stable ranks of
// W_{+1}, W_{-1} and W (the largest difference of the three).
//
// A single step of a network that switches for ever is off its own mean by O(1/t). So the mean of
// exact steps over a window is compared with the mean of the flow over the same window: weights
// exp(-1/(p (1 - p))) at phases p make averages of quasi-periodic motion converge fast, and the
// flow, which is smooth, is integrated from its values at a few nodes.
//
// Writes hand_over_order.csv (a row a run and T), hand_over_order_fits.csv and hand_over_order.svg.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "figure_program.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/measure/measures.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/report/chart.hpp"
#include "latetime/store/run_directory.hpp"

namespace {

using namespace latetime;

constexpr double learning_rate = 0.1;
constexpr std::size_t nodes = 9;
// ReLU networks are compared from this hand-over on (log10 T): before, activations still settle.
constexpr double first_compared = 2.9;
// Where the flow's own integration, rounding, and averages over windows end (seen in the tables):
// smaller errors are left out of the fits.
constexpr double loss_floor = 1e-12;
const std::string blue = "#0072b2", orange = "#d55e00", green = "#009e73";

struct Case {
  std::string name;
  Eigen::Index n, d, width;
  double slope;
  int per_decade;           // hand-over times
  std::uint64_t window;     // steps
  std::vector<bool> means;  // FlowOptions::switching_means
  std::uint64_t runs = 1;   // for each seed asked for: few of these networks come without events
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list{
      {"leaky", 10, 784, 20, 0.5, 4, 16, {true}},
      {"relu", 6, 400, 4, 0.0, 2, 32768, {true, false}, 3},
      {"relu-correlated", 20, 60, 10, 0.0, 2, 32768, {true}},
  };
  return list;
}

/// Log loss and the three stable ranks.
using Quantities = std::array<double, 4>;

/// Means over the steps first … first + count, the same weights for exact steps and the flow.
struct Window {
  Window(std::uint64_t first_step, std::uint64_t wanted) : first(first_step) {
    const std::uint64_t stride =
        std::max<std::uint64_t>(1, std::min(wanted, first_step / 8) / (nodes - 1));
    count = stride * (nodes - 1);
    for (std::size_t j = 0; j < nodes; ++j) {
      log_times[j] = std::log(static_cast<double>(first + j * stride));
    }
    double total = 0.0;
    for (std::uint64_t s = 0; s <= count; ++s) total += weight(s);
    for (std::uint64_t s = 0; s <= count; ++s) {
      const double at = std::log(static_cast<double>(first + s));
      for (std::size_t j = 0; j < nodes; ++j) {
        double part = weight(s) / total;  // times the Lagrange polynomial of node j
        for (std::size_t i = 0; i < nodes; ++i) {
          if (i != j) part *= (at - log_times[i]) / (log_times[j] - log_times[i]);
        }
        node_weights[j] += part;
      }
      weights.push_back(weight(s) / total);
    }
  }

  double weight(std::uint64_t s) const {
    const double phase = (static_cast<double>(s) + 0.5) / (static_cast<double>(count) + 1.0);
    return std::exp(-1.0 / (phase * (1.0 - phase)));
  }

  std::uint64_t first, count = 0;

  std::vector<double> weights;
  std::array<double, nodes> log_times{}, node_weights{};
};

struct Row {
  std::string name;
  std::uint64_t seed;
  double hand_over;  // log10 T
  bool means;
  Eigen::Index sliding = 0;          // at the hand-over
  bool separated = true;             // else the loss does not go to zero, and there is no late time
  int own_near = 0, other_near = 0;  // events up to 10 T
  int own_far = 0, other_far = 0;    // events up to 10^6
  std::uint64_t undecided = 0;
  double loss_near = 0.0, rank_near = 0.0;  // errors at 10 T
  double loss_far = 0.0, rank_far = 0.0;    // errors at 10^6
};

/// One run by exact steps, and the flows that start from it.
class Comparison {
 public:
  Comparison(const Case& c, std::uint64_t seed)
      : case_(c),
        seed_(seed),
        data_(gaussian_mixture(c.n, c.d, 0.01, 1.0, seed)),
        network_(gaussian_network({.groups = 2, .width = c.width, .dim = c.d, .slope = c.slope},
                                  1e-3, seed)),
        measurer_(data_, network_),
        problem_({data_, network_, learning_rate}),
        exact_({data_, network_, learning_rate}, 1, true) {
    for (int k = 0; k <= 3 * c.per_decade; ++k) {
      const double decade = 2.0 + static_cast<double>(k) / c.per_decade;
      steps_.push_back(static_cast<std::uint64_t>(std::llround(std::pow(10.0, decade))));
    }
  }

  void add_rows(std::vector<Row>& rows) {
    walk();
    for (const bool means : case_.means) {
      for (std::size_t k = 0; k < steps_.size(); ++k) rows.push_back(follow(k, means));
    }
  }

 private:
  /// Mean over a window. Log loss and stable ranks are taken of it, for exact steps and the flow
  /// alike: what hopping adds to their mean is of second order.
  struct Mean {
    Matrix coefficients;
    Vector margins;
  };
  Mean no_mean() const {
    return {Matrix::Zero(problem_.neurons(), problem_.samples()), Vector::Zero(problem_.samples())};
  }

  Quantities quantities(const Mean& mean) const {
    TrainingState state;
    state.coefficients = mean.coefficients;
    const auto ranks = measurer_.stable_ranks(measurer_.inside(state));
    Matrix outputs = Matrix::Zero(mean.margins.size(), 2);
    for (Eigen::Index i = 0; i < mean.margins.size(); ++i) {
      outputs(i, data_.classes[static_cast<std::size_t>(i)]) = mean.margins[i];
    }
    return {log_mean_loss(outputs, data_.classes), ranks[0].value, ranks[1].value, ranks[2].value};
  }

  /// Exact steps: the states at the hand-overs, the means over the windows.
  void walk() {
    for (const std::uint64_t step : steps_) windows_.emplace_back(10 * step, case_.window);
    for (std::size_t w = 0; w < windows_.size(); ++w) average(w);
  }

  /// Goes on to that step, keeping the states of the hand-overs on the way.
  void go_to(std::uint64_t step) {
    while (starts_.size() < steps_.size() && steps_[starts_.size()] <= step) {
      exact_.advance(steps_[starts_.size()] - exact_.step());
      const Matrix c = exact_.coefficients();
      starts_.push_back(
          {std::log(static_cast<double>(exact_.step())), c, exact_.preactivations_of(c)});
    }
    exact_.advance(step - exact_.step());
  }

  void average(std::size_t index) {
    const Window& window = windows_[index];
    Mean sum = no_mean();
    for (std::uint64_t s = 0; s <= window.count; ++s) {
      go_to(window.first + s);
      const Matrix c = exact_.coefficients();
      const Matrix z = exact_.preactivations_of(c);
      sum.coefficients += window.weights[s] * c;
      sum.margins += window.weights[s] * margins(group_outputs(z, network_.shape), data_.classes);
    }
    means_.push_back(quantities(sum));
  }

  Row follow(std::size_t k, bool means) const {
    Row row{.name = case_.name,
            .seed = seed_,
            .hand_over = std::log10(static_cast<double>(steps_[k])),
            .means = means};
    LateFlow flow(problem_, starts_[k], {.switching_means = means});
    row.sliding = flow.sliding_pairs();
    row.separated = solve_limit(flow).status != LimitStatus::not_separated;
    int own = 0, other = 0;
    flow.on_event = [&](const FlowEvent& event) {
      ++(event.cause == FlowCause::own_crosses ? own : other);
    };
    difference(flow, k, row.loss_near, row.rank_near);
    row.own_near = own;
    row.other_near = other;
    row.loss_far = row.loss_near;
    row.rank_far = row.rank_near;
    if (k + 1 < steps_.size()) difference(flow, steps_.size() - 1, row.loss_far, row.rank_far);
    row.own_far = own;
    row.other_far = other;
    row.undecided = flow.undecided();
    return row;
  }

  /// Of the flow's mean over a window from that of exact steps.
  void difference(LateFlow& flow, std::size_t index, double& loss, double& rank) const {
    const Window& window = windows_[index];
    Mean mean = no_mean();
    for (std::size_t j = 0; j < nodes; ++j) {
      if (flow.advance_to(window.log_times[j]) != FlowStatus::reached) {
        loss = rank = std::nan("");
        return;
      }
      mean.coefficients += window.node_weights[j] * flow.state().coefficients;
      mean.margins += window.node_weights[j] * flow.margins();
    }
    const Quantities sum = quantities(mean);
    loss = std::abs(sum[0] - means_[index][0]);
    rank = 0.0;
    for (std::size_t q = 1; q < sum.size(); ++q) {
      rank = std::max(rank, std::abs(sum[q] - means_[index][q]));
    }
  }

  const Case& case_;
  const std::uint64_t seed_;
  const Dataset data_;
  const Network network_;
  const Measurer measurer_;
  const FlowProblem problem_;
  ExactDescent exact_;
  std::vector<std::uint64_t> steps_;
  std::vector<FlowStart> starts_;
  std::vector<Window> windows_;
  std::vector<Quantities> means_;
};

/// Slope of the least-squares line through log10 error against log10 T, of medians above `floor`.
double fitted_order(const Spread& errors, double floor) {
  double count = 0.0, x_sum = 0.0, y_sum = 0.0, xx = 0.0, xy = 0.0;
  for (const auto& [time, values] : errors) {
    const double x = std::log10(time), y = std::log10(median(values));
    if (!(median(values) > floor)) continue;
    count += 1.0;
    x_sum += x;
    y_sum += y;
    xx += x * x;
    xy += x * y;
  }
  if (count < 3.0) return std::nan("");
  return (count * xy - x_sum * y_sum) / (count * xx - x_sum * x_sum);
}

enum class Place { ten_times, end };

/// What is drawn as one series: some of the rows.
struct Group {
  std::string label, color;
  std::function<bool(const Row&)> takes;
  double rank_floor = 1e-12;
};

class Report {
 public:
  explicit Report(const std::vector<Row>& rows) : rows_(rows) {}

  /// Two panels, log loss and stable ranks.
  void add(const std::string& title, Place place, const std::vector<Group>& groups) {
    fmt::print("{}\n", title);
    for (const bool rank : {false, true}) {
      Panel& panel =
          (rank ? ranks_ : losses_)
              .emplace_back(Panel{.title = title,
                                  .x_label = "hand-over T, gradient steps",
                                  .y_label = rank ? "error of stable ranks" : "error of log loss",
                                  .log_x = true,
                                  .log_y = true});
      for (const Group& group : groups) add(panel, group, place, rank);
    }
  }

  void write(const std::string& folder) const {
    std::vector<Panel> panels = losses_;
    panels.insert(panels.end(), ranks_.begin(), ranks_.end());
    replace_file(folder + "/hand_over_order.svg", render_grid_svg(panels, losses_.size()));
    fits_.write(folder, "hand_over_order_fits.csv");
  }

 private:
  void add(Panel& panel, const Group& group, Place place, bool rank) {
    Spread errors;
    std::size_t most = 0;
    for (const Row& row : rows_) {
      if (!group.takes(row)) continue;
      const bool near = place == Place::ten_times;
      const double error =
          near ? (rank ? row.rank_near : row.loss_near) : (rank ? row.rank_far : row.loss_far);
      if (std::isnan(error)) continue;
      auto& values = errors[std::pow(10.0, row.hand_over)];
      values.push_back(error);
      most = std::max(most, values.size());
    }
    const double order = fitted_order(errors, rank ? group.rank_floor : loss_floor);
    const std::string power = std::isnan(order) ? "no fit" : fmt::format("T^{:.2f}", order);
    fmt::print("  {:<10} {:<34} {:<7} up to {} runs a T; medians", rank ? "ranks" : "log loss",
               group.label, power, most);
    for (const auto& [time, values] : errors) fmt::print(" {:.1e}", median(values));
    fmt::print("\n");
    fits_.add({panel.title, panel.y_label, group.label, shortest(order), std::to_string(most)});
    panel.series.push_back(
        drawn_medians(fmt::format("{}: {}", group.label, power), group.color, errors));
  }

  const std::vector<Row>& rows_;
  std::vector<Panel> losses_, ranks_;
  Table fits_{{"comparison", "quantity", "series", "order", "runs"}};
};

void write_rows(const std::vector<Row>& rows, const std::string& folder) {
  Table table({"case", "seed", "log10_hand_over", "switching_means", "sliding_pairs", "separated",
               "own_crossings_to_10T", "other_events_to_10T", "own_crossings_to_1e6",
               "other_events_to_1e6", "undecided", "log_loss_error_at_10T", "rank_error_at_10T",
               "log_loss_error_at_1e6", "rank_error_at_1e6"});
  for (const Row& r : rows) {
    table.add({r.name, std::to_string(r.seed), shortest(r.hand_over), r.means ? "1" : "0",
               std::to_string(r.sliding), r.separated ? "1" : "0", std::to_string(r.own_near),
               std::to_string(r.other_near), std::to_string(r.own_far), std::to_string(r.other_far),
               std::to_string(r.undecided), shortest(r.loss_near), shortest(r.rank_near),
               shortest(r.loss_far), shortest(r.rank_far)});
  }
  table.write(folder, "hand_over_order.csv");
}

void report(const std::vector<Row>& rows, const std::string& folder) {
  // Runs in which nothing happens from the first hand-over on, so that all T are comparable.
  std::set<std::pair<std::string, std::uint64_t>> eventful;
  for (const Row& r : rows) {
    if (r.hand_over < first_compared) continue;
    if (!r.separated || r.own_far + r.other_far > 0 || (r.sliding == 0) != (r.name == "leaky")) {
      eventful.insert({r.name, r.seed});
    }
  }
  const auto quiet = [&](const Row& r) { return !eventful.contains({r.name, r.seed}); };
  const std::vector<Group> orders{
      {"frozen pattern, slope 0.5", green,
       [&](const Row& r) { return r.name == "leaky" && quiet(r); }, 1e-14},
      {"ReLU, means of switching", blue,
       [&](const Row& r) {
         return r.name == "relu" && r.means && r.hand_over >= first_compared && quiet(r);
       }},
      {"ReLU, without the means", orange, [&](const Row& r) {
         return r.name == "relu" && !r.means && r.hand_over >= first_compared && quiet(r);
       }}};
  const auto with = [](auto wanted) {
    return [wanted](const Row& r) {
      return r.name == "relu-correlated" && r.separated && wanted(r.own_near, r.other_near);
    };
  };
  const std::vector<Group> costs{
      {"no event", blue, with([](int own, int other) { return own + other == 0; })},
      {"events of other-class pairs only", green,
       with([](int own, int other) { return own == 0 && other > 0; })},
      {"own-class crossings", orange, with([](int own, int) { return own > 0; })}};
  Report report(rows);
  report.add("No events: compared at t = 10 T", Place::ten_times, orders);
  report.add("No events: compared at t = 10⁶", Place::end, orders);
  report.add("Events in T … 10 T (n = 20, d = 60, ReLU)", Place::ten_times, costs);
  report.write(folder);
}

}  // namespace

int main(int argc, char** argv) try {
  const FigureArguments arguments =
      read_figure_arguments(argc, argv, {.out = "hand_over_order", .seeds = 20});
  if (arguments.help) {
    fmt::print(
        "usage: hand_over_order [--out DIR] [--seeds N]\n\n"
        "Error of the late-time flow by the time at which it takes over. Writes\n"
        "hand_over_order.svg, hand_over_order.csv and hand_over_order_fits.csv into DIR (default\n"
        "hand_over_order), from N runs a case (default 20, about two minutes).\n");
    return 0;
  }
  Progress progress("hand_over_order");
  std::vector<Row> rows;
  for (const Case& c : cases()) {
    for (std::uint64_t seed = 1; seed <= c.runs * arguments.seeds; ++seed) {
      progress.show(c.name, seed - 1, c.runs * arguments.seeds);
      Comparison(c, seed).add_rows(rows);
    }
  }
  progress.clear();
  write_rows(rows, arguments.out);
  report(rows, arguments.out);
  fmt::print("wrote {}/hand_over_order.svg and two tables in {:.0f} s\n", arguments.out,
             progress.seconds());
  return 0;
} catch (const InputError& error) {
  fmt::print(stderr, "hand_over_order: {}\n", error.what());
  return 2;
}
