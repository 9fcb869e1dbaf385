#include "latetime/prove/neuron_motion.hpp"

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"

namespace latetime {
namespace {

/// c with G_SS c = G_S: each sample as its part in the span of the sliding ones, |S| × n.
BallMatrix span_coefficients(const ProofProblem& problem, const std::vector<slong>& sliding) {
  std::vector<slong> all;
  for (slong l = 0; l < problem.n(); ++l) all.push_back(l);
  const auto solution =
      problem.gram().block(sliding, sliding).solved(problem.gram().block(sliding, all));
  if (!solution) {
    throw Unproved("samples of sliding pairs depend on each other",
                   "leave out samples that are multiples or combinations of others");
  }
  return *solution;
}

}  // namespace

NeuronMotion neuron_motion(const ProofProblem& problem, double sign, const SlopeRow& slopes) {
  const Eigen::Index n = problem.n();
  NeuronMotion motion;
  std::vector<slong> sliding;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (slopes[at(i)] != Declared::sliding) continue;
    motion.sliding.push_back(i);
    sliding.push_back(i);
  }
  // As certificates ask for (docs/proofs.md, 8).
  constexpr double least = 1.1e-9;
  if (!sliding.empty() &&
      !(least_eigenvalue_bound(problem.gram().block(sliding, sliding)) > least)) {
    throw Unproved("samples of sliding pairs depend on each other, or nearly so",
                   "leave out samples that are multiples or combinations of others, or scale all");
  }
  const BallMatrix span = sliding.empty() ? BallMatrix(0, n) : span_coefficients(problem, sliding);
  motion.move.assign(at(n), BallVector(at(n)));
  motion.hold.assign(sliding.size(), BallVector(at(n)));
  for (Eigen::Index l = 0; l < n; ++l) {
    if (slopes[at(l)] == Declared::sliding || problem.slope(slopes[at(l)]) == 0.0) continue;
    const Ball push(problem.label(l) * problem.slope(slopes[at(l)]));
    const Ball scale = problem.factor() * Ball(sign) * push;
    for (std::size_t s = 0; s < sliding.size(); ++s) {
      motion.hold[s][at(l)] =
          -(Ball(problem.label(motion.sliding[s])) * push * span(static_cast<slong>(s), l));
    }
    for (Eigen::Index i = 0; i < n; ++i) {
      if (slopes[at(i)] == Declared::sliding) continue;
      Ball rest = problem.gram()(i, l);
      for (std::size_t s = 0; s < sliding.size(); ++s) {
        rest -= span(static_cast<slong>(s), l) * problem.gram()(i, sliding[s]);
      }
      motion.move[at(i)][at(l)] = scale * rest;
    }
  }
  motion.move_middle = middles(motion.move, n);
  motion.hold_middle = middles(motion.hold, n);
  motion.move_size.resize(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index l = 0; l < n; ++l) {
      motion.move_size(i, l) = motion.move[at(i)][at(l)].magnitude();
    }
  }
  return motion;
}

ReferenceMode::ReferenceMode(const ProofProblem& problem, std::vector<SlopeRow> slopes)
    : problem_(&problem), slopes_(std::move(slopes)), motions_(slopes_.size()) {
  update();
}

void ReferenceMode::set(Eigen::Index k, Eigen::Index i, Declared slope) {
  slopes_[at(k)][at(i)] = slope;
}

void ReferenceMode::update() {
  const Eigen::Index n = problem_->n();
  std::map<std::pair<bool, SlopeRow>, Eigen::Index> counts;
  for (std::size_t k = 0; k < slopes_.size(); ++k) {
    const double sign = problem_->sign(static_cast<Eigen::Index>(k));
    const std::pair<bool, SlopeRow> key{sign > 0.0, slopes_[k]};
    auto& motion = known_[key];
    if (!motion) {
      motion = std::make_shared<const NeuronMotion>(neuron_motion(*problem_, sign, slopes_[k]));
    }
    motions_[k] = motion;
    ++counts[key];
  }
  kernel_.assign(at(n), BallVector(at(n)));
  const Ball width(static_cast<double>(problem_->shape().width));
  for (const auto& [key, count] : counts) {
    const NeuronMotion& motion = *known_[key];
    for (Eigen::Index i = 0; i < n; ++i) {
      const Declared declared = key.second[at(i)];
      if (declared == Declared::sliding || problem_->slope(declared) == 0.0) continue;
      const Ball weight = Ball((key.first ? 1.0 : -1.0) * problem_->label(i) *
                               static_cast<double>(count) * problem_->slope(declared)) /
                          width;
      for (std::size_t l = 0; l < at(n); ++l) {
        kernel_[at(i)][l].add_product(weight, motion.move[at(i)][l]);
      }
    }
  }
  kernel_middle_ = middles(kernel_, n);
}

}  // namespace latetime
