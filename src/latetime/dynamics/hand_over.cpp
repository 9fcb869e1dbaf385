#include "latetime/dynamics/hand_over.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "latetime/dynamics/limit.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

constexpr int looks_per_decade = 8;
constexpr int looks_per_trial = 4;

// No trial before these steps: what happens at first says little about late times.
constexpr double first_trial = 1e4;
constexpr double first_forced_trial = 1e3;

// The flow's own integration is this accurate, so that no trial is believed beyond it.
constexpr double error_floor = 2e-12;
constexpr double preactivation_floor = 1e-10;

// A flow further off than this does not follow the descent at all.
constexpr double useless_error = 1e-2;

// Exact steps go on at least so long before a run is said not to separate its samples.
constexpr double patience_with_loss = 1e5;

int look_number(std::uint64_t step) {
  return static_cast<int>(std::lround(looks_per_decade * std::log10(static_cast<double>(step))));
}

std::uint64_t look_step(int number) {
  return static_cast<std::uint64_t>(
      std::llround(std::pow(10.0, static_cast<double>(number) / looks_per_decade)));
}

}  // namespace

HandOver::HandOver(const FlowProblem& problem, Matrix initial_preactivations,
                   Discrepancy discrepancy, const Options& options)
    : problem_(problem),
      initial_preactivations_(std::move(initial_preactivations)),
      discrepancy_(std::move(discrepancy)),
      options_(options) {}

std::uint64_t HandOver::next_look(std::uint64_t step) {
  int number = 2 * looks_per_decade;
  if (step >= look_step(number)) {
    number = look_number(step);
    while (look_step(number) <= step) ++number;
  }
  return look_step(number);
}

FlowStart HandOver::start(std::uint64_t step, const Matrix& coefficients) const {
  FlowStart start{std::log(static_cast<double>(step)), coefficients, initial_preactivations_};
  add_product(coefficients, problem_.gram, start.preactivations);
  return start;
}

Vector HandOver::margins_of(const Matrix& z) const {
  return margins(group_outputs(z, problem_.shape), problem_.classes);
}

/// Largest discrepancy over the last half decade, of a flow started a decade ago.
double HandOver::try_from_oldest(FlowStatus& status) {
  constexpr double failed = std::numeric_limits<double>::infinity();
  const Look& oldest = looks_.front();
  LateFlow flow(problem_, start(oldest.step, oldest.coefficients), {});
  double worst = 0.0;
  preactivation_error_ = preactivation_floor;
  for (std::size_t l = 1; l < looks_.size(); ++l) {
    status = flow.advance_to(std::log(static_cast<double>(looks_[l].step)));
    if (status != FlowStatus::reached) return failed;
    if (l + looks_per_trial < looks_.size()) continue;
    const FlowStart there = flow.state();
    const FlowStart exact = start(looks_[l].step, looks_[l].coefficients);
    const double off = discrepancy_(there.coefficients, flow.margins(), exact.coefficients,
                                    margins_of(exact.preactivations));
    worst = std::isfinite(off) ? std::max(worst, off) : failed;
    for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
      for (Eigen::Index i = 0; i < problem_.samples(); ++i) {
        if (flow.at_zero(k, i)) continue;
        const double z_off = std::abs(there.preactivations(k, i) - exact.preactivations(k, i));
        preactivation_error_ = std::max(preactivation_error_, z_off);
      }
    }
  }
  return worst;
}

HandOver::Decision HandOver::look(std::uint64_t step, const Matrix& coefficients) {
  looks_.push_back({step, coefficients});
  if (looks_.size() > looks_kept) looks_.pop_front();
  if (look_number(step) % looks_per_trial != 0 || looks_.size() < looks_kept) {
    return Decision::go_on;
  }
  const auto now = static_cast<double>(step);
  if (now < (options_.forced ? first_forced_trial : first_trial)) return Decision::go_on;
  FlowStatus status = FlowStatus::reached;
  const double off = try_from_oldest(status);
  error_ = std::max(off, error_floor);
  const bool works = off <= useless_error;
  if (error_ <= options_.tolerance || (works && options_.forced)) return Decision::leave;
  const bool last = step >= options_.most_steps;
  if (works) return last ? Decision::leave : Decision::go_on;
  if (now < patience_with_loss && !last) return Decision::go_on;
  complaint_ = diagnose(looks_.back(), status);
  return last || !complaint_.empty() ? Decision::give_up : Decision::go_on;
}

/// Why a run does not reach late times; empty when it still may.
std::string HandOver::diagnose(const Look& now, FlowStatus status) const {
  const Look& before = looks_.front();
  const auto log_loss = [&](const Look& look) {
    const Matrix z = start(look.step, look.coefficients).preactivations;
    return log_mean_loss(group_outputs(z, problem_.shape), problem_.classes);
  };
  const double loss = log_loss(now), earlier = log_loss(before);
  if (loss > earlier - 0.5) {
    const LateFlow flow(problem_, start(now.step, now.coefficients), {});
    const Limit limit = solve_limit(flow);
    if (limit.status == LimitStatus::not_separated) {
      return fmt::format(
          "the loss does not go to zero, it is {:.10g} now and was {:.10g} a decade "
          "of steps ago: {}",
          std::exp(loss), std::exp(earlier), limit.message);
    }
  }
  if (now.step < options_.most_steps) return {};
  return fmt::format(
      "no late-time regime was found in {} exact steps ({}); the loss is {:.6g}. "
      "Go on exactly with descent.engine = \"coefficient\", or take a smaller "
      "descent.learning_rate",
      now.step,
      status == FlowStatus::reached ? "the flow in log t does not follow them"
                                    : "the margins still move too fast in log t",
      std::exp(loss));
}

Matrix HandOver::look_steps() const {
  Matrix steps = Matrix::Zero(1, static_cast<Eigen::Index>(looks_kept));
  for (std::size_t l = 0; l < looks_.size(); ++l) {
    steps(0, static_cast<Eigen::Index>(l)) = static_cast<double>(looks_[l].step);
  }
  return steps;
}

Matrix HandOver::look_coefficients() const {
  const Eigen::Index rows = problem_.neurons();
  Matrix stacked = Matrix::Zero(rows * static_cast<Eigen::Index>(looks_kept), problem_.samples());
  for (std::size_t l = 0; l < looks_.size(); ++l) {
    stacked.middleRows(rows * static_cast<Eigen::Index>(l), rows) = looks_[l].coefficients;
  }
  return stacked;
}

void HandOver::restore(const Matrix& steps, const Matrix& coefficients) {
  looks_.clear();
  const Eigen::Index rows = problem_.neurons();
  for (Eigen::Index l = 0; l < steps.cols(); ++l) {
    if (steps(0, l) == 0.0) continue;
    looks_.push_back(
        {static_cast<std::uint64_t>(steps(0, l)), coefficients.middleRows(rows * l, rows)});
  }
}

double error_decay(double log_time, double hand_over_log_time) {
  return std::max(0.2, std::exp(hand_over_log_time - log_time));
}

}  // namespace latetime
