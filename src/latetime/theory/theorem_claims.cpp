#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "Main theorems";

constexpr double exponent_tolerance = 1e-6;
constexpr double rank_tolerance = 1e-8;

// What counts as a bounded stable rank. The paper's own figures for ReLU lie below it; min(m, n, d)
// bounds any stable rank, so that an absolute constant of 100 would often say nothing.
constexpr double most_stable_rank = 10.0;

/// Whether the weights of a class stay bounded: then it has no stable rank in the limit.
bool stays_behind(const ClaimSetting& s, const Limit& limit, int g) {
  const Matrix coefficients = limit.coefficients.middleRows(g * s.width(), s.width());
  const Matrix z =
      (coefficients * s.gram).cwiseAbs();  // norms from the Gram matrix lose half the digits
  const Matrix terms = coefficients.cwiseAbs() * s.gram.cwiseAbs();
  return z.binaryExpr(terms, &zero_to_rounding).all();
}

/// ‖w_k‖ of a snapshot, from W⁰W⁰ᵀ, Z⁰ and G alone.
Vector neuron_norms(const ClaimSetting& s, const Matrix& coefficients) {
  const Vector initial = s.problem.initial.weights.rowwise().squaredNorm();
  const Vector cross = (coefficients.array() * s.initial_z.array()).rowwise().sum();
  const Vector data = norms_of_coefficients(s, coefficients).array().square();
  return (initial + 2.0 * cross + data).cwiseMax(0.0).cwiseSqrt();
}

/// Exponents −d log L/d log t of the last decade of log t, and the last one.
struct LossRate {
  Range late;
  double last = std::nan("");
};
LossRate loss_rate(const RunTrace& run) {
  LossRate rate;
  const auto exponents = loss_exponents(run.snapshots);
  if (exponents.empty()) return rate;
  rate.last = exponents.back().value;
  for (const Sample& sample : exponents) {
    if (sample.log_time < 0.1 * exponents.back().log_time) continue;
    rate.late.add(sample.value, {.time = LogTime::from_log(sample.log_time)});
  }
  return rate;
}

/// Enters the loss exponents and what they say of t^−a, a = (1 − c q)/(1 + c q) with the least c ≥
/// 0.
Claim judge_loss_rate(const RunTrace& run, Claim claim, double q) {
  const LossRate rate = loss_rate(run);
  if (rate.late.count == 0) {
    return judge(std::move(claim), Finding::undecided("fewer than two times t >= e looked at"));
  }
  claim.measured = {{"-d log L / d log t, last decade of log t", rate.late}};
  claim.figures.push_back({"loss exponent in the end", rate.last});
  const double deficit = std::max(0.0, 1.0 - rate.last);
  claim.constant = deficit <= exponent_tolerance ? 0.0 : deficit / (1.0 + rate.last) / q;
  if (!run.sure_limit()) {
    return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  }
  if (!(rate.last > 0.0) || !(claim.constant <= run.setting.thresholds.moderate)) {
    return judge(std::move(claim), Finding::fails("the loss falls more slowly"));
  }
  return judge(std::move(claim), Finding::holds());
}

}  // namespace

Claim check_neuron_norms(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"4.1.1", "norms grow like log t", "Theorem 4.1, part 1", group});
  claim.conclusion = "|w_jr(t)| = Theta(log t) for every neuron";
  claim.criterion = fmt::format(
      "the limits of |w_jr| / log t are positive and finite and differ by a "
      "factor of at most {:.4g}; the fits in 1/log t agree with the limit "
      "solver to 1e-6",
      s.thresholds.moderate);
  claim.constant_name = "max / min";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  Range seen;
  std::vector<std::vector<Sample>> curves(static_cast<std::size_t>(s.neurons()));
  for (const Snapshot* snapshot : snapshots_from(run, 1.0)) {
    const Vector ratios = neuron_norms(s, snapshot->coefficients) / snapshot->log_time();
    for (Eigen::Index k = 0; k < s.neurons(); ++k) {
      seen.add(ratios[k], {.time = snapshot->time, .neuron = k});
      curves[static_cast<std::size_t>(k)].push_back({snapshot->log_time(), ratios[k]});
    }
  }
  if (seen.count > 0) claim.measured.push_back({"|w_jr| / log t, t >= e", seen});
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  const Vector norms = norms_of_coefficients(s, limit->coefficients);
  Range in_limit, off;
  for (Eigen::Index k = 0; k < s.neurons(); ++k) {
    in_limit.add(norms[k], {.neuron = k});
    const LateFit fit = fit_limit(curves[static_cast<std::size_t>(k)]);
    if (fit.known) off.add(std::abs(fit.limit - norms[k]) / norms.maxCoeff(), {.neuron = k});
  }
  claim.measured.push_back({"lim |w_jr| / log t, limit solver", in_limit});
  if (off.count > 0) claim.measured.push_back({"|fit - limit| / largest limit", off});
  claim.constant = in_limit.most.value / in_limit.least.value;
  if (!(claim.constant <= s.thresholds.moderate)) {
    return judge(std::move(claim), Finding::fails("a neuron stays behind"));
  }
  if (off.count == 0) return judge(std::move(claim), Finding::undecided("too few late times"));
  return judge(std::move(claim), off.most.value <= 1e-6
                                     ? Finding::holds()
                                     : Finding::fails("the run does not go to its limit"));
}

Claim check_leaky_rank(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"4.1.2", "stable rank goes to 1", "Theorem 4.1, part 2", group});
  claim.conclusion = "SR(W_j) -> 1 with SR(W_j) - 1 = O((1 + sigma0 sqrt(d)/R_max) / log t)";
  claim.constant_name = "(SR - 1) log t";
  const double scale = 1.0 + s.init_std * std::sqrt(static_cast<double>(s.d())) / s.r_max;
  const double most = s.thresholds.moderate * scale;
  claim.criterion = fmt::format(
      "(SR - 1) log t at most {:.4g} at all times looked at from nm/(eta R_max^2) on; stable rank "
      "of "
      "the limit 1, to {:.0e}",
      most, rank_tolerance);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  Range seen;
  for (const Snapshot* snapshot : snapshots_from(run, std::max(1.0, std::log(s.unit_of_time())))) {
    for (int g = 0; g < 2; ++g) {
      const double excess = snapshot->stable_ranks[static_cast<std::size_t>(g)].excess;
      if (std::isnan(excess)) continue;  // weights that only hop
      seen.add(excess * snapshot->log_time(), {.time = snapshot->time, .group = g});
    }
  }
  if (seen.count == 0)
    return judge(std::move(claim),
                 Finding::undecided("the run ends before nm/(eta R_max^2) steps"));
  claim.measured = {{"(SR(W_j) - 1) log t", seen}};
  claim.constant = seen.most.value;
  std::string violation, limit_violation;
  if (!(seen.most.value <= most)) violation = "(SR - 1) log t grows beyond it";
  const Snapshot& last = run.snapshots.back();
  for (int g = 0; g < 2; ++g) {
    const auto index = static_cast<std::size_t>(g);
    const LateFit fit = fit_limit(series(run.snapshots, [&](const Snapshot& at) {
      return at.stable_ranks[index].excess * at.log_time() * at.log_time();
    }));
    const char* name = g == 0 ? "+1" : "-1";
    claim.figures.push_back(
        {fmt::format("SR - 1 at the last time, class {}", name), last.stable_ranks[index].excess});
    if (run.late.reached && fit.known) {
      claim.figures.push_back({fmt::format("lim (SR - 1) log^2 t, class {}", name), fit.limit});
    }
    const Limit* limit = run.sure_limit();
    if (!limit) continue;
    if (stays_behind(s, *limit, g)) {
      return judge(std::move(claim), Finding::fails("the weights of a class stay bounded"));
    }
    const StableRank rank =
        rank_of_coefficients(s, limit->coefficients.middleRows(g * s.width(), s.width()));
    claim.figures.push_back({fmt::format("SR - 1 of the limit, class {}", name), rank.excess});
    if (!(rank.excess <= rank_tolerance)) limit_violation = "the stable rank of the limit is not 1";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

Claim check_leaky_loss_rate(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_leaky(run, {"4.1.3", "loss rate", "Theorem 4.1, part 3", group});
  claim.conclusion =
      "L = O(t^-a), a = (1 - c q)/(1 + c q), q = slope^-2 R_min^-2 p n; 1/t for p = 0";
  claim.constant_name = "c";
  claim.criterion = fmt::format(
      "the exponent in the end is at least a with c <= {:.4g}; for p = 0 at "
      "least 1, to {:.0e}",
      s.thresholds.moderate, exponent_tolerance);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const double q = s.np() / (s.slope() * s.slope());
  return judge_loss_rate(run, std::move(claim), q);
}

Claim check_relu_rank(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"4.3.1", "stable rank stays bounded", "Theorem 4.3, part 1", group});
  claim.conclusion = "lim sup SR(W_j) <= c";
  claim.constant_name = "c";
  claim.criterion = fmt::format(
      "c <= {:.4g}, of the limit, and of the times looked at in the last "
      "decade of log t",
      most_stable_rank);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  claim.hypotheses.push_back(both_classes(s));
  Range late, in_limit;
  const double last = run.snapshots.empty() ? 0.0 : run.snapshots.back().log_time();
  for (const Snapshot* snapshot : snapshots_from(run, 0.1 * last)) {
    for (int g = 0; g < 2; ++g) {
      const double rank = snapshot->stable_ranks[static_cast<std::size_t>(g)].value;
      if (!std::isnan(rank)) late.add(rank, {.time = snapshot->time, .group = g});
    }
  }
  if (late.count > 0) claim.measured.push_back({"SR(W_j), last decade of log t", late});
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  for (int g = 0; g < 2; ++g) {
    if (stays_behind(s, *limit, g)) continue;  // then SR(W_j) stays at that of bounded weights
    in_limit.add(
        rank_of_coefficients(s, limit->coefficients.middleRows(g * s.width(), s.width())).value,
        {.group = g});
  }
  if (in_limit.count > 0) claim.measured.push_back({"SR of the limit", in_limit});
  claim.constant =
      in_limit.count > 0 ? std::max(in_limit.most.value, late.most.value) : late.most.value;
  const Eigen::Index trivial = std::min({s.width(), s.n(), s.d()});
  claim.figures.push_back(
      {"largest rank that W_j in the limit could have", static_cast<double>(trivial)});
  return judge(std::move(claim), claim.constant <= most_stable_rank
                                     ? Finding::holds()
                                     : Finding::fails("the stable rank is larger"));
}

Claim check_relu_loss_rate(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_relu(run, {"4.3.2", "loss rate", "Theorem 4.3, part 2", group});
  claim.conclusion = "L = O(t^-a), a = c1 (1 - c2 q)/(1 + c3 q), q = R_min^-2 p n";
  claim.constant_name = "c2 = c3, with c1 = 1";
  claim.criterion = fmt::format(
      "the exponent in the end is at least a with c1 = 1 and c2 = c3 <= "
      "{:.4g}; for p = 0 at least 1, to {:.0e}",
      s.thresholds.moderate, exponent_tolerance);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  return judge_loss_rate(run, std::move(claim), s.np());
}

}  // namespace latetime
