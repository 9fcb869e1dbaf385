#include "latetime/theory/step_watch.hpp"

#include <cmath>
#include <limits>

#include "latetime/base/log_domain.hpp"

namespace latetime {
namespace {

// When increments are judged, coefficients are known to this part of the largest one of their
// sample (engines add up what neurons share): seven orders above rounding.
constexpr double coefficient_rounding = 1e-9;

double log_add(double a, double b) {
  const double terms[] = {a, b};
  return log_sum_exp(terms);
}

}  // namespace

Vector margins_of(const ClaimSetting& setting, const Matrix& z) {
  const double slope = setting.slope();
  Vector margins = Vector::Zero(z.cols());
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      margins[i] += (setting.own(k, i) ? 1.0 : -1.0) * activation(z(k, i), slope);
    }
  }
  return margins / static_cast<double>(setting.width());
}

void StepWatch::look(std::uint64_t step, const Matrix& coefficients, const Matrix& preactivations,
                     const Matrix& weights) {
  now_ = Place{.time = LogTime(step)};
  const Matrix rho = rho_of(setting_, coefficients);
  const Vector margins = margins_of(setting_, preactivations);
  if (step > 0) check_update(rho);
  check_signs(rho);
  if (weights.size() > 0) check_weights(coefficients, weights);
  if (step > 0) {
    const BalanceAccount balance = balance_of(setting_, rho, now_);
    account_.balance.add(balance);
    if (static_cast<double>(step) <= setting_.unit_of_time()) {
      account_.early_neuronwise.add(balance.neuronwise);
    }
  }
  account_.spread.add(spread_of(setting_, rho, now_));
  check_activations(preactivations);
  follow_sequences(margins);
  previous_rho_ = rho;
  previous_z_ = preactivations;
  previous_margins_ = margins;
  account_.looked = true;
  account_.last = step;
}

/// Lemma 5.2: Δρ̄ = (η/(nm)) g_i σ'(z) ‖x_i‖² for own-class pairs, Δρ̲ = −(…) for the others.
void StepWatch::check_update(const Matrix& rho) {
  const Loss& loss = setting_.problem.loss;
  for (Eigen::Index i = 0; i < rho.cols(); ++i) {
    const double unit =
        setting_.rate() * setting_.squared_norms[i] * loss.multiplier(previous_margins_[i]);
    const double scale = unit + coefficient_rounding * rho.col(i).cwiseAbs().maxCoeff();
    for (Eigen::Index k = 0; k < rho.rows(); ++k) {
      const double derivative = activation_derivative(previous_z_(k, i), setting_.slope());
      const double rule = (setting_.own(k, i) ? unit : -unit) * derivative;
      const double off = std::abs(rho(k, i) - previous_rho_(k, i) - rule);
      const double relative = scale > 0.0 ? off / scale : off;
      if (account_.update.count > 0 && relative <= account_.update.most.value) continue;
      Place place = now_;
      place.neuron = k;
      place.sample = i;
      account_.update.add(relative, place);
    }
  }
}

void StepWatch::check_signs(const Matrix& rho) {
  for (Eigen::Index k = 0; k < rho.rows(); ++k) {
    for (Eigen::Index i = 0; i < rho.cols(); ++i) {
      const double wrong = setting_.own(k, i) ? -rho(k, i) : rho(k, i);
      if (account_.wrong_sign.count > 0 && !(wrong > account_.wrong_sign.most.value)) continue;
      Place place = now_;
      place.neuron = k;
      place.sample = i;
      account_.wrong_sign.add(wrong, place);
    }
  }
}

/// Definition 5.1 against weights that were stepped on their own.
void StepWatch::check_weights(const Matrix& coefficients, const Matrix& weights) {
  const Matrix off =
      weights - setting_.problem.initial.weights - coefficients * setting_.problem.data.x;
  const Vector norms = setting_.squared_norms.cwiseSqrt();
  for (Eigen::Index k = 0; k < off.rows(); ++k) {
    const double scale = setting_.problem.initial.weights.row(k).norm() +
                         (coefficients.row(k).cwiseAbs() * norms).value();
    Place place = now_;
    place.neuron = k;
    account_.weights.add(scale > 0.0 ? off.row(k).norm() / scale : off.row(k).norm(), place);
  }
  ++account_.weight_steps;
}

void StepWatch::check_activations(const Matrix& z) {
  const std::uint64_t step = *now_.time->step();
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      if (setting_.active0(k, i) && !(z(k, i) > 0.0)) {
        if (account_.lost++ == 0) {
          account_.first_lost = now_;
          account_.first_lost.neuron = k;
          account_.first_lost.sample = i;
        }
      }
      if (step == 0 || (z(k, i) >= 0.0) == (previous_z_(k, i) >= 0.0)) continue;
      ++account_.switches;
      (setting_.own(k, i) ? account_.last_own_switch : account_.last_other_switch) = step;
    }
  }
}

void StepWatch::follow_sequences(const Vector& margins) {
  sequences_.resize(static_cast<std::size_t>(margins.size()));
  for (Eigen::Index i = 0; i < margins.size(); ++i) {
    Place place = now_;
    place.sample = i;
    follow_sequence(sequences_[static_cast<std::size_t>(i)], margins[i], place);
  }
}

/// Lemmas H.1 and H.2 for the prefix of the sequence up to now, C the largest and the least value
/// of (x_{s+1} − x_s) e^{x_s} so far. A margin below zero starts a new sequence.
void StepWatch::follow_sequence(Sequence& sequence, double margin, const Place& place) {
  const std::uint64_t step = *place.time->step();
  if (!sequence.running || margin < 0.0) {
    const double infinity = std::numeric_limits<double>::infinity();
    sequence = {margin >= 0.0, margin, margin, step, -infinity, infinity};
    return;
  }
  const double increment = margin - sequence.latest;
  const double log_constant = increment > 0.0 ? std::log(increment) + sequence.latest
                                              : -std::numeric_limits<double>::infinity();
  sequence.log_upper = std::max(sequence.log_upper, log_constant);
  sequence.log_lower = std::min(sequence.log_lower, log_constant);
  sequence.latest = margin;
  const double log_steps = std::log(static_cast<double>(step - sequence.start));
  const double upper =
      log_add(sequence.first, sequence.log_upper + std::exp(sequence.log_upper) + log_steps);
  account_.sequences.above.add(margin - upper, place);
  // A sequence that once fell has no constant C > 0 that bounds it from below.
  if (std::isfinite(sequence.log_lower)) {
    const double lower = log_add(sequence.first, sequence.log_lower + log_steps);
    account_.sequences.below.add(lower - margin, place);
  }
  account_.sequences.constant.add(std::exp(log_constant), place);
}

}  // namespace latetime
