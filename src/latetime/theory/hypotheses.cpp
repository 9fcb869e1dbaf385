#include "latetime/theory/hypotheses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/symmetry.hpp"
#include "latetime/optimize/max_margin.hpp"

namespace latetime {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Hypothesis with_constant(std::string name, std::string statement, double constant, double wanted) {
  return {std::move(name), std::move(statement), constant, constant >= wanted, ""};
}

double log_pairs(const ClaimSetting& setting) {
  return std::log(static_cast<double>(setting.width()) * static_cast<double>(setting.n()) /
                  setting.thresholds.failure_probability);
}

Hypothesis bounded_ratio(const ClaimSetting& setting) {
  return {.name = "bounded norms",
          .statement = "R = R_max / R_min is at most a constant",
          .met = setting.ratio() <= setting.thresholds.moderate,
          .detail = fmt::format("R = {:.4g}", setting.ratio())};
}

Hypothesis initial_event(const ClaimSetting& setting, bool with_patterns) {
  const InitialEvents events = initial_events(setting);
  Hypothesis hypothesis{
      .name = with_patterns ? "initial weights (A.1, A.2)" : "initial weights (A.1)",
      .statement =
          "the initial weights are as the lemma says with probability "
          "1 - delta",
      .met = events.norms_hold() && events.inner_holds()};
  if (!events.norms_hold()) {
    hypothesis.detail =
        fmt::format("|w0|^2 / (sigma0^2 d) from {:.3g} to {:.3g}, A.1 says 0.5 to 1.5",
                    events.squared_norms.least.value, events.squared_norms.most.value);
  }
  if (!events.inner_holds()) hypothesis.detail = "|<w0, x>| is larger than A.1 allows";
  if (with_patterns && !events.active_holds()) {
    hypothesis.met = false;
    hypothesis.detail = fmt::format("|S_i| / m from {:.3g} to {:.3g}, A.2 says 0.4 to 0.6",
                                    events.active.least.value, events.active.most.value);
  }
  return hypothesis;
}

Claim begin(Heading heading) {
  Claim claim;
  claim.id = std::move(heading.id);
  claim.name = std::move(heading.name);
  claim.place = std::move(heading.place);
  claim.group = std::move(heading.group);
  return claim;
}

}  // namespace

Hypothesis symmetric_samples(const ClaimSetting& setting) {
  return {.name = "symmetric data",
          .statement = "with every sample (x, y) the set holds (-x, -y)",
          .met = is_symmetric(setting.problem.data)};
}

Hypothesis linearly_separable(const ClaimSetting& setting) {
  Hypothesis hypothesis{.name = "linearly separable",
                        .statement = "some w has y_i <w, x_i> > 0 for every sample"};
  Vector labels(setting.n());
  for (Eigen::Index i = 0; i < labels.size(); ++i) labels[i] = setting.problem.data.label(i);
  try {
    const MaxMarginResult svm = solve_max_margin(setting.gram, labels);
    hypothesis.met = svm.verdict == Separability::separable;
    if (svm.verdict == Separability::undecided) hypothesis.detail = "undecided";
  } catch (const InputError& error) {
    hypothesis.detail = error.what();
  }
  return hypothesis;
}

Hypothesis small_initial_outputs(const ClaimSetting& setting) {
  const Matrix outputs = group_outputs(setting.initial_z, setting.problem.shape());
  const double largest = (outputs.col(0) - outputs.col(1)).cwiseAbs().maxCoeff();
  return with_constant("small initial outputs", "|f(x_i)| <= 1 / C at the start",
                       largest > 0.0 ? 1.0 / largest : infinity, setting.thresholds.large);
}

bool InitialEvents::norms_hold() const {
  return squared_norms.least.value >= 0.5 && squared_norms.most.value <= 1.5;
}

bool InitialEvents::inner_holds() const {
  return inner.most.value <= 1.0;
}

bool InitialEvents::active_holds() const {
  return active.least.value >= 0.4 && active.most.value <= 0.6;
}

InitialEvents initial_events(const ClaimSetting& setting) {
  InitialEvents events;
  const double variance = setting.init_std * setting.init_std;
  const double m = static_cast<double>(setting.width()), n = static_cast<double>(setting.n());
  const double bound =
      std::sqrt(2.0 * std::log(8.0 * m * n / setting.thresholds.failure_probability)) *
      setting.init_std * setting.r_max;
  for (Eigen::Index k = 0; k < setting.neurons(); ++k) {
    const double expected = variance * static_cast<double>(setting.d());
    const double norm = setting.problem.initial.weights.row(k).squaredNorm();
    events.squared_norms.add(expected > 0.0 ? norm / expected : 1.0, {.neuron = k});
    for (Eigen::Index i = 0; i < setting.n(); ++i) {
      const double z = std::abs(setting.initial_z(k, i));
      events.inner.add(z == 0.0 ? 0.0 : z / bound, {.neuron = k, .sample = i});
    }
  }
  for (Eigen::Index i = 0; i < setting.n(); ++i) {
    events.active.add(setting.active0_count[i] / m, {.sample = i});
  }
  return events;
}

Hypothesis full_batch(const ClaimSetting& setting) {
  const bool met = setting.descent == ClaimDescent::gradient_descent;
  return {.name = "full-batch gradient descent (3.2)",
          .statement = "every step follows the gradient of the whole loss",
          .met = met,
          .detail = met ? ""
                    : setting.descent == ClaimDescent::mini_batches
                        ? "this run takes mini-batches"
                        : "this run follows the gradient flow"};
}

Hypothesis linearly_independent(const ClaimSetting& setting) {
  const double scale = setting.r_max * setting.r_max * static_cast<double>(setting.n());
  return {.name = "independent samples",
          .statement = "the x_i are linearly independent",
          .met = setting.least_eigenvalue > 1e-12 * scale,
          .detail = fmt::format("smallest eigenvalue of G {:.4g}", setting.least_eigenvalue)};
}

Hypothesis mutually_orthogonal(const ClaimSetting& setting) {
  return {.name = "orthogonal samples",
          .statement = "<x_i, x_k> = 0 for i != k",
          .met = setting.orthogonal(),
          .detail = fmt::format("p = {:.4g}", setting.p)};
}

Hypothesis both_classes(const ClaimSetting& setting) {
  const auto& classes = setting.problem.data.classes;
  const auto plus = std::count(classes.begin(), classes.end(), 0);
  return {.name = "both classes",
          .statement = "each class has samples, as the proof of F.1 takes for granted",
          .met = plus > 0 && plus < setting.n(),
          .detail = fmt::format("{} of {} are +1", plus, setting.n())};
}

Hypothesis near_orthogonality(const ClaimSetting& setting, bool leaky) {
  const double power = leaky ? std::pow(setting.slope(), -4.0) : 1.0;
  const double needed = setting.ratio() * setting.ratio() * power * setting.np();
  return with_constant(leaky ? "near-orthogonal data (B.4)" : "near-orthogonal data (E.4)",
                       leaky ? "R_min^2 >= C R^2 slope^-4 n p" : "R_min^2 >= C R^2 n p",
                       needed == 0.0 ? infinity : 1.0 / needed, setting.thresholds.large);
}

Hypothesis small_learning_rate(const ClaimSetting& setting, bool leaky) {
  return with_constant(leaky ? "learning rate (B.3)" : "learning rate (E.3)",
                       "eta <= (C R_max^2 / (n m))^-1", setting.unit_of_time(),
                       setting.thresholds.large);
}

Hypothesis small_initial_weights(const ClaimSetting& setting, bool leaky) {
  const double size = setting.init_std * setting.r_max * std::sqrt(log_pairs(setting));
  const double plain = size == 0.0 ? infinity : 1.0 / size;
  if (!leaky) {
    return with_constant("initial weights are small (E.2)",
                         "sigma0 <= (C R_max sqrt(log(mn/delta)))^-1", plain,
                         setting.thresholds.large);
  }
  Hypothesis hypothesis = with_constant("initial weights are small (B.2)",
                                        "sigma0 <= slope (C R_max sqrt(log(mn/delta)))^-1",
                                        setting.slope() * plain, setting.thresholds.large);
  hypothesis.detail =
      fmt::format("without the factor slope, as Theorem 4.1 prints it, C = {:.4g}", plain);
  return hypothesis;
}

Hypothesis large_width(const ClaimSetting& setting) {
  const double log =
      std::log(static_cast<double>(setting.n()) / setting.thresholds.failure_probability);
  return with_constant("width", "m >= C log(n/delta)", static_cast<double>(setting.width()) / log,
                       setting.thresholds.large);
}

Claim begin_any(Heading heading) {
  return begin(std::move(heading));
}

Claim begin_descent(const RunTrace& run, Heading heading) {
  Claim claim = begin(std::move(heading));
  claim.hypotheses = {full_batch(run.setting)};
  return claim;
}

Claim begin_leaky(const RunTrace& run, Heading heading) {
  const ClaimSetting& setting = run.setting;
  Claim claim = begin(std::move(heading));
  claim.applies = setting.is_leaky();
  claim.hypotheses = {{.name = "leaky ReLU",
                       .statement = "0 < slope < 1",
                       .met = claim.applies,
                       .detail = fmt::format("slope {:.4g}", setting.slope())},
                      full_batch(setting)};
  if (!claim.applies) return claim;
  for (const Hypothesis& hypothesis :
       {near_orthogonality(setting, true), small_learning_rate(setting, true),
        small_initial_weights(setting, true), bounded_ratio(setting),
        initial_event(setting, false)}) {
    claim.hypotheses.push_back(hypothesis);
  }
  return claim;
}

Claim begin_relu(const RunTrace& run, Heading heading) {
  const ClaimSetting& setting = run.setting;
  Claim claim = begin(std::move(heading));
  claim.applies = setting.is_relu();
  claim.hypotheses = {{.name = "ReLU",
                       .statement = "slope = 0",
                       .met = claim.applies,
                       .detail = fmt::format("slope {:.4g}", setting.slope())},
                      full_batch(setting)};
  if (!claim.applies) return claim;
  for (const Hypothesis& hypothesis :
       {near_orthogonality(setting, false), large_width(setting),
        small_learning_rate(setting, false), small_initial_weights(setting, false),
        bounded_ratio(setting), initial_event(setting, true)}) {
    claim.hypotheses.push_back(hypothesis);
  }
  return claim;
}

Finding other_activation(const ClaimSetting& setting) {
  return Finding::undecided(fmt::format(
      "not measured: the claim is on another activation than slope {:.4g}", setting.slope()));
}

std::string looked_at(const RunTrace& run) {
  std::string text = run.steps.looked ? fmt::format("every step up to {}", run.steps.last) : "";
  if (run.snapshots.empty()) return text.empty() ? "nothing" : text;
  if (!text.empty()) text += " and ";
  return text + fmt::format("{} times up to t = {}", run.snapshots.size(),
                            decades_text(run.snapshots.back().time));
}

Finding for_all_times(const RunTrace& run, const std::string& violation,
                      const std::string& limit_violation) {
  if (!violation.empty()) return Finding::fails(violation);
  if (!run.steps.looked && run.snapshots.empty()) {
    return Finding::undecided("no time was looked at");
  }
  if (!run.sure_limit()) {
    return Finding::undecided(fmt::format("true of {}, later times are not known: {}",
                                          looked_at(run), run.no_limit_reason()));
  }
  if (!limit_violation.empty()) return Finding::fails(limit_violation);
  return Finding::holds(fmt::format("seen at {}, and in the limit", looked_at(run)));
}

}  // namespace latetime
