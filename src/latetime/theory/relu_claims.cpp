#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "ReLU: balance, growth and activation";

/// Calls visit(k, i) for every r ∈ S_i⁽⁰⁾.
template <class Visit>
void for_active_at_start(const ClaimSetting& s, const Visit& visit) {
  for (Eigen::Index k = 0; k < s.neurons(); ++k) {
    for (Eigen::Index i = 0; i < s.n(); ++i) {
      if (s.active0(k, i)) visit(k, i);
    }
  }
}

/// Coefficients over the logarithms that bound them from below (c₂) and above (c₃).
struct Growth {
  Range over_lower, over_upper;
};
Growth measure_growth(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Growth growth;
  for (const Snapshot* snapshot : snapshots_from(run, 0.0)) {
    const Matrix rho = rho_of(s, snapshot->coefficients);
    for_active_at_start(s, [&](Eigen::Index k, Eigen::Index i) {
      const double m = static_cast<double>(s.width());
      const double rate = std::log(s.rate() * s.active0_count[i] * s.squared_norms[i] / m);
      const double theta = snapshot->log_time() + rate;
      const Place place{.time = snapshot->time, .neuron = k, .sample = i};
      growth.over_lower.add(rho(k, i) / log1p_exp(theta - s.beta - std::log(2.0)), place);
      growth.over_upper.add(rho(k, i) / log1p_exp(theta + 2.0 * s.beta + std::log(2.0)), place);
    });
  }
  return growth;
}

}  // namespace

Claim check_relu_balance(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_relu(run, {"5.5", "automatic balance", "Lemma 5.5 = E.1, part 1", group});
  claim.conclusion = "rho_yri >= c1 |rho_jr'i'| for r in S_i(0), all j, r', i' and t";
  claim.constant_name = "c1";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  if (!every_sample_is_active(s)) return judge(std::move(claim), nobody_active());
  const Range seen = balance_everywhere(run).relu;
  const double wanted = least_balance(s);
  claim.criterion =
      fmt::format("the ratio is at least {:.4g} at all times looked at and in the limit", wanted);
  if (seen.count == 0) return judge(std::move(claim), Finding::undecided("no time was looked at"));
  claim.measured = {{"rho_yri / |rho_jr'i'|, r in S_i(0)", seen}};
  claim.constant = seen.least.value;
  std::string violation, limit_violation;
  if (!(seen.least.value >= wanted)) {
    violation = fmt::format("the ratio falls to {:.4g}", seen.least.value);
  }
  if (const Limit* limit = run.sure_limit()) {
    const Range last = balance_in_limit(run, *limit).relu;
    const double ratio = last.count > 0 ? last.least.value : 0.0;
    claim.figures.push_back({"the same in the limit", ratio});
    claim.constant = std::min(claim.constant, ratio);
    if (!(ratio >= wanted)) limit_violation = "the ratio is smaller in the limit";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_relu_growth(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"E.1", "growth of the coefficients", "Lemma E.1, parts 2, 3", group});
  claim.conclusion =
      "c2 log(1 + eta |S_i(0)| |x_i|^2 e^-beta t/(2nm^2)) <= rho_yri <= c3 log(1 + "
      "2 eta |S_i(0)| |x_i|^2 e^2beta t/(nm^2)), r in S_i(0)";
  claim.constant_name = "c3";
  const double most = s.thresholds.moderate;
  claim.criterion = fmt::format(
      "c2 >= {:.4g}, c3 <= {:.4g} at all times t >= 1 looked at, and so "
      "do rho_yri / log t in the limit",
      1.0 / most, most);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  if (!every_sample_is_active(s)) return judge(std::move(claim), nobody_active());
  const Growth growth = measure_growth(run);
  if (growth.over_lower.count == 0) {
    return judge(std::move(claim), Finding::undecided("no time t >= 1 was looked at"));
  }
  claim.measured = {{"c2: rho_yri / lower logarithm", growth.over_lower},
                    {"c3: rho_yri / upper logarithm", growth.over_upper}};
  claim.constant = growth.over_upper.most.value;
  std::string violation, limit_violation;
  if (!(growth.over_lower.least.value >= 1.0 / most)) violation = "c2 is too small";
  if (!(growth.over_upper.most.value <= most)) violation = "c3 is too large";
  if (const Limit* limit = run.sure_limit()) {
    const Matrix rates = rho_of(s, limit->coefficients);
    Range in_limit;
    for_active_at_start(s, [&](Eigen::Index k, Eigen::Index i) {
      in_limit.add(rates(k, i), {.neuron = k, .sample = i});
    });
    claim.measured.push_back({"rho_yri / log t in the limit", in_limit});
    if (!(in_limit.least.value >= 1.0 / most && in_limit.most.value <= most)) {
      limit_violation = "in the limit a coefficient grows too slowly or too fast";
    }
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_lasting_activations(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"5.8", "initial activations last", "Lemma 5.8 = E.1, last part", group});
  claim.conclusion = "S_i(0) is a subset of S_i(t) for all i and t";
  claim.criterion =
      "no neuron of S_i(0) has <w, x_i> <= 0 at a time looked at, and each is active "
      "for ever in the limit";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  Range least;
  for (const Snapshot& snapshot : run.snapshots) {
    for_active_at_start(s, [&](Eigen::Index k, Eigen::Index i) {
      const double z = snapshot.preactivations(k, i);
      if (least.count > 0 && z >= least.least.value) return;
      least.add(z, {.time = snapshot.time, .neuron = k, .sample = i});
    });
  }
  if (least.count > 0) claim.measured = {{"<w_yr, x_i>, r in S_i(0)", least}};
  claim.figures = {{"violations, steps looked at one by one", static_cast<double>(run.steps.lost)}};
  std::string violation, limit_violation;
  if (run.steps.lost > 0) {
    violation = "an activation is lost: " + describe(run.steps.first_lost, s.width());
  } else if (least.count > 0 && !(least.least.value > 0.0)) {
    violation = "an activation is lost: " + describe(least.least.at, s.width());
  }
  const InitialChanges changes = initial_changes(run);
  if (violation.empty() && changes.seen) {
    violation = fmt::format("an activation is lost, for a while at least, by t = {}",
                            decades_text(*changes.seen));
  }
  bool undecided = false;
  if (const Limit* limit = run.sure_limit()) {
    for_active_at_start(s, [&](Eigen::Index k, Eigen::Index i) {
      const PairVerdict verdict = limit->verdict(k, i);
      if (verdict == PairVerdict::undecided) undecided = true;
      if (verdict == PairVerdict::active || verdict == PairVerdict::undecided) return;
      limit_violation =
          "an activation is lost in the limit: " + describe({.neuron = k, .sample = i}, s.width());
    });
  }
  if (violation.empty() && limit_violation.empty()) {
    if (undecided) {
      return judge(std::move(claim), Finding::undecided("a pair is undecided in the limit"));
    }
    if (!changes.known) {
      return judge(std::move(claim),
                   Finding::undecided("an own-class activation changed, or may have, at a time "
                                      "that was not looked at"));
    }
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

}  // namespace latetime
