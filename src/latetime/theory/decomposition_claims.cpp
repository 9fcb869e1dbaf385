#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/data/symmetric_solve.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/rates.hpp"
#include "latetime/theory/step_watch.hpp"

namespace latetime {
namespace {

const std::string group = "Decomposition and scalar sequences";

// Rounding: sums of n + d products, a few thousand of them one after the other.
constexpr double rounding = 1e-10;
// Of a flow to t = 10^100000, relative.
constexpr double lost_by_flow = 1e-6;

// A wrong derivative or sign changes an increment by its own size times 1 − slope; what the engines
// round is below 1e-6 of it (StepWatch).
constexpr double update_tolerance = 1e-4;

/// Residuals of an identity, and what they say of it: a record whose error estimate is larger than
/// they are does not break it, nor does one of the flow by as much as its integration may lose.
struct Residuals {
  Range range;
  bool broken = false, blurred = false;

  void add(double value, const Snapshot& snapshot, Place place) {
    place.time = snapshot.time;
    range.add(value, place);
    if (value <= rounding) return;
    const double lost = snapshot.exact ? 0.0 : lost_by_flow;
    (value <= std::max(snapshot.error_estimate, lost) ? blurred : broken) = true;
  }
};

/// |z − z⁰ − C G| against the sizes it is made of, over all snapshots. A flow puts pairs that slide
/// at zero, which its coefficients follow to an absolute tolerance (1e-12), for sizes of order one.
Residuals preactivation_residual(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Residuals residuals;
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.derived) continue;
    const Matrix off = snapshot.preactivations - s.initial_z - snapshot.coefficients * s.gram;
    const Matrix sizes =
        s.initial_z.cwiseAbs() + snapshot.coefficients.cwiseAbs() * s.gram.cwiseAbs();
    Eigen::Index k = 0, i = 0;
    const double most = off.cwiseAbs().maxCoeff(&k, &i);
    const double scale = sizes.maxCoeff() + (snapshot.exact ? 0.0 : 1.0);
    residuals.add(scale > 0.0 ? most / scale : most, snapshot, {.neuron = k, .sample = i});
  }
  return residuals;
}

/// ‖W‖_F as measured against that of W⁰ + Σ c x, relative, over the snapshots that know it.
Residuals norm_residual(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  const double initial = s.problem.initial.weights.squaredNorm();
  Residuals residuals;
  for (const Snapshot& snapshot : run.snapshots) {
    if (std::isnan(snapshot.norm_w)) continue;
    const double cross = (snapshot.coefficients.array() * s.initial_z.array()).sum();
    const double data = norms_of_coefficients(s, snapshot.coefficients).squaredNorm();
    const double norm = std::sqrt(std::max(0.0, initial + 2.0 * cross + data));
    const double scale = std::sqrt(initial + 2.0 * std::abs(cross) + data);
    residuals.add(scale > 0.0 ? std::abs(norm - snapshot.norm_w) / scale : snapshot.norm_w,
                  snapshot, {});
  }
  return residuals;
}

/// How far the coefficients ρ of a late-time flow may lie from those of descent, n entries. A pair
/// that hops around zero is held there on average: at the hand-over its coefficient moves by what
/// takes up to three largest steps from z, and by one more for the phase of a hop that comes later.
Vector hop_sizes(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  const auto first = std::find_if(run.snapshots.begin(), run.snapshots.end(),
                                  [](const Snapshot& snapshot) { return !snapshot.exact; });
  if (first == run.snapshots.end() || s.descent != ClaimDescent::gradient_descent) {
    return Vector::Zero(s.n());
  }
  const Vector margins = margins_of(s, first->preactivations);
  const double since = first->log_time() - run.late.from.log();  // g falls like 1/t
  const Vector multipliers =
      margins.unaryExpr([since](double u) { return std::exp(std::min(0.0, since - u)); });
  const Vector steps = 4.0 * s.rate() * (s.gram.cwiseAbs() * multipliers);
  const Eigen::MatrixXd one = Eigen::MatrixXd::Identity(s.n(), s.n());
  const auto inverse = symmetric_solution(Eigen::MatrixXd(s.gram), one);
  if (!inverse) return Vector::Zero(s.n());  // dependent samples: the claim asks for others
  return s.squared_norms.cwiseProduct(inverse->cwiseAbs() * steps);
}

/// How far coefficients lie beyond zero on the wrong side, over all steps and snapshots. What a
/// flow integrates is rounded, against the largest one of the time, and a mean over hops; exact
/// steps only ever add on the right side.
Range wrong_signs(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  const Vector hops = hop_sizes(run);
  Range range = run.steps.wrong_sign;
  for (const Snapshot& snapshot : run.snapshots) {
    const Matrix rho = rho_of(s, snapshot.coefficients);
    const double rounded = snapshot.exact ? 0.0 : rounding * rho.cwiseAbs().maxCoeff();
    Range here;
    for (Eigen::Index k = 0; k < s.neurons(); ++k) {
      for (Eigen::Index i = 0; i < s.n(); ++i) {
        double beyond = s.own(k, i) ? -rho(k, i) : rho(k, i);
        const double allowed = rounded + (snapshot.exact || s.own(k, i) ? 0.0 : hops[i]);
        if (beyond > 0.0 && beyond <= allowed) beyond = 0.0;
        if (here.count > 0 && beyond <= here.most.value) continue;
        here.add(beyond, {.time = snapshot.time, .neuron = k, .sample = i});
      }
    }
    range.add(here);
  }
  return range;
}

}  // namespace

Claim check_decomposition(const RunTrace& run) {
  Claim claim = begin_any({"5.1", "signal decomposition", "Definition 5.1", group});
  claim.hypotheses = {linearly_independent(run.setting)};
  claim.conclusion =
      "w = w0 + sum_i rho_i x_i / |x_i|^2, unique, with rho >= 0 on own-class pairs "
      "and <= 0 on the others";
  claim.criterion = fmt::format(
      "residuals at most {:.0e} of the terms; no coefficient of the wrong "
      "sign",
      rounding);
  const Residuals preactivations = preactivation_residual(run);
  if (run.steps.weights.count > 0) {
    claim.measured.push_back({"|W - W0 - sum| / sizes, dense engine", run.steps.weights});
    claim.figures.push_back(
        {"steps of the dense engine compared", static_cast<double>(run.steps.weight_steps)});
  }
  if (preactivations.range.count > 0) {
    claim.measured.push_back({"|z - z0 - C G| / sizes", preactivations.range});
  }
  const Residuals norms = norm_residual(run);
  const Range signs = wrong_signs(run);
  if (norms.range.count > 0) {
    claim.measured.push_back({"| |W| - |W0 + sum| | / size", norms.range});
  }
  if (signs.count > 0) {
    claim.measured.push_back({"coefficient beyond zero on the wrong side", signs});
  }
  if (claim.measured.empty()) {
    return judge(std::move(claim), Finding::undecided("no time was looked at"));
  }
  const auto beyond = [](const Range& range, double most) {
    return range.count > 0 && !(range.most.value <= most);
  };
  if (beyond(run.steps.weights, rounding) || preactivations.broken || norms.broken) {
    return judge(std::move(claim), Finding::fails("the weights are not W0 + sum rho x / |x|^2"));
  }
  if (beyond(signs, 0.0)) {
    return judge(std::move(claim), Finding::fails("a coefficient has the wrong sign"));
  }
  if (preactivations.blurred || norms.blurred) {
    return judge(std::move(claim),
                 Finding::undecided("the record of the late-time flow is not accurate enough"));
  }
  if (!run.steps.problem.empty() && run.steps.weights.count + norms.range.count == 0) {
    return judge(std::move(claim), Finding::undecided(run.steps.problem));
  }
  return judge(std::move(claim), Finding::holds());
}

Claim check_update_rule(const RunTrace& run) {
  Claim claim =
      begin_descent(run, {"5.2", "update rule of the coefficients", "Lemma 5.2 = A.3", group});
  claim.conclusion =
      "each step adds (eta/(nm)) g_i sigma'(z) |x_i|^2 to own-class coefficients and "
      "takes it from the others; sigma'(0) = 1";
  claim.criterion = fmt::format(
      "every increment of every step looked at is the rule's, to {:.0e} of "
      "(eta/(nm)) g_i |x_i|^2",
      update_tolerance);
  if (run.steps.update.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided(run.steps.problem.empty() ? "no step was looked at"
                                                              : run.steps.problem));
  }
  claim.measured = {{"|increment - rule| / ((eta/(nm)) g_i |x_i|^2)", run.steps.update}};
  claim.figures = {{"steps looked at", static_cast<double>(run.steps.last)}};
  return judge(std::move(claim),
               run.steps.update.most.value <= update_tolerance
                   ? Finding::holds(fmt::format("at every step up to {}", run.steps.last))
                   : Finding::fails("an increment is not the rule's"));
}

Claim check_scalar_sequences(const RunTrace& run) {
  Claim claim = begin_any({"5.3", "growth of scalar sequences", "Lemma 5.3 = H.1, H.2", group});
  claim.conclusion =
      "C1 e^-x <= x(t+1) - x(t) <= C2 e^-x, x >= 0 give "
      "log(e^x0 + C1 t) <= x(t) <= log(e^x0 + C2 e^C2 t)";
  claim.criterion =
      "for every margin x = u_i, from the last step at which it was negative, with the "
      "run's own C1 and C2 up to each step; to 1e-9";
  const SequenceAccount& seen = run.steps.sequences;
  if (seen.above.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided(run.steps.problem.empty()
                                        ? "no margin was positive at the steps looked at"
                                        : run.steps.problem));
  }
  claim.measured = {{"x - upper bound", seen.above}, {"(x(t+1) - x(t)) e^x", seen.constant}};
  if (seen.below.count > 0) claim.measured.push_back({"lower bound - x", seen.below});
  const bool holds =
      seen.above.most.value <= 1e-9 && (seen.below.count == 0 || seen.below.most.value <= 1e-9);
  return judge(std::move(claim),
               holds ? Finding::holds() : Finding::fails("a margin leaves its bounds"));
}

Claim check_log_quotients(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_any({"H.4", "quotients of logarithms", "Lemma H.4", group});
  claim.conclusion = "log(1+at)/log(1+bt) >= log(1+as)/log(1+bs) for b > a > 0, t >= s > 0";
  claim.criterion =
      "for a, b of the growth bounds of the run's samples (R_min with e^-2beta, R_max "
      "with e^2beta), at all times looked at; to 1e-12";
  const double a = std::log(s.rate() * s.r_min * s.r_min) - 2.0 * s.beta;
  const double b = std::log(s.rate() * s.r_max * s.r_max) + 2.0 * s.beta;
  if (!(b > a)) {
    claim.hypotheses = {{.name = "b > a",
                         .statement = "b > a > 0",
                         .met = false,
                         .detail = "all norms are equal and the initial weights are zero: a = b"}};
  }
  Range falls;
  double before = -1.0;
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.time == LogTime()) continue;
    const double theta = snapshot.log_time();
    const double quotient = log1p_exp(a + theta) / log1p_exp(b + theta);
    if (before >= 0.0) falls.add(before - quotient, {.time = snapshot.time});
    before = quotient;
  }
  if (falls.count == 0) {
    return judge(std::move(claim), Finding::undecided("fewer than two times were looked at"));
  }
  claim.measured = {{"fall of the quotient from one time to the next", falls}};
  return judge(std::move(claim),
               falls.most.value <= 1e-12 ? Finding::holds() : Finding::fails("the quotient falls"));
}

}  // namespace latetime
