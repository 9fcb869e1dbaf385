#include "latetime/dynamics/log_time_stepper.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>

namespace latetime {
namespace {

constexpr double first_step = 1e-3;
constexpr double shortest_step = 1e-11;

Vector to_vector(const std::vector<double>& values) {
  return Eigen::Map<const Vector>(values.data(), static_cast<Eigen::Index>(values.size()));
}

}  // namespace

struct LogTimeStepper::Method : boost::numeric::odeint::runge_kutta_dopri5<Raw> {};

Vector DenseStep::at(double delta) const {
  const LogTimeStepper& owner = *stepper_;
  if (owner.straight_) return delta * owner.straight_rates_;
  LogTimeStepper::Raw value(owner.old_.size());
  owner.method_->calc_state(delta, value, owner.old_, owner.old_rate_, 0.0, owner.new_,
                            owner.new_rate_, size_);
  return to_vector(value);
}

const Vector& DenseStep::grid(int j) const {
  const auto index = static_cast<std::size_t>(j);
  if (!known_[index]) {
    grid_[index] = j == points ? to_vector(stepper_->new_) : at(moment(j));
    known_[index] = true;
  }
  return grid_[index];
}

LogTimeStepper::LogTimeStepper(Eigen::Index dimension, Rates rates, Size size)
    : rates_(std::move(rates)),
      measure_(std::move(size)),
      method_(std::make_unique<Method>()),
      size_(first_step) {
  old_.assign(static_cast<std::size_t>(dimension), 0.0);
  new_ = old_rate_ = new_rate_ = error_ = old_;
}

LogTimeStepper::~LogTimeStepper() = default;

void LogTimeStepper::evaluate(double delta, const Raw& x, Raw& out) const {
  const Vector rate = rates_(delta, to_vector(x));
  out.assign(rate.data(), rate.data() + rate.size());
}

void LogTimeStepper::restart() {
  evaluate(0.0, old_, old_rate_);
}

/// Error of a step of that size, in units of the tolerance.
double LogTimeStepper::take(double size) {
  const auto system = [this](const Raw& x, Raw& out, double delta) { evaluate(delta, x, out); };
  method_->do_step(system, old_, old_rate_, 0.0, new_, new_rate_, size, error_);
  taken_ = size;
  return measure_(to_vector(error_));
}

void LogTimeStepper::begin_dense() {
  dense_.stepper_ = this;
  dense_.size_ = taken_;
  dense_.known_.fill(false);
}

bool LogTimeStepper::attempt(double limit) {
  straight_ = false;
  for (;;) {
    const double size = std::min(size_, limit);
    const double error = take(size);
    const double factor = std::isfinite(error)
                              ? std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.2, 4.0)
                              : 0.1;
    if (std::isfinite(error) && error <= 1.0) {
      // A step cut short by `limit` says little about the step size that follows.
      if (size == size_ || size * factor > size_) size_ = size * factor;
      begin_dense();
      return true;
    }
    size_ = size * std::min(factor, 0.9);
    if (size_ < shortest_step) return false;
  }
}

void LogTimeStepper::attempt_straight(double size, const Vector& rates) {
  straight_ = true;
  straight_rates_ = rates;
  for (std::size_t i = 0; i < new_.size(); ++i) {
    new_[i] = size * rates[static_cast<Eigen::Index>(i)];
  }
  taken_ = size;
  begin_dense();
}

void LogTimeStepper::shorten(double delta) {
  if (straight_) return attempt_straight(delta, Vector(straight_rates_));
  take(delta);
  begin_dense();
}

Vector LogTimeStepper::part(double delta) const {
  if (straight_) return delta * straight_rates_;
  const auto system = [this](const Raw& x, Raw& out, double at) { evaluate(at, x, out); };
  Method method = *method_;  // its stages are those of the step just taken
  Raw end(old_.size()), rate(old_.size());
  method.do_step(system, old_, old_rate_, 0.0, end, rate, delta);
  return to_vector(end);
}

void LogTimeStepper::accept() {
  if (straight_) {
    restart();
  } else {
    old_rate_.swap(new_rate_);
  }
}

}  // namespace latetime
