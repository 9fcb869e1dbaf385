#include "latetime/experiment/limit_optimality.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/optimize/optimum.hpp"
#include "latetime/optimize/slope_search.hpp"

namespace latetime {
namespace {

// Operations that the search for better slopes of single neurons may take, times the effort.
constexpr double flip_work = 4e8;
constexpr double overhead_of_flip = 2e4;

// Single neurons that are tried one by one, where all at once lead nowhere.
constexpr int most_single_flips = 8;

// Boxes of slopes for one neuron.
constexpr std::int64_t boxes_of_neuron = 200;

/// A key of maps: whose slopes, and which of them are fixed.
std::string key_of(int group, const OwnSlopes& slopes,
                   const std::vector<std::uint8_t>& fixed = {}) {
  std::string key(1, group == 0 ? '+' : '-');
  key.append(slopes.begin(), slopes.end());
  return key.append(fixed.begin(), fixed.end());
}

class Judge {
 public:
  Judge(const Limit& limit, const Eigen::Ref<const Matrix>& x, const LeastNormProblem& problem,
        double effort);

  LimitOptimality run();

 private:
  struct Neuron {
    int group = 0;
    OwnSlopes slopes;
    std::vector<std::uint8_t> fixed;  // n: 0 where the pair may be at zero in the limit
    double push_above = 0.0;          // H², the limit's own slopes
    bool decided = true;              // no own-class pair may be at zero
  };

  void read_neurons();
  void bound_cell();
  void find_zeros();
  void judge_local();
  void flip(const std::vector<std::size_t>& zeros);
  bool try_flips(const std::vector<std::pair<std::size_t, OwnSlopes>>& flips);
  bool are_at_zero(std::size_t neuron, const OwnSlopes& next) const;
  bool never_meet(Eigen::Index i, Eigen::Index l) const;
  void judge_global();
  std::vector<SlopeGroup> groups_of(const std::vector<OwnSlopes>& slopes,
                                    std::vector<std::size_t>& places) const;

  const Limit& limit_;
  const Eigen::Ref<const Matrix>& x_;
  const LeastNormProblem& problem_;
  double effort_;
  std::vector<Neuron> neurons_;
  Vector lambda_;            // multipliers of the least-norm problem
  double radius_ = 0.0;      // ‖V − V*‖_F at most, V* the least-norm point of the cell
  double inverse_ = 1.0;     // V as it is stored times this has margins of at least 1
  Vector cell_margins_;      // of that, within the cell: not above them
  double cell_upper_ = 0.0;  // not below ½‖V*‖²
  LimitOptimality result_;
};

Judge::Judge(const Limit& limit, const Eigen::Ref<const Matrix>& x, const LeastNormProblem& problem,
             double effort)
    : limit_(limit), x_(x), problem_(problem), effort_(effort), lambda_(limit.multipliers) {
  read_neurons();
}

void Judge::read_neurons() {
  const Eigen::Index n = problem_.samples();
  const double middle = 0.5 * (1.0 + problem_.slope);
  for (Eigen::Index k = 0; k < limit_.coefficients.rows(); ++k) {
    Neuron neuron{.group = k < problem_.width ? 0 : 1};
    neuron.slopes.assign(static_cast<std::size_t>(n), 1);
    Vector push(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool own = problem_.classes[static_cast<std::size_t>(i)] == neuron.group;
      const bool steep = limit_.slopes(k, i) >= middle;
      if (own) neuron.slopes[static_cast<std::size_t>(i)] = steep;
      const double slope = own ? (steep ? 1.0 : problem_.slope)
                               : std::clamp(limit_.slopes(k, i), problem_.slope, 1.0);
      push[i] = (own ? slope : -slope) * lambda_[i];
    }
    neuron.push_above = problem_.squared_norm_above(push);
    neurons_.push_back(std::move(neuron));
  }
}

/// Bounds ½‖V‖² from both sides within the cell of the limit's own-class slopes, a convex problem.
/// Its least-norm point V* is the only one, and no further from V than √(2 (above − below)): by
/// convexity ½‖V‖² ≥ ½‖V*‖² + ½‖V − V*‖².
void Judge::bound_cell() {
  SpannedWeights weights{.coefficients = limit_.coefficients};
  std::vector<OwnSlopes> slopes;
  double push = 0.0;
  for (const Neuron& neuron : neurons_) {
    weights.groups.push_back(neuron.group);
    weights.counts.push_back(1.0);
    slopes.push_back(neuron.slopes);
    push += neuron.push_above;
  }
  result_.value = bound_weights(problem_, weights).feasible;
  const WeightBounds in_cell = bound_weights(problem_, weights, &slopes);
  result_.cell_lower = dual_bound(problem_, lambda_, push * (1.0 + problem_.rounding));
  inverse_ = 1.0 / in_cell.least_margin;
  cell_upper_ = in_cell.feasible;
  cell_margins_ = in_cell.margins_below * inverse_;
  const double apart = std::max(0.0, in_cell.feasible - result_.cell_lower);
  radius_ = std::sqrt(2.0 * apart * (1.0 + problem_.rounding)) +
            problem_.rounding * std::sqrt(in_cell.feasible);
}

/// Own-class pairs that may be at zero at V*, of samples whose margin may be 1 there.
void Judge::find_zeros() {
  const Eigen::Index n = problem_.samples();
  const Matrix z = inverse_ * (limit_.coefficients * problem_.gram);
  const auto m = static_cast<double>(problem_.width);
  constexpr double room = 2.0;  // for the rounding of these numbers
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    neuron.fixed.assign(static_cast<std::size_t>(n), 1);
    const double terms =
        problem_.rounding * inverse_ * problem_.size(limit_.coefficients.row(k).transpose());
    for (const Eigen::Index i : problem_.own(neuron.group)) {
      // |Δ margin| ≤ (1/m) ‖x_i‖ Σ_k ‖Δv_k‖ ≤ ‖x_i‖ √(2/m) ‖ΔV‖.
      const double way = room * problem_.lengths[i] * radius_ * std::sqrt(2.0 / m);
      if (cell_margins_[i] - way > 1.0) continue;
      const double off = room * problem_.lengths[i] * (radius_ + terms);
      const bool steep = neuron.slopes[static_cast<std::size_t>(i)] != 0;
      if (steep ? z(k, i) > off : z(k, i) < -off) continue;
      neuron.fixed[static_cast<std::size_t>(i)] = 0;
      neuron.decided = false;
    }
  }
}

void Judge::judge_local() {
  OptimalityVerdict& local = result_.local;
  constexpr double near = 1e-6;
  if (!(cell_upper_ <= result_.cell_lower * (1.0 + near))) {
    local.reason = "the limit was not shown to be the least-norm point of its own activations";
    return;
  }
  if (problem_.slope == 1.0) {
    local = {Optimality::optimal, Certainty::proved, "the network is linear, the problem convex"};
    return;
  }
  find_zeros();
  std::vector<std::size_t> zeros;
  for (std::size_t k = 0; k < neurons_.size(); ++k) {
    if (!neurons_[k].decided) zeros.push_back(k);
  }
  if (zeros.empty()) {
    local = {Optimality::optimal, Certainty::proved,
             "no own-class pre-activation of a sample with margin 1 is zero"};
    return;
  }
  flip(zeros);
}

/// Looks at the cells beside V: other slopes of own-class pairs that may be at zero. With the
/// limit's multipliers each neuron may be looked at by itself.
void Judge::flip(const std::vector<std::size_t>& zeros) {
  const auto n = static_cast<double>(problem_.samples());
  const auto most =
      static_cast<std::size_t>(std::max(1.0, effort_ * flip_work / (n * n * n + overhead_of_flip)));
  std::map<std::string, SlopeSearchResult> seen;
  std::vector<std::pair<std::size_t, OwnSlopes>> flips;
  std::vector<double> gains;
  double push = 0.0, own_push = 0.0;
  bool complete = true;
  for (const Neuron& neuron : neurons_) own_push += neuron.push_above;
  push = own_push;
  for (const std::size_t k : zeros) {
    const Neuron& neuron = neurons_[k];
    const std::string key = key_of(neuron.group, neuron.slopes, neuron.fixed);
    auto place = seen.find(key);
    if (place == seen.end()) {
      if (seen.size() >= most) {
        complete = false;
        continue;
      }
      place = seen.emplace(key, search_slopes(problem_, neuron.group, lambda_, boxes_of_neuron,
                                              neuron.slopes, neuron.fixed))
                  .first;
    }
    const SlopeSearchResult& found = place->second;
    push += std::max(0.0, found.squared_above - neuron.push_above);
    complete = complete && found.complete;
    if (found.squared > neuron.push_above + same_optimum * own_push) {
      flips.emplace_back(k, found.slopes);
    }
  }
  const double beside = dual_bound(problem_, lambda_, push * (1.0 + problem_.rounding));
  OptimalityVerdict& local = result_.local;
  if (complete && beside >= result_.value * (1.0 - same_optimum)) {
    local = {Optimality::optimal, Certainty::estimated,
             fmt::format("own-class pre-activations of {} neurons are zero to rounding; no cell "
                         "beside them has a point lower by more than 1e-9",
                         zeros.size())};
    return;
  }
  if (!flips.empty() && try_flips(flips)) return;
  for (std::size_t f = 0; f < std::min<std::size_t>(flips.size(), most_single_flips); ++f) {
    if (flips.size() > 1 && try_flips({flips[f]})) return;
  }
  local.reason = fmt::format(
      "own-class pre-activations of {} neurons are zero to rounding, and neither a better point "
      "beside them nor that there is none was shown",
      zeros.size());
}

std::vector<SlopeGroup> Judge::groups_of(const std::vector<OwnSlopes>& slopes,
                                         std::vector<std::size_t>& places) const {
  std::map<std::string, std::size_t> seen;
  std::vector<SlopeGroup> groups;
  for (std::size_t k = 0; k < slopes.size(); ++k) {
    const auto [place, is_new] = seen.emplace(key_of(neurons_[k].group, slopes[k]), groups.size());
    if (is_new) groups.push_back({neurons_[k].group, slopes[k], 0.0});
    groups[place->second].neurons += 1.0;
    places.push_back(place->second);
  }
  return groups;
}

/// Whether weights with these slopes are better than all of the limit's cell.
bool Judge::try_flips(const std::vector<std::pair<std::size_t, OwnSlopes>>& flips) {
  std::vector<OwnSlopes> slopes;
  for (const Neuron& neuron : neurons_) slopes.push_back(neuron.slopes);
  bool at_zero = true;
  for (const auto& [k, next] : flips) {
    at_zero = at_zero && are_at_zero(k, next);
    slopes[k] = next;
  }
  std::vector<std::size_t> places;
  const std::vector<SlopeGroup> groups = groups_of(slopes, places);
  const FixedSlopesResult solved = solve_fixed_slopes(problem_, groups, lambda_);
  if (!solved.feasible) return false;
  std::vector<OwnSlopes> of_groups;
  for (const SlopeGroup& group : groups) of_groups.push_back(group.slopes);
  const WeightBounds bounds = bound_weights(problem_, solved.weights, &of_groups);
  if (!(bounds.feasible < result_.cell_lower * (1.0 - same_optimum))) return false;
  result_.better_nearby.resize(limit_.coefficients.rows(), limit_.coefficients.cols());
  for (std::size_t k = 0; k < places.size(); ++k) {
    result_.better_nearby.row(static_cast<Eigen::Index>(k)) =
        solved.weights.coefficients.row(static_cast<Eigen::Index>(places[k])) / bounds.least_margin;
  }
  result_.upper = std::min(result_.upper, bounds.feasible);
  result_.local = {
      Optimality::not_optimal, at_zero ? Certainty::proved : Certainty::estimated,
      fmt::format("a better point lies where {} neurons switch own-class pairs that are zero{}: a "
                  "way there descends to {:.3g} % less",
                  flips.size(), at_zero ? "" : " to rounding",
                  100.0 * (1.0 - bounds.feasible / result_.cell_lower))};
  return true;
}

/// Whether two samples are never both different from zero: then ⟨x_i, x_l⟩ = 0 exactly.
bool Judge::never_meet(Eigen::Index i, Eigen::Index l) const {
  return (x_.row(i).array() == 0.0 || x_.row(l).array() == 0.0).all();
}

/// Whether the pairs that change their slopes are at zero exactly in V*. With γ = 0, v_k is made of
/// other-class samples and of own-class ones with slope 1: none of the latter, and v_k = 0; all of
/// them at right angles to x_i, and ⟨v_k, x_i⟩ = 0.
bool Judge::are_at_zero(std::size_t k, const OwnSlopes& next) const {
  if (problem_.slope > 0.0) return false;
  const Neuron& neuron = neurons_[k];
  const auto& own = problem_.own(neuron.group);
  const auto steep = [&](Eigen::Index i) {
    return neuron.slopes[static_cast<std::size_t>(i)] != 0;
  };
  if (std::none_of(own.begin(), own.end(), steep)) return true;
  for (const Eigen::Index i : own) {
    if (steep(i) == (next[static_cast<std::size_t>(i)] != 0)) continue;
    for (Eigen::Index l = 0; l < problem_.samples(); ++l) {
      const bool other = problem_.classes[static_cast<std::size_t>(l)] != neuron.group;
      if ((other || steep(l)) && !never_meet(i, l)) return false;
    }
  }
  return true;
}

void Judge::judge_global() {
  OptimumStart start{.multipliers = lambda_, .known = std::min(result_.value, result_.upper)};
  std::vector<OwnSlopes> slopes;
  for (const Neuron& neuron : neurons_) slopes.push_back(neuron.slopes);
  std::vector<std::size_t> places;
  start.groups = groups_of(slopes, places);
  const OptimumBounds bounds = bound_optimum(problem_, start, effort_);
  result_.lower = bounds.lower;
  result_.upper = bounds.upper;
  result_.every_slope = bounds.every_slope;
  result_.complete = bounds.complete;
  if (bounds.best.rows() > 0 && result_.excess() > same_optimum) {
    result_.better = neuron_rows(bounds.best, problem_.width);
  } else if (result_.better_nearby.rows() > 0) {
    result_.better = result_.better_nearby;
  }
  OptimalityVerdict& global = result_.global;
  if (result_.known() && result_.gap() <= same_optimum) {
    global = {Optimality::optimal, Certainty::proved, "no weights are lower by more than 1e-9"};
  } else if (result_.excess() > same_optimum) {
    global = {Optimality::not_optimal, Certainty::proved, "better weights are known"};
  } else if (!result_.complete) {
    global.reason = "activation patterns were not gone through to their end";
  } else if (!result_.every_slope) {
    global.reason =
        "the lower bound is of networks of any width; better ones of m neurons were not found";
  } else {
    global.reason = "the bounds do not meet";
  }
}

LimitOptimality Judge::run() {
  bound_cell();
  judge_local();
  judge_global();
  return std::move(result_);
}

}  // namespace

LimitOptimality judge_optimality(const Limit& limit, const Eigen::Ref<const Matrix>& x,
                                 const std::vector<int>& classes, const NetworkShape& shape,
                                 double effort) {
  try {
    const LeastNormProblem problem(gram_matrix(x), x.cols(), classes, shape.width, shape.slope);
    return Judge(limit, x, problem, effort).run();
  } catch (const InputError& error) {
    LimitOptimality undecided;
    undecided.global.reason = undecided.local.reason = error.what();
    return undecided;
  }
}

}  // namespace latetime
