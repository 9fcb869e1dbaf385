#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/log_domain.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "Leaky ReLU: growth, stable rank, loss";

// Stable rank − 1 is known to this, whatever the bound.
constexpr double rounding_of_rank = 1e-12;

/// c₄ and c₆ of Lemma B.3, c₃ being the balance constant that the run shows (c₅ is at most c₄, with
/// γ⁻³ for γ⁻²).
struct GrowthConstants {
  double c4, c5, c6;
};
GrowthConstants growth_constants(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  if (s.np() == 0.0) return {1.0, 1.0, 1.0};
  const double part = std::pow(s.slope(), -2.0) * s.np() / balance_constant(run);
  return {1.0 - part, 1.0 - part / s.slope(), 1.0 + part};
}

/// Mean over the neurons of `group` of |ρ|, n entries.
Vector mean_sizes(const ClaimSetting& s, const Matrix& rho, int group_number) {
  return rho.middleRows(group_number * s.width(), s.width()).cwiseAbs().colwise().mean();
}

/// Mean coefficients over their lower and upper bounds (B.35) to (B.38).
struct Envelopes {
  Range over_lower, over_upper;
};
Envelopes measure_envelopes(const RunTrace& run, const GrowthConstants& c, double from) {
  const ClaimSetting& s = run.setting;
  const double upper_rate = std::log(s.rate() * s.r_max * s.r_max * c.c5) + 2.0 * s.beta;
  const double lower_rate =
      std::log(s.rate() * s.r_min * s.r_min * c.c6) - (s.slope() + 1.0) * s.beta;
  Envelopes result;
  for (const Snapshot* snapshot : snapshots_from(run, from)) {
    const double theta = snapshot->log_time();
    const double upper = log1p_exp(upper_rate + theta) / (c.c4 * s.slope());
    const double lower = s.slope() * log1p_exp(lower_rate + theta) / (2.0 * c.c6);
    const Matrix rho = rho_of(s, snapshot->coefficients);
    for (int g = 0; g < 2; ++g) {
      const Vector means = mean_sizes(s, rho, g);
      for (Eigen::Index i = 0; i < s.n(); ++i) {
        const Place place{.time = snapshot->time, .group = g, .sample = i};
        result.over_lower.add(means[i] / lower, place);
        result.over_upper.add(means[i] / upper, place);
      }
    }
  }
  return result;
}

/// Largest spread over the neurons of a class at all times: the C' of Lemmas C.1, C.2.
Range spread_everywhere(const RunTrace& run) {
  Range spread = run.steps.spread;
  for (const Snapshot& snapshot : run.snapshots) {
    spread.add(spread_of(run.setting, rho_of(run.setting, snapshot.coefficients),
                         {.time = snapshot.time}));
  }
  return spread;
}

/// The bound of Lemma C.3 on stable rank − 1, from the norm of the data part v; NaN where its
/// denominator is not positive. C₃ = C₁ = 3(σ0√d + C'√n/R_min): 2(‖w⁰‖ + ‖v_r − v‖) with ‖w⁰‖² ≤
/// 3σ0²d/2, which the lemma's last step needs in the denominator as well.
double rank_bound(const ClaimSetting& s, double spread, double v) {
  const double initial = s.init_std * std::sqrt(static_cast<double>(s.d()));
  const double deviation = spread * std::sqrt(static_cast<double>(s.n())) / s.r_min;
  const double c1 = 3.0 * (initial + deviation);
  const double c2 = 2.0 * (initial + deviation) * (initial + deviation);
  const double c3 = c1;
  const double c4 = 1.5 * initial * initial + 3.0 * initial * deviation;
  const double denominator = v * v - c3 * v - c4;
  if (!(denominator > 0.0)) return std::nan("");
  return ((c1 + c3) * v + c2 + c4) / denominator;
}

/// log of the bound of Lemma D.2 for constant C, at log time θ.
double log_loss_bound(const ClaimSetting& s, double c, double a, double factor, double theta) {
  std::vector<double> terms;
  for (Eigen::Index i = 0; i < s.n(); ++i) {
    const double rate = std::log(s.rate() * s.squared_norms[i] * factor / 2.0) - c;
    terms.push_back(-a * log1p_exp(rate + theta));
  }
  return c + log_sum_exp(terms) - std::log(static_cast<double>(s.n()));
}

/// The least C ≥ 0 for which the bound holds at a snapshot; the bound grows with C.
double needed_constant(const ClaimSetting& s, const Snapshot& snapshot, double a, double factor) {
  const auto holds = [&](double c) {
    return snapshot.log_loss <= log_loss_bound(s, c, a, factor, snapshot.log_time());
  };
  double low = 0.0, high = 1.0;
  if (holds(low)) return 0.0;
  while (!holds(high) && high < 1e6) high *= 2.0;
  for (int round = 0; round < 60; ++round) {
    const double middle = 0.5 * (low + high);
    (holds(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

Claim check_leaky_growth(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_leaky(run, {"B.3", "growth of the coefficients", "Lemma B.3, (B.35)-(B.38)", group});
  claim.conclusion =
      "mean_r |rho_jri| <= log(1 + eta R_max^2 c5 e^2beta t/(nm)) / (c4 slope) and >= "
      "slope log(1 + eta R_min^2 c6 e^-(1+slope)beta t/(nm)) / (2 c6), t >= T1";
  claim.criterion =
      "at all times looked at from nm/(eta R_max^2) on, and of the slopes in log t in "
      "the limit; c4, c5, c6 by the lemma from the run's balance constant (5.4)";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const GrowthConstants c = growth_constants(run);
  claim.figures = {{"c4", c.c4}, {"c5", c.c5}, {"c6", c.c6}};
  if (!(c.c4 > 0.0 && c.c5 > 0.0)) {
    return judge(std::move(claim),
                 Finding::undecided("c4 or c5 is not positive: the bounds say nothing here"));
  }
  const Envelopes seen = measure_envelopes(run, c, std::log(s.unit_of_time()));
  if (seen.over_lower.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided("the run ends before nm/(eta R_max^2) steps"));
  }
  claim.measured = {{"mean_r |rho| / lower bound", seen.over_lower},
                    {"mean_r |rho| / upper bound", seen.over_upper}};
  std::string violation, limit_violation;
  if (!(seen.over_lower.least.value >= 1.0)) violation = "a mean is below its lower bound";
  if (!(seen.over_upper.most.value <= 1.0)) violation = "a mean is above its upper bound";
  if (const Limit* limit = run.sure_limit()) {
    const Matrix rates = rho_of(s, limit->coefficients);
    for (int g = 0; g < 2; ++g) {
      const Vector means = mean_sizes(s, rates, g);
      if (!(means.minCoeff() >= s.slope() / (2.0 * c.c6) * (1.0 - 1e-9))) {
        limit_violation = "in the limit a mean grows more slowly than the lower bound";
      }
      if (!(means.maxCoeff() <= (1.0 + 1e-9) / (c.c4 * s.slope()))) {
        limit_violation = "in the limit a mean grows faster than the upper bound";
      }
    }
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_spread(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_leaky(run, {"C.1", "spread of coefficients in a class", "Lemmas C.1, C.2", group});
  claim.conclusion = "|rho_jri - rho_jr'i| <= C' for all neurons of a class, samples and t";
  claim.constant_name = "C'";
  claim.criterion = fmt::format("at most {:.4g} at all times looked at, and no spread in the limit",
                                s.thresholds.moderate);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const Range spread = spread_everywhere(run);
  if (spread.count == 0) {
    return judge(std::move(claim), Finding::undecided("no time was looked at"));
  }
  claim.measured = {{"max_r rho_jri - min_r rho_jri", spread}};
  claim.constant = spread.most.value;
  std::string violation, limit_violation;
  if (!(claim.constant <= s.thresholds.moderate)) violation = "the spread is larger";
  if (const Limit* limit = run.sure_limit()) {
    const Matrix rates = rho_of(s, limit->coefficients);
    const double relative = spread_of(s, rates, {}).most.value / rates.cwiseAbs().maxCoeff();
    claim.figures.push_back({"spread of the limit, relative", relative});
    if (!(relative <= 1e-8)) limit_violation = "in the limit the spread grows like log t";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_rank_bound(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"C.3", "bound on the stable rank", "Lemma C.3", group});
  claim.conclusion =
      "SR(W_j) - 1 <= ((C1+C3)|v| + C2+C4) / (|v|^2 - C3|v| - C4), v the data part of "
      "a neuron; so SR(W_j) -> 1";
  claim.criterion =
      "at all times looked at where the denominator is positive, C1 to C4 by the lemma "
      "from the run's spread (C.1); stable rank of the limit 1, to 1e-8";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const Range spread = spread_everywhere(run);
  Range excess;
  for (const Snapshot& snapshot : run.snapshots) {
    const Vector norms = norms_of_coefficients(s, snapshot.coefficients);
    for (int g = 0; g < 2; ++g) {
      const double bound = rank_bound(s, spread.most.value, norms[g * s.width()]);
      const double seen = snapshot.stable_ranks[static_cast<std::size_t>(g)].excess;
      if (std::isnan(bound) || std::isnan(seen)) continue;
      excess.add(seen / std::max(bound, rounding_of_rank), {.time = snapshot.time, .group = g});
    }
  }
  if (excess.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided("the bound says nothing at the times looked at: "
                                    "its denominator is negative"));
  }
  claim.measured = {{"(SR - 1) / bound", excess}};
  std::string violation, limit_violation;
  if (!(excess.most.value <= 1.0)) violation = "a stable rank is above the bound";
  if (const Limit* limit = run.sure_limit()) {
    for (int g = 0; g < 2; ++g) {
      const StableRank rank =
          rank_of_coefficients(s, limit->coefficients.middleRows(g * s.width(), s.width()));
      claim.figures.push_back({g == 0 ? "SR - 1 of the limit, class +1" : "class -1", rank.excess});
      if (!(rank.excess <= 1e-8)) limit_violation = "the stable rank of the limit is not 1";
    }
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_leaky_loss_bound(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"D.2", "bound on the loss", "Lemma D.2", group});
  claim.conclusion =
      "L <= (e^C/n) sum_i (1 + eta |x_i|^2 e^-C (1+slope^2)(1+q)(t-T1)/(2nm))^-a, q = "
      "slope^-2 R_min^-2 p n / c1, a = (1-q)/(1+q), t >= T1";
  claim.constant_name = "C";
  claim.criterion = fmt::format(
      "C at most {:.4g} at all times looked at from T1 = nm/(eta R_max^2) on "
      "(t for t - T1, which only lowers the bound); loss exponent in the end "
      "at least a, to 1e-6",
      s.thresholds.moderate);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const double q = s.np() == 0.0 ? 0.0 : s.np() / (s.slope() * s.slope() * balance_constant(run));
  const double a = (1.0 - q) / (1.0 + q);
  const double factor = (1.0 + s.slope() * s.slope()) * (1.0 + q);
  claim.figures = {{"a", a}};
  if (!(a > 0.0)) {
    return judge(std::move(claim),
                 Finding::undecided("a is not positive: the bound says nothing here"));
  }
  Range needed;
  for (const Snapshot* snapshot : snapshots_from(run, std::log(s.unit_of_time()))) {
    needed.add(needed_constant(s, *snapshot, a, factor), {.time = snapshot->time});
  }
  if (needed.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided("the run ends before nm/(eta R_max^2) steps"));
  }
  claim.measured = {{"C that the bound needs", needed}};
  claim.constant = needed.most.value;
  std::string violation, limit_violation;
  if (!(claim.constant <= s.thresholds.moderate)) violation = "the bound needs a larger C";
  const auto exponents = loss_exponents(run.snapshots);
  if (!exponents.empty())
    claim.figures.push_back({"loss exponent in the end", exponents.back().value});
  if (exponents.empty() || !(exponents.back().value >= a - 1e-6)) {
    limit_violation = "in the end the loss falls more slowly than the bound";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

}  // namespace latetime
