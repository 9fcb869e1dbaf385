#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "Leaky ReLU: balance and activation patterns";

// Increments that are equal in exact arithmetic, summed over up to 1e5 steps or integrated.
constexpr double equal_tolerance = 1e-8;
// Increments smaller than this part of the coefficients are not told from their rounding: with the
// tolerance above, differences of 1e-13 of a coefficient are none.
constexpr double rounding_share = 1e-5;

/// A balance ratio bounded from below by c₁ times `unit`, at all times and in the limit.
Claim judge_ratio(const RunTrace& run, Claim claim, const std::string& quantity, const Range& seen,
                  const Range* in_limit, double unit) {
  if (seen.count == 0) {
    return judge(std::move(claim), Finding::undecided("all coefficients were zero"));
  }
  claim.measured = {{quantity, seen}};
  double least = seen.least.value;
  if (in_limit && in_limit->count > 0) {
    claim.figures.push_back({"the same in the limit", in_limit->least.value});
    least = std::min(least, in_limit->least.value);
  }
  claim.constant = least / unit;
  const double wanted = least_balance(run.setting);
  claim.criterion = fmt::format(
      "the ratio is at least {:.4g} times {:.4g} at all times looked at "
      "and in the limit",
      wanted, unit);
  const auto problem = [&](double ratio, const char* when) {
    return ratio >= wanted * unit ? std::string()
                                  : fmt::format("{} the ratio is {:.4g} only", when, ratio);
  };
  const std::string limit_problem =
      in_limit ? problem(in_limit->count > 0 ? in_limit->least.value : 0.0, "in the limit") : "";
  const Finding finding =
      for_all_times(run, problem(seen.least.value, "at a time looked at"), limit_problem);
  return judge(std::move(claim), finding);
}

/// What is wrong with the signs of pre-activations, which should be j y_i; empty: nothing.
std::string wrong_signs(const ClaimSetting& setting, const Snapshot& snapshot) {
  for (Eigen::Index k = 0; k < setting.neurons(); ++k) {
    for (Eigen::Index i = 0; i < setting.n(); ++i) {
      const double z = snapshot.preactivations(k, i);
      if (setting.own(k, i) ? z > 0.0 : z < 0.0) continue;
      const Place place{.time = snapshot.time, .neuron = k, .sample = i};
      return "a sign is not j y_i: " + describe(place, setting.width());
    }
  }
  return "";
}

/// The same for what becomes of each pair for ever.
std::string wrong_verdicts(const ClaimSetting& setting, const Limit& limit, bool& undecided) {
  const auto found = compare_verdicts(setting, limit, [&](Eigen::Index k, Eigen::Index i) {
    return setting.own(k, i) ? PairVerdict::active : PairVerdict::inactive;
  });
  undecided = found.undecided;
  if (!found.unexpected) return "";
  return (found.verdict == PairVerdict::switches ? "switches for ever: "
                                                 : "has the wrong sign for ever: ") +
         describe(*found.unexpected, setting.width());
}

}  // namespace

Claim check_leaky_balance(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"5.4", "automatic balance", "Lemma 5.4 = B.1", group});
  claim.conclusion =
      "sum_r |rho_jri| >= c1 slope^2 sum_r |rho_j'ri'| for all classes, samples and t";
  claim.constant_name = "c1";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const BalanceAccount seen = balance_everywhere(run);
  const Limit* limit = run.sure_limit();
  const BalanceAccount last = limit ? balance_in_limit(run, *limit) : BalanceAccount{};
  Claim result = judge_ratio(run, std::move(claim), "sum_r |rho_jri| / sum_r |rho_j'ri'|",
                             seen.across, limit ? &last.across : nullptr, s.slope() * s.slope());
  result.measured.push_back({"the same within one class (5.4)", seen.within});
  return result;
}

Claim check_early_balance(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"B.2", "balance at early times", "Lemma B.2", group});
  claim.conclusion =
      "|rho_jri| >= c2 slope |rho_j'r'i'| for all pairs, t <= T1 = C' nm/(eta R_max^2)";
  claim.constant_name = "c2";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  Range seen = run.steps.early_neuronwise;
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.time == LogTime() || in_units(snapshot.log_time(), s.unit_of_time()) > 1.0)
      continue;
    seen.add(balance_of(s, rho_of(s, snapshot.coefficients), {.time = snapshot.time}).neuronwise);
  }
  const double wanted = least_balance(s);
  claim.criterion =
      fmt::format("with C' = 1: the ratio is at least {:.4g} slope at the times looked at", wanted);
  if (seen.count == 0) {
    return judge(std::move(claim), Finding::undecided("no time t >= 1 was looked at"));
  }
  claim.measured = {{"|rho_jri| / |rho_j'r'i'|, t <= nm/(eta R_max^2)", seen}};
  claim.constant = seen.least.value / s.slope();
  if (!(claim.constant >= wanted)) {
    return judge(std::move(claim), Finding::fails("the coefficients are less balanced"));
  }
  const bool whole =
      !run.snapshots.empty() && in_units(run.snapshots.back().log_time(), s.unit_of_time()) >= 1.0;
  return judge(
      std::move(claim),
      whole ? Finding::holds() : Finding::undecided("the run ends before nm/(eta R_max^2) steps"));
}

Claim check_neuron_balance(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"B.4", "balance neuron by neuron", "Lemma B.4", group});
  claim.conclusion = "|rho_jri| >= c1 slope^3 |rho_j'r'i'| for all pairs and t";
  claim.constant_name = "c1";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const BalanceAccount seen = balance_everywhere(run);
  const Limit* limit = run.sure_limit();
  const BalanceAccount last = limit ? balance_in_limit(run, *limit) : BalanceAccount{};
  return judge_ratio(run, std::move(claim), "|rho_jri| / |rho_j'r'i'|", seen.neuronwise,
                     limit ? &last.neuronwise : nullptr, std::pow(s.slope(), 3.0));
}

Claim check_leaky_patterns(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"5.6", "activation patterns settle", "Lemma 5.6 = B.5", group});
  claim.conclusion =
      "after T1 = C' nm/(eta R_max^2) no activation changes, and sign<w_jr, x_i> = "
      "j y_i for every neuron and sample";
  claim.constant_name = "C'";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const LastSwitch last = last_switch(run);
  claim.constant = in_units(last.log_time, s.unit_of_time());
  claim.criterion = fmt::format(
      "C' of the last change is at most {:.4g}; all signs j y_i at later "
      "times looked at, and every pair decided so for ever",
      s.thresholds.moderate);
  claim.figures = {{"steps looked at one by one", static_cast<double>(run.steps.last)},
                   {"log10 t of the last change", last.log_time / std::log(10.0)}};
  std::string violation;
  if (!(claim.constant <= s.thresholds.moderate)) violation = "the last change comes later";
  // Before the latest T1 that is accepted, a sign may still be wrong.
  const double latest = std::log(s.unit_of_time() * s.thresholds.moderate);
  for (const Snapshot* snapshot : snapshots_from(run, latest)) {
    if (violation.empty()) violation = wrong_signs(s, *snapshot);
  }
  bool undecided = false;
  const Limit* limit = run.sure_limit();
  const std::string limit_violation = limit ? wrong_verdicts(s, *limit, undecided) : "";
  if (violation.empty() && limit_violation.empty() && limit && undecided) {
    return judge(std::move(claim), Finding::undecided("a pair is undecided in the limit"));
  }
  if (violation.empty() && !last.complete) {
    return judge(std::move(claim), Finding::undecided("not every step was looked at"));
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

namespace {

/// |ρ̲ + γ ρ̄| of the first neurons of both classes, at one sample.
double off_proportion(const ClaimSetting& s, const Matrix& rho, Eigen::Index i) {
  const Eigen::Index own = s.own(0, i) ? 0 : s.width(), other = s.width() - own;
  return std::abs(rho(other, i) + s.slope() * rho(own, i));
}

}  // namespace

Claim check_equal_increments(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"5.7", "equal increments after T1", "Lemma 5.7 = D.1", group});
  claim.conclusion =
      "after T1 the increments of rho_yri are the same for all r, those of the other "
      "class the same and slope times as large";
  claim.criterion = fmt::format(
      "from the first time looked at after the last change of activation: "
      "equal to {:.0e} of the largest",
      equal_tolerance);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const auto later = snapshots_from(run, last_switch(run).log_time);
  if (later.size() < 2) {
    return judge(std::move(claim),
                 Finding::undecided("no two times after the last change of activation"));
  }
  Range uneven, proportion;
  const Matrix start = rho_of(s, later.front()->coefficients);
  for (std::size_t at = 1; at < later.size(); ++at) {
    const Place place{.time = later[at]->time};
    const Matrix rho = rho_of(s, later[at]->coefficients);
    const Matrix gain = rho - start;
    const double largest = gain.cwiseAbs().maxCoeff() + rounding_share * rho.cwiseAbs().maxCoeff();
    if (largest == 0.0) continue;
    Range spread = spread_of(s, gain, place);
    spread.most.value /= largest;
    spread.least.value /= largest;
    uneven.add(spread);
    for (Eigen::Index i = 0; i < s.n(); ++i) {
      Place pair = place;
      pair.sample = i;
      proportion.add(off_proportion(s, gain, i) / largest, pair);
    }
  }
  if (uneven.count == 0) {
    return judge(std::move(claim), Finding::undecided("no coefficient changed after it"));
  }
  claim.measured = {{"spread of the increments over r / largest increment", uneven},
                    {"|other + slope own| / largest increment", proportion}};
  std::string violation, limit_violation;
  const auto differ = [](double value) { return !(value <= equal_tolerance); };
  if (differ(uneven.most.value)) violation = "increments of a class differ";
  if (differ(proportion.most.value)) violation = "the other class's are not slope times";
  if (const Limit* limit = run.sure_limit()) {
    const Matrix rates = rho_of(s, limit->coefficients);
    const double largest = rates.cwiseAbs().maxCoeff();
    const double spread = spread_of(s, rates, {}).most.value / largest;
    double off = 0.0;
    for (Eigen::Index i = 0; i < s.n(); ++i) {
      off = std::fmax(off, off_proportion(s, rates, i) / largest);
    }
    claim.figures.push_back({"spread in the limit", spread});
    claim.figures.push_back({"|other + slope own| in the limit", off});
    if (differ(spread)) limit_violation = "increments differ in the limit";
    if (differ(off)) limit_violation = "in the limit the other class's are not slope times";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

}  // namespace latetime
