#include "latetime/optimize/optimum.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "latetime/optimize/slope_search.hpp"

namespace latetime {
namespace {

// Operations that boxes of one search, and steps of shares, may take in all, times the effort.
constexpr double search_work = 4e7;
constexpr double overhead_of_box = 4000.0;
constexpr double share_work = 2e8;
constexpr double overhead_of_share = 1e4;

constexpr int most_columns = 12;          // rounds of column generation, times the effort
constexpr double most_networks = 3000.0;  // gone through one by one, times the effort
constexpr double most_moves = 60.0;       // of a neuron to another pattern, times the effort

// Patterns of a start that shares begin with, a class.
constexpr std::size_t most_start_patterns = 4;

// A new pattern enters with this part of its class.
constexpr double entering_share = 0.1;

// A pattern is new where its push is above that of all others by this part.
constexpr double new_pattern = 1e-10;

struct Budget {
  std::int64_t boxes;
  int share_rounds;
  int columns;
  double networks, moves;
};

Budget budget_of(const LeastNormProblem& problem, double effort) {
  const auto n = static_cast<double>(problem.samples());
  const double cube = n * n * n;
  const auto whole = [](double most, double low, double high) {
    return std::clamp(most, low, high);
  };
  return {.boxes = static_cast<std::int64_t>(
              whole(effort * search_work / (cube + overhead_of_box), 1.0, 1e7)),
          .share_rounds = static_cast<int>(
              whole(effort * share_work / (10.0 * cube + overhead_of_share), 0.0, 400.0)),
          .columns = static_cast<int>(whole(effort * most_columns, 0.0, 1e3)),
          .networks = effort * most_networks,
          .moves = whole(effort * share_work / (20.0 * cube + overhead_of_share), 0.0,
                         effort * most_moves)};
}

class Bounding {
 public:
  Bounding(const LeastNormProblem& problem, double effort)
      : problem_(problem), budget_(budget_of(problem, effort)) {}

  OptimumBounds run(const OptimumStart& start);

 private:
  using Groups = std::vector<SlopeGroup>;

  bool is_closed() const { return result_.gap(result_.upper) <= same_optimum; }
  std::array<SlopeSearchResult, 2> bound_below(const Vector& lambda, const Groups& groups);
  Groups first_groups(const OptimumStart& start, const std::array<SlopeSearchResult, 2>& found);
  bool add_patterns(const std::array<SlopeSearchResult, 2>& found, const Vector& lambda,
                    Groups& groups) const;
  void generate_columns(Groups& groups, Vector& lambda);
  FixedSlopesResult try_groups(const Groups& groups, const Vector& lambda);
  void try_rounded(const Groups& shares, const Vector& lambda);
  void move_neurons(Groups groups, const Groups& patterns, const Vector& lambda);
  void go_through_all();
  double push_of(const Groups& groups, const Vector& lambda) const;
  double networks_of(int group) const;

  const LeastNormProblem& problem_;
  Budget budget_;
  OptimumBounds result_;
};

bool same_slopes(const LeastNormProblem& problem, const SlopeGroup& a, const SlopeGroup& b) {
  if (a.group != b.group) return false;
  const auto& own = problem.own(a.group);
  return std::all_of(own.begin(), own.end(), [&](Eigen::Index i) {
    const auto index = static_cast<std::size_t>(i);
    return (a.slopes[index] != 0) == (b.slopes[index] != 0);
  });
}

bool holds(const LeastNormProblem& problem, const std::vector<SlopeGroup>& groups,
           const SlopeGroup& group) {
  return std::any_of(groups.begin(), groups.end(),
                     [&](const SlopeGroup& other) { return same_slopes(problem, group, other); });
}

/// Scales the neurons of each class to m.
void normalise(const LeastNormProblem& problem, std::vector<SlopeGroup>& groups) {
  std::array<double, 2> totals{};
  for (const SlopeGroup& group : groups) {
    totals[static_cast<std::size_t>(group.group)] += group.neurons;
  }
  for (SlopeGroup& group : groups) {
    group.neurons *=
        static_cast<double>(problem.width) / totals[static_cast<std::size_t>(group.group)];
  }
}

/// h_+² and h_−² at these multipliers, and the bound that they prove.
std::array<SlopeSearchResult, 2> Bounding::bound_below(const Vector& lambda, const Groups& groups) {
  std::array<SlopeSearchResult, 2> found;
  for (int side = 0; side < 2; ++side) {
    // The search begins from the pattern that is pushed most.
    OwnSlopes start;
    double most = -1.0;
    for (const SlopeGroup& group : groups) {
      if (group.group != side) continue;
      const double push = push_on_neuron(problem_, side, lambda, group.slopes).squared;
      if (push > most) {
        most = push;
        start = group.slopes;
      }
    }
    found[static_cast<std::size_t>(side)] =
        search_slopes(problem_, side, lambda, budget_.boxes, start);
  }
  const double sum = (found[0].squared_above + found[1].squared_above) *
                     static_cast<double>(problem_.width) * (1.0 + problem_.rounding);
  const double lower = dual_bound(problem_, lambda, sum);
  if (lower > result_.lower) {
    result_.lower = lower;
    result_.multipliers = lambda;
    result_.complete = found[0].complete && found[1].complete;
  }
  return found;
}

/// Patterns to begin with: those found, and of the start those that most neurons have.
Bounding::Groups Bounding::first_groups(const OptimumStart& start,
                                        const std::array<SlopeSearchResult, 2>& found) {
  Groups groups;
  for (int side = 0; side < 2; ++side) {
    groups.push_back({side, found[static_cast<std::size_t>(side)].slopes, 1.0});
    SlopeGroup all_one{side, OwnSlopes(static_cast<std::size_t>(problem_.samples()), 1), 1.0};
    if (!holds(problem_, groups, all_one)) groups.push_back(all_one);
    Groups of_start;
    std::copy_if(start.groups.begin(), start.groups.end(), std::back_inserter(of_start),
                 [&](const SlopeGroup& group) { return group.group == side; });
    std::stable_sort(of_start.begin(), of_start.end(),
                     [](const auto& a, const auto& b) { return a.neurons > b.neurons; });
    of_start.resize(std::min(of_start.size(), most_start_patterns));
    for (SlopeGroup& group : of_start) {
      group.neurons = 1.0;
      if (!holds(problem_, groups, group)) groups.push_back(group);
    }
  }
  normalise(problem_, groups);
  return groups;
}

/// Adds what was found where it is pushed more than all patterns that are there.
bool Bounding::add_patterns(const std::array<SlopeSearchResult, 2>& found, const Vector& lambda,
                            Groups& groups) const {
  bool added = false;
  for (int side = 0; side < 2; ++side) {
    const auto index = static_cast<std::size_t>(side);
    double most = 0.0;
    for (const SlopeGroup& group : groups) {
      if (group.group != side) continue;
      most = std::max(most, push_on_neuron(problem_, side, lambda, group.slopes).squared);
    }
    SlopeGroup next{side, found[index].slopes,
                    entering_share * static_cast<double>(problem_.width)};
    if (found[index].squared <= most * (1.0 + new_pattern) || holds(problem_, groups, next)) {
      continue;
    }
    groups.push_back(std::move(next));
    added = true;
  }
  if (added) normalise(problem_, groups);
  return added;
}

/// Multipliers of the network of any width, and its patterns with their shares.
void Bounding::generate_columns(Groups& groups, Vector& lambda) {
  for (int column = 0; column < budget_.columns && !is_closed(); ++column) {
    const FixedSlopesResult solved =
        solve_shares(problem_, groups, lambda, budget_.share_rounds / 4);
    if (!solved.feasible) break;
    lambda = solved.multipliers;
    const double before = result_.lower;
    const auto found = bound_below(lambda, groups);
    try_rounded(groups, lambda);
    if (!add_patterns(found, lambda, groups) && result_.lower <= before * (1.0 + same_optimum)) {
      break;
    }
  }
}

FixedSlopesResult Bounding::try_groups(const Groups& groups, const Vector& lambda) {
  FixedSlopesResult solved = solve_fixed_slopes(problem_, groups, lambda);
  if (solved.feasible && !solved.solved) {  // from a start of its own
    FixedSlopesResult again = solve_fixed_slopes(problem_, groups);
    if (again.solved || !again.feasible) solved = std::move(again);
  }
  if (!solved.feasible) return solved;
  const WeightBounds bounds = bound_weights(problem_, solved.weights);
  if (bounds.feasible < result_.upper) {
    result_.upper = bounds.feasible;
    result_.best = solved.weights;
    result_.best.coefficients /= bounds.least_margin;
  }
  solved.value = bounds.feasible;
  return solved;
}

/// Whole neurons for shares, by largest remainders; the largest share gets one in any case.
void Bounding::try_rounded(const Groups& shares, const Vector& lambda) {
  Groups rounded;
  for (int side = 0; side < 2; ++side) {
    Groups mine;
    std::copy_if(shares.begin(), shares.end(), std::back_inserter(mine),
                 [&](const SlopeGroup& group) { return group.group == side; });
    std::vector<std::size_t> order(mine.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return mine[a].neurons - std::floor(mine[a].neurons) >
             mine[b].neurons - std::floor(mine[b].neurons);
    });
    auto left = static_cast<double>(problem_.width);
    for (const SlopeGroup& group : mine) left -= std::floor(group.neurons);
    for (const std::size_t k : order) {
      const double more = left >= 1.0 ? 1.0 : 0.0;
      left -= more;
      mine[k].neurons = std::floor(mine[k].neurons) + more;
    }
    std::copy_if(mine.begin(), mine.end(), std::back_inserter(rounded),
                 [](const SlopeGroup& group) { return group.neurons > 0.0; });
  }
  move_neurons(std::move(rounded), shares, lambda);
}

/// Moves neurons from one pattern to another while that makes the norm less.
void Bounding::move_neurons(Groups groups, const Groups& patterns, const Vector& lambda) {
  FixedSlopesResult current = try_groups(groups, lambda);
  for (bool better = true; better && budget_.moves > 0.0;) {
    better = false;
    for (std::size_t from = 0; from < groups.size() && !better; ++from) {
      for (const SlopeGroup& pattern : patterns) {
        if (pattern.group != groups[from].group || budget_.moves <= 0.0 || is_closed()) continue;
        if (same_slopes(problem_, pattern, groups[from])) continue;
        Groups trial = groups;
        trial[from].neurons -= 1.0;
        const auto place = std::find_if(trial.begin(), trial.end(), [&](const SlopeGroup& g) {
          return same_slopes(problem_, pattern, g);
        });
        if (place != trial.end()) {
          place->neurons += 1.0;
        } else {
          trial.push_back({pattern.group, pattern.slopes, 1.0});
        }
        std::erase_if(trial, [](const SlopeGroup& g) { return g.neurons < 0.5; });
        budget_.moves -= 1.0;
        FixedSlopesResult moved =
            try_groups(trial, current.feasible ? current.multipliers : lambda);
        if (!moved.feasible ||
            (current.feasible && !(moved.value < current.value * (1.0 - same_optimum)))) {
          continue;
        }
        groups = std::move(trial);
        current = std::move(moved);
        better = true;
        break;
      }
    }
  }
}

double Bounding::push_of(const Groups& groups, const Vector& lambda) const {
  double sum = 0.0;
  for (const SlopeGroup& group : groups) {
    sum +=
        group.neurons * push_on_neuron(problem_, group.group, lambda, group.slopes).squared_above;
  }
  return sum * (1.0 + problem_.rounding);
}

/// Multisets of m patterns of a class.
double Bounding::networks_of(int group) const {
  const auto own = static_cast<double>(problem_.own(group).size());
  const double patterns = problem_.slope == 1.0 ? 1.0 : std::exp2(own);
  double count = 1.0;
  for (Eigen::Index k = 1; k <= problem_.width && count < 1e15; ++k) {
    count *= (patterns + static_cast<double>(k) - 1.0) / static_cast<double>(k);
  }
  return count;
}

/// Bounds the optimum of every multiset of m patterns of either class, by the best multipliers so
/// far where they say enough, else by its own.
void Bounding::go_through_all() {
  using Network = std::pair<Groups, double>;  // Σ n_k H_k² at the best multipliers so far
  const Vector lambda = result_.multipliers;
  if (lambda.size() == 0) return;
  std::array<std::vector<Network>, 2> all;
  for (int side = 0; side < 2; ++side) {
    const auto& own = problem_.own(side);
    const std::size_t patterns = problem_.slope == 1.0 ? 1 : std::size_t{1} << own.size();
    Groups single;
    std::vector<double> pushes;
    for (std::size_t bits = 0; bits < patterns; ++bits) {
      OwnSlopes slopes(static_cast<std::size_t>(problem_.samples()), 1);
      for (std::size_t a = 0; a < own.size(); ++a) {
        slopes[static_cast<std::size_t>(own[a])] = patterns == 1 || ((bits >> a) & 1U) != 0;
      }
      single.push_back({side, std::move(slopes), 1.0});
      pushes.push_back(push_on_neuron(problem_, side, lambda, single.back().slopes).squared_above);
    }
    const auto extend = [&](auto& self, Network network, std::size_t first,
                            Eigen::Index left) -> void {
      if (left == 0) {
        all[static_cast<std::size_t>(side)].push_back(std::move(network));
        return;
      }
      for (std::size_t pattern = first; pattern < patterns; ++pattern) {
        Network next = network;
        if (pattern == first && !next.first.empty()) {
          next.first.back().neurons += 1.0;
        } else {
          next.first.push_back(single[pattern]);
        }
        next.second += pushes[pattern];
        self(self, std::move(next), pattern, left - 1);
      }
    };
    extend(extend, {}, 0, problem_.width);
  }
  // Those that are pushed most come first, so that a good one is known early.
  for (auto& networks : all) {
    std::stable_sort(networks.begin(), networks.end(),
                     [](const Network& a, const Network& b) { return a.second > b.second; });
  }
  double lower = std::numeric_limits<double>::infinity();
  for (const Network& plus : all[0]) {
    for (const Network& minus : all[1]) {
      const double common = (plus.second + minus.second) * (1.0 + problem_.rounding);
      double bound = common > 0.0 ? dual_bound(problem_, lambda, common)
                                  : std::numeric_limits<double>::infinity();
      if (bound < result_.upper * (1.0 - 0.1 * same_optimum)) {
        Groups groups = plus.first;
        groups.insert(groups.end(), minus.first.begin(), minus.first.end());
        const FixedSlopesResult solved = try_groups(groups, lambda);
        bound = std::max(
            bound, dual_bound(problem_, solved.multipliers, push_of(groups, solved.multipliers)));
      }
      lower = std::min(lower, bound);
    }
  }
  if (lower > result_.lower && std::isfinite(lower)) {
    result_.lower = lower;
    result_.every_slope = true;
    result_.complete = true;
  }
}

OptimumBounds Bounding::run(const OptimumStart& start) {
  result_.upper = start.known;
  Vector lambda = start.multipliers;
  if (lambda.size() == 0 || !(lambda.maxCoeff() > 0.0)) {
    lambda = problem_.gram.diagonal().cwiseInverse() * static_cast<double>(problem_.width);
  }
  Groups groups = first_groups(start, bound_below(lambda, start.groups));
  generate_columns(groups, lambda);
  if (!is_closed() && networks_of(0) * networks_of(1) <= budget_.networks) go_through_all();
  return std::move(result_);
}

}  // namespace

OptimumBounds bound_optimum(const LeastNormProblem& problem, const OptimumStart& start,
                            double effort) {
  return Bounding(problem, effort).run(start);
}

}  // namespace latetime
