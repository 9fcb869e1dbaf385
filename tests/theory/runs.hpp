#pragma once

#include <algorithm>
#include <cmath>

#include "latetime/base/log_domain.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/model/network.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/observe.hpp"

/// Runs that the tests of the claims share, and a plain descent that can be told to be wrong.
namespace latetime::testing_support {

inline ClaimSetting setting_on(Dataset data, Eigen::Index width, double slope, double init_std,
                               double learning_rate = 0.1, std::uint64_t seed = 1) {
  const NetworkShape shape{.groups = 2, .width = width, .dim = data.dim(), .slope = slope};
  Network initial = gaussian_network(shape, init_std, seed);
  return ClaimSetting({std::move(data), std::move(initial), learning_rate},
                      ClaimDescent::gradient_descent, init_std);
}

/// The run in memory, until the given decade; few single steps, so that tests stay quick.
inline RunTrace observe(const ClaimSetting& setting, double decades, double most_pairs = 4e6) {
  ObserveOptions how;
  how.most_pairs = most_pairs;
  how.most_weight_steps = 20;
  DescentOptions options;
  options.until = LogTime::from_log10(decades);
  return observe_run(setting, options, how);
}

inline Claim claim_of(const RunTrace& run, const std::string& id) {
  for (Claim& claim : check_claims(run)) {
    if (claim.id == id) return claim;
  }
  return {};
}

/// What a PlainRun may do wrong.
enum class Mutation {
  none,
  derivative_at_zero,    ///< σ'(0) = slope
  sign_of_coefficients,  ///< other-class coefficients are booked with the wrong sign
  sign_of_update,        ///< other-class neurons are pulled the wrong way, weights and all
  flipped_activation,    ///< σ' is 1 below zero and the slope above
};

/// Gradient descent as anyone would write it down, feeding a StepWatch: the mutations are made
/// here, in a reference of the test's own.
class PlainRun {
 public:
  PlainRun(const ClaimSetting& setting, Mutation mutation)
      : setting_(setting),
        mutation_(mutation),
        weights_(setting.problem.initial.weights),
        coefficients_(Matrix::Zero(setting.neurons(), setting.n())),
        z_(setting.initial_z) {}

  StepAccount watch(std::uint64_t steps) {
    StepWatch watch(setting_);
    for (std::uint64_t step = 0; step <= steps; ++step) {
      if (step > 0) advance();
      watch.look(step, coefficients_, z_, weights_);
    }
    return watch.account();
  }

  RunTrace trace(std::uint64_t steps) {
    RunTrace run{.setting = setting_};
    run.steps = watch(steps);
    run.late.problem = "a few steps only";
    return run;
  }

 private:
  void advance() {
    const Vector margins = margins_of(setting_, z_);
    Matrix gains(setting_.neurons(), setting_.n());
    Matrix booked(setting_.neurons(), setting_.n());
    for (Eigen::Index k = 0; k < setting_.neurons(); ++k) {
      for (Eigen::Index i = 0; i < setting_.n(); ++i) {
        double sign = setting_.own(k, i) ? 1.0 : -1.0;
        if (mutation_ == Mutation::sign_of_update) sign = 1.0;
        gains(k, i) = sign * setting_.rate() * multiplier(margins[i]) * derivative(z_(k, i));
        const bool flip = mutation_ == Mutation::sign_of_coefficients && !setting_.own(k, i);
        booked(k, i) = flip ? -gains(k, i) : gains(k, i);
      }
    }
    weights_ += gains * setting_.problem.data.x;
    coefficients_ += booked;
    z_ = preactivations(weights_, setting_.problem.data.x);
  }

  double derivative(double z) const {
    const double slope = setting_.slope();
    if (mutation_ == Mutation::derivative_at_zero && z == 0.0) return slope;
    if (mutation_ == Mutation::flipped_activation) return z >= 0.0 ? slope : 1.0;
    return activation_derivative(z, slope);
  }

  const ClaimSetting& setting_;
  const Mutation mutation_;
  Matrix weights_, coefficients_, z_;
};

}  // namespace latetime::testing_support
