#include "latetime/optimize/slope_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

#include <Eigen/Cholesky>

#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {
namespace {

constexpr double unit_roundoff = std::numeric_limits<double>::epsilon() / 2;

// A box whose bound is above the best found by this part alone is closed.
constexpr double closing_tolerance = 1e-11;

// Rounds of putting slopes to the sides that samples are on; each raises H.
constexpr int most_climbs = 100;

enum class Choice : std::uint8_t { open, leak, one };

/// A box of slopes.
struct Box {
  std::vector<Choice> choices;  // a pair of the own class each
  OwnSlopes slopes;             // the best found within it, n
  std::vector<BoundState> states;
  double bound = std::numeric_limits<double>::infinity();  // of H² within
  std::size_t branch = 0;
  std::int64_t number = 0;
};

struct LowerBound {
  bool operator()(const Box& a, const Box& b) const {
    return a.bound != b.bound ? a.bound < b.bound : a.number > b.number;
  }
};

class Search {
 public:
  Search(const LeastNormProblem& problem, int group, const Vector& multipliers)
      : problem_(problem),
        group_(group),
        lambda_(multipliers),
        own_(problem.own(group)),
        others_(problem.others(group)),
        reach_(problem.size(multipliers)) {
    const auto count = static_cast<Eigen::Index>(own_.size());
    pushes_.resize(count, count);
    for (Eigen::Index a = 0; a < count; ++a) {
      for (Eigen::Index b = 0; b < count; ++b) {
        pushes_(a, b) = lambda_[own(a)] * lambda_[own(b)] * problem_.gram(own(a), own(b));
      }
    }
    result_.squared = -1.0;
  }

  SlopeSearchResult run(std::int64_t most_nodes, const OwnSlopes& start,
                        const std::vector<std::uint8_t>& fixed);

 private:
  Eigen::Index own(Eigen::Index a) const { return own_[static_cast<std::size_t>(a)]; }
  double gap() const { return 1.0 - problem_.slope; }

  void settle(Box& box) const;
  void climb(Box& box);
  void bound(Box& box);
  double bound_with(const NeuronPush& push, const Box& box, const std::vector<Eigen::Index>& open,
                    const Vector& kappa, std::size_t& branch) const;
  void remember(const NeuronPush& push, const OwnSlopes& slopes);
  void close(double bound) { result_.squared_above = std::max(result_.squared_above, bound); }

  const LeastNormProblem& problem_;
  int group_;
  const Vector& lambda_;
  const std::vector<Eigen::Index>& own_;
  const std::vector<Eigen::Index>& others_;
  double reach_;            // Σ λ_i ‖x_i‖
  Eigen::MatrixXd pushes_;  // λ_i λ_j ⟨x_i, x_j⟩ of the own class
  Vector root_kappa_;       // of the pairs that are open at the root
  SlopeSearchResult result_;
};

/// Decides slopes that are best whatever the open ones and t are.
void Search::settle(Box& box) const {
  const auto count = static_cast<Eigen::Index>(own_.size());
  const double slope = problem_.slope;
  for (bool changed = true; changed;) {
    changed = false;
    for (Eigen::Index a = 0; a < count; ++a) {
      Choice& choice = box.choices[static_cast<std::size_t>(a)];
      if (choice != Choice::open) continue;
      const Eigen::Index i = own(a);
      double low = 0.5 * (1.0 + slope) * lambda_[i] * problem_.gram(i, i), high = low;
      const auto add = [&](double term, double least, double most) {
        low += std::min(term * least, term * most);
        high += std::max(term * least, term * most);
      };
      for (Eigen::Index b = 0; b < count; ++b) {
        if (b == a) continue;
        const Choice other = box.choices[static_cast<std::size_t>(b)];
        add(lambda_[own(b)] * problem_.gram(own(b), i), other == Choice::one ? 1.0 : slope,
            other == Choice::leak ? slope : 1.0);
      }
      for (const Eigen::Index l : others_) {
        add(-lambda_[l] * problem_.gram(l, i), slope, 1.0);
      }
      const double off = problem_.rounding * problem_.lengths[i] * reach_;
      if (lambda_[i] == 0.0 || low >= off) {
        choice = Choice::one;
      } else if (high <= -off) {
        choice = Choice::leak;
      }
      changed = changed || choice != Choice::open;
    }
  }
  for (Eigen::Index a = 0; a < count; ++a) {
    const Choice choice = box.choices[static_cast<std::size_t>(a)];
    if (choice != Choice::open)
      box.slopes[static_cast<std::size_t>(own(a))] = choice == Choice::one;
  }
}

void Search::remember(const NeuronPush& push, const OwnSlopes& slopes) {
  if (push.squared <= result_.squared) return;
  result_.squared = push.squared;
  result_.slopes = slopes;
}

/// Puts open slopes to the sides on which w has the samples, while that raises H: with v = w/‖w‖,
/// Σ_own λ σ(⟨v, x⟩) − Σ_other λ σ(⟨v, x⟩) is no smaller than H_s, and no larger than H of those
/// slopes.
void Search::climb(Box& box) {
  const auto count = static_cast<Eigen::Index>(own_.size());
  NeuronPush push = push_on_neuron(problem_, group_, lambda_, box.slopes, box.states);
  remember(push, box.slopes);
  for (int round = 0; round < most_climbs; ++round) {
    OwnSlopes next = box.slopes;
    for (Eigen::Index a = 0; a < count; ++a) {
      if (box.choices[static_cast<std::size_t>(a)] != Choice::open) continue;
      next[static_cast<std::size_t>(own(a))] = push.preactivations[own(a)] >= 0.0;
    }
    if (next == box.slopes) break;
    NeuronPush trial = push_on_neuron(problem_, group_, lambda_, next, push.states);
    if (trial.squared <= push.squared) break;
    box.slopes = std::move(next);
    push = std::move(trial);
    remember(push, box.slopes);
  }
  box.states = push.states;
}

double Search::bound_with(const NeuronPush& push, const Box& box,
                          const std::vector<Eigen::Index>& open, const Vector& kappa,
                          std::size_t& branch) const {
  double sum = push.squared, best = -1.0;
  for (std::size_t p = 0; p < open.size(); ++p) {
    const Eigen::Index i = own(open[p]);
    const double change = box.slopes[static_cast<std::size_t>(i)] != 0 ? -gap() : gap();
    const double gain = 2.0 * change * lambda_[i] * push.preactivations[i] +
                        gap() * gap() * kappa[static_cast<Eigen::Index>(p)];
    if (gain > best) {
      best = gain;
      branch = static_cast<std::size_t>(open[p]);
    }
    sum += std::max(0.0, gain);
  }
  return sum;
}

/// Bounds a box at the t of its best slopes, and says which pair to branch on.
void Search::bound(Box& box) {
  const NeuronPush push = push_on_neuron(problem_, group_, lambda_, box.slopes, box.states);
  std::vector<Eigen::Index> open;
  for (std::size_t a = 0; a < own_.size(); ++a) {
    if (box.choices[a] == Choice::open) open.push_back(static_cast<Eigen::Index>(a));
  }
  const double off = problem_.rounding * reach_ * reach_;
  if (open.empty()) {
    box.bound = std::min(box.bound, push.squared_above);
    return;
  }
  const Eigen::MatrixXd free_pushes = pushes_(open, open);
  if (root_kappa_.size() == 0) {
    root_kappa_ = Vector::Zero(static_cast<Eigen::Index>(own_.size()));
    root_kappa_(open) = diagonal_above(free_pushes);
  }
  std::size_t branch = 0, row_branch = 0;
  double sum = bound_with(push, box, open, root_kappa_(open), branch);
  const Vector rows = free_pushes.cwiseAbs().rowwise().sum();
  const double row_sum = bound_with(push, box, open, rows, row_branch);
  if (row_sum < sum) {
    sum = row_sum;
    branch = row_branch;
  }
  box.branch = branch;
  // Sums of at most n numbers that are made of the terms of (Σ λ ‖x‖)², thrice.
  box.bound = std::min(box.bound, sum + 4.0 * off);
}

SlopeSearchResult Search::run(std::int64_t most_nodes, const OwnSlopes& start,
                              const std::vector<std::uint8_t>& fixed) {
  Box root;
  root.slopes = start.empty() ? OwnSlopes(static_cast<std::size_t>(problem_.samples()), 1) : start;
  for (const Eigen::Index i : own_) {
    const auto index = static_cast<std::size_t>(i);
    const bool keeps = !fixed.empty() && fixed[index] != 0;
    root.choices.push_back(!keeps ? Choice::open
                                  : (root.slopes[index] != 0 ? Choice::one : Choice::leak));
  }
  std::priority_queue<Box, std::vector<Box>, LowerBound> queue;
  const auto enter = [&](Box box) {
    box.number = result_.nodes++;
    settle(box);
    climb(box);
    bound(box);
    queue.push(std::move(box));
  };
  enter(std::move(root));
  while (!queue.empty()) {
    const Box box = queue.top();
    if (box.bound <=
        result_.squared * (1.0 + closing_tolerance) + 8.0 * problem_.rounding * reach_ * reach_) {
      break;
    }
    const bool leaf =
        std::find(box.choices.begin(), box.choices.end(), Choice::open) == box.choices.end();
    if (leaf || result_.nodes + 2 > most_nodes) break;
    queue.pop();
    for (const Choice choice : {Choice::one, Choice::leak}) {
      Box child = box;
      child.choices[box.branch] = choice;
      child.slopes[static_cast<std::size_t>(own_[box.branch])] = choice == Choice::one;
      enter(std::move(child));
    }
  }
  // All that is left open lies below the first of the queue.
  close(result_.squared * (1.0 + unit_roundoff) + problem_.rounding * reach_ * reach_);
  result_.complete = true;
  if (!queue.empty()) {
    close(queue.top().bound);
    result_.complete = queue.top().bound <= result_.squared * (1.0 + closing_tolerance) +
                                                8.0 * problem_.rounding * reach_ * reach_;
  }
  return std::move(result_);
}

/// Whether diag(κ) − D is positive semidefinite, proved: a matrix whose diagonal, less (n + 2) u
/// times its trace, has a Cholesky factor in floating point is (Rump 2006, Verification of positive
/// definiteness).
bool dominates(const Vector& kappa, const Eigen::MatrixXd& matrix) {
  Eigen::MatrixXd difference = -matrix;
  difference.diagonal() += kappa;
  const auto n = static_cast<double>(matrix.rows());
  const double trace = kappa.sum() + matrix.diagonal().sum();
  difference.diagonal().array() -= 4.0 * (n + 4.0) * unit_roundoff * trace;
  return Eigen::LLT<Eigen::MatrixXd>(difference).info() == Eigen::Success;
}

}  // namespace

Vector diagonal_above(const Eigen::MatrixXd& matrix) {
  const Vector rows = matrix.cwiseAbs().rowwise().sum();
  const Vector lengths = matrix.diagonal().cwiseMax(0.0).cwiseSqrt();
  if (!(lengths.minCoeff() > 0.0)) return rows;
  const Vector inverse = lengths.cwiseInverse();
  const Eigen::MatrixXd scaled = inverse.asDiagonal() * matrix * inverse.asDiagonal();
  const double largest = symmetric_eigenvalues(scaled).maxCoeff();
  constexpr double room = 1e-9;
  const double smallest_part = lengths.cwiseAbs2().minCoeff() / lengths.squaredNorm();
  const Vector kappa = lengths.cwiseAbs2() * (largest * (1.0 + room) +
                                              16.0 * (static_cast<double>(matrix.rows()) + 4.0) *
                                                  unit_roundoff * (largest + 1.0) / smallest_part);
  if (kappa.sum() >= rows.sum() || !kappa.allFinite() || !dominates(kappa, matrix)) return rows;
  return kappa;
}

SlopeSearchResult search_slopes(const LeastNormProblem& problem, int group,
                                const Vector& multipliers, std::int64_t most_nodes,
                                const OwnSlopes& start, const std::vector<std::uint8_t>& fixed) {
  return Search(problem, group, multipliers).run(most_nodes, start, fixed);
}

}  // namespace latetime
