#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/log_domain.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "ReLU: other class, norms, loss";

/// max |ρ̲_{j,r,i}| / min ρ̄_{j,r',i'}, r' ∈ S_{i'}⁽⁰⁾, both of class j: what E.2 bounds by c n p /
/// R_min². Classes without samples of both kinds say nothing.
Range other_over_own(const ClaimSetting& s, const Matrix& rho, const Place& at) {
  Range range;
  for (int g = 0; g < 2; ++g) {
    Extreme other, own;
    for (Eigen::Index k = g * s.width(); k < (g + 1) * s.width(); ++k) {
      for (Eigen::Index i = 0; i < s.n(); ++i) {
        Place place = at;
        place.neuron = k;
        place.sample = i;
        if (!s.own(k, i) && !(std::abs(rho(k, i)) <= other.value)) {
          other = {std::abs(rho(k, i)), place};
        }
        if (s.active0(k, i) && !(rho(k, i) >= own.value)) own = {rho(k, i), place};
      }
    }
    if (!other.known() || !own.known() || (other.value == 0.0 && !(own.value > 0.0))) continue;
    Place place = other.at;
    place.other_neuron = own.at.neuron;
    place.other_sample = own.at.sample;
    range.add(own.value > 0.0 ? other.value / own.value : std::numeric_limits<double>::infinity(),
              place);
  }
  return range;
}

/// log of the bound of Lemma G.1 with exponent a at log time θ.
double log_loss_bound(const ClaimSetting& s, double a, double theta) {
  const double m = static_cast<double>(s.width());
  std::vector<double> terms;
  for (Eigen::Index i = 0; i < s.n(); ++i) {
    const double rate =
        std::log(s.rate() * s.active0_count[i] * s.squared_norms[i] / (2.0 * m)) - s.beta;
    terms.push_back(-a * log1p_exp(rate + theta));
  }
  return 2.0 * s.beta + log_sum_exp(terms) - std::log(static_cast<double>(s.n()));
}

}  // namespace

Claim check_small_other_class(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"E.2", "other-class coefficients get small", "Lemmas E.2, E.3", group});
  claim.conclusion =
      "there are T2 and c: |rho_jri| <= c R_min^-2 p n rho_jr'i' for t > T2, i of the "
      "other class, i' of class j, r' in S_i'(0)";
  claim.constant_name = "c";
  claim.criterion = fmt::format(
      "c = 2 / c1 as in the proof, c1 of 5.5 on this run, but at most {:.4g}: from "
      "some time looked at on, and in the limit",
      s.thresholds.moderate);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  claim.hypotheses.push_back(
      {.name = "p > 0",
       .statement =
           "the samples are not orthogonal; with p = 0 the right side is 0 and no T2 exists",
       .met = !s.orthogonal(),
       .detail = fmt::format("p = {:.4g}", s.p)});
  if (!every_sample_is_active(s)) return judge(std::move(claim), nobody_active());
  Range seen;
  const double c1 = balance_constant(run);
  const double allowed =
      c1 > 0.0 ? std::min(2.0 / c1, s.thresholds.moderate) : s.thresholds.moderate;
  double since = std::numeric_limits<double>::infinity();  // T2, at the latest
  const Snapshot* last = nullptr;
  for (const Snapshot* snapshot : snapshots_from(run, 0.0)) {
    const Range now =
        other_over_own(s, rho_of(s, snapshot->coefficients), {.time = snapshot->time});
    if (now.count == 0) continue;
    seen.add(now);
    if (now.most.value <= allowed * s.np())
      since = std::min(since, snapshot->log_time());
    else
      since = std::numeric_limits<double>::infinity();
    last = snapshot;
  }
  if (!last) {
    return judge(std::move(claim), Finding::undecided("no class has coefficients of both kinds"));
  }
  claim.measured = {{"max |rho_jri| / min rho_jr'i'", seen}};
  claim.figures = {{"R_min^-2 n p", s.np()},
                   {"c allowed", allowed},
                   {"log10 T2, at the latest", since / std::log(10.0)}};
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  const Range in_limit = other_over_own(s, rho_of(s, limit->coefficients), {});
  const double ratio = in_limit.count > 0 ? in_limit.most.value : 0.0;
  claim.constant = ratio == 0.0 ? 0.0 : ratio / s.np();
  claim.figures.push_back({"the ratio in the limit", ratio});
  if (!(claim.constant <= allowed)) {
    return judge(std::move(claim), Finding::fails("in the limit the ratio needs a larger c"));
  }
  return judge(std::move(claim),
               std::isfinite(since)
                   ? Finding::holds()
                   : Finding::undecided("the ratio is above c R_min^-2 n p until the last time "
                                        "looked at, below it in the limit"));
}

Claim check_norm_bounds(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_relu(run, {"F.1", "norms of W_j - W_j(0)", "Lemma F.1", group});
  claim.conclusion =
      "|W_j - W_j(0)|_F^2 <= C m n R_max^2 R_min^-4 log^2 t and |W_j - W_j(0)|_2 >= c "
      "R_max^-2 R_min sqrt(mn) log t, so SR <= C / c^2";
  claim.constant_name = "C / c^2";
  const double most = s.thresholds.moderate;
  claim.criterion = fmt::format(
      "C <= {:.4g}, c >= {:.4g} at all times looked at from nm/(eta R_max^2) "
      "on, and in the limit",
      most, 1.0 / most);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  claim.hypotheses.push_back(both_classes(s));
  const double mn = static_cast<double>(s.width()) * static_cast<double>(s.n());
  const double upper_unit = mn * s.r_max * s.r_max * std::pow(s.r_min, -4.0);
  const double lower_unit = std::sqrt(mn) * s.r_min / (s.r_max * s.r_max);
  const auto measure = [&](const Matrix& coefficients, double log_time, const Place& at,
                           Range& upper, Range& lower) {
    for (int g = 0; g < 2; ++g) {
      const MatrixNorms norms = matrix_norms(s, coefficients.middleRows(g * s.width(), s.width()));
      Place place = at;
      place.group = g;
      upper.add(norms.frobenius * norms.frobenius / (upper_unit * log_time * log_time), place);
      lower.add(norms.spectral / (lower_unit * log_time), place);
    }
  };
  Range upper, lower;
  for (const Snapshot* snapshot : snapshots_from(run, std::max(1.0, std::log(s.unit_of_time())))) {
    measure(snapshot->coefficients, snapshot->log_time(), {.time = snapshot->time}, upper, lower);
  }
  if (upper.count == 0) {
    return judge(std::move(claim),
                 Finding::undecided("the run ends before nm/(eta R_max^2) steps"));
  }
  claim.measured = {{"C: |W_j - W_j(0)|_F^2 / (mn R_max^2 R_min^-4 log^2 t)", upper},
                    {"c: |W_j - W_j(0)|_2 / (R_max^-2 R_min sqrt(mn) log t)", lower}};
  std::string violation, limit_violation;
  if (!(upper.most.value <= most)) violation = "C is too large";
  if (!(lower.least.value >= 1.0 / most)) violation = "c is too small";
  Range upper_limit, lower_limit;
  if (const Limit* limit = run.sure_limit()) {
    measure(limit->coefficients, 1.0, {}, upper_limit, lower_limit);
    claim.measured.push_back({"C in the limit", upper_limit});
    claim.measured.push_back({"c in the limit", lower_limit});
    if (!(upper_limit.most.value <= most)) limit_violation = "C is too large in the limit";
    if (!(lower_limit.least.value >= 1.0 / most)) limit_violation = "c is too small in the limit";
  }
  const Range &top = upper_limit.count > 0 ? upper_limit : upper,
              &bottom = lower_limit.count > 0 ? lower_limit : lower;
  claim.constant = top.most.value / (bottom.least.value * bottom.least.value);
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_relu_loss_bound(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_relu(run, {"G.1", "bound on the loss", "Lemma G.1", group});
  claim.conclusion =
      "L <= (e^2beta/n) sum_i (1 + eta |S_i(0)| |x_i|^2 e^-beta t/(2nm^2))^-a, a = "
      "(1 - (1+c') q) / (c'^2 (1 + q)), q = R_min^-2 pn / c1";
  claim.criterion =
      "at all times looked at, c1 of 5.5 and c' = max_i m / |S_i(0)| of this run; loss "
      "exponent in the end at least a";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  if (s.active0_count.minCoeff() == 0) {
    return judge(std::move(claim),
                 Finding::undecided("a sample activates no neuron of its class at "
                                    "the start: c' is infinite"));
  }
  const double share = static_cast<double>(s.width()) / s.active0_count.minCoeff();
  const double q = s.np() == 0.0 ? 0.0 : s.np() / balance_constant(run);
  const double a = (1.0 - (1.0 + share) * q) / (share * share * (1.0 + q));
  claim.figures = {{"c'", share}, {"a", a}};
  if (!(a > 0.0)) {
    return judge(std::move(claim),
                 Finding::undecided("a is not positive: the bound says nothing here"));
  }
  Range over;
  for (const Snapshot& snapshot : run.snapshots) {
    over.add(snapshot.log_loss - log_loss_bound(s, a, snapshot.log_time()),
             {.time = snapshot.time});
  }
  if (over.count == 0) return judge(std::move(claim), Finding::undecided("no time was looked at"));
  claim.measured = {{"log L - log bound", over}};
  std::string violation, limit_violation;
  if (!(over.most.value <= 1e-12)) violation = "the loss is above the bound";
  const auto exponents = loss_exponents(run.snapshots);
  if (!exponents.empty())
    claim.figures.push_back({"loss exponent in the end", exponents.back().value});
  if (exponents.empty() || !(exponents.back().value >= a)) {
    limit_violation = "in the end the loss falls more slowly than the bound";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

}  // namespace latetime
