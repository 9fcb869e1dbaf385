#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "ReLU on orthogonal data";

constexpr double limit_tolerance = 1e-8;

/// What F.2 says of ρ_{k,i} / log t: m/|S_i| where active at the start, 0 elsewhere.
Matrix expected_rates(const ClaimSetting& s) {
  Matrix rates = Matrix::Zero(s.neurons(), s.n());
  for (Eigen::Index k = 0; k < s.neurons(); ++k) {
    for (Eigen::Index i = 0; i < s.n(); ++i) {
      if (s.active0(k, i)) rates(k, i) = static_cast<double>(s.width()) / s.active0_count[i];
    }
  }
  return rates;
}

Range differences(const Matrix& a, const Matrix& b, const Place& at) {
  Range range;
  Eigen::Index k = 0, i = 0;
  const double most = (a - b).cwiseAbs().maxCoeff(&k, &i);
  Place place = at;
  place.neuron = k;
  place.sample = i;
  range.add(most, place);
  return range;
}

/// The last snapshot at which some other-class pair is active, as log t; −∞: none.
double last_active_other(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  double last = -std::numeric_limits<double>::infinity();
  for (const Snapshot& snapshot : run.snapshots) {
    for (Eigen::Index k = 0; k < s.neurons(); ++k) {
      for (Eigen::Index i = 0; i < s.n(); ++i) {
        if (!s.own(k, i) && snapshot.preactivations(k, i) > 0.0) last = snapshot.log_time();
      }
    }
  }
  if (run.steps.last_other_switch > 0) {
    last = std::max(last, std::log(static_cast<double>(run.steps.last_other_switch)));
  }
  return last;
}

struct PatternFindings {
  Range inactive_own;  ///< |ρ| of own-class pairs that are inactive at the start; 0 by F.2
  Range drift;         ///< change of ρ̲ after T; 0 by F.2
  std::string violation;
};

PatternFindings look_at_patterns(const RunTrace& run, double settled) {
  const ClaimSetting& s = run.setting;
  PatternFindings found;
  const Snapshot* reference = nullptr;
  for (const Snapshot& snapshot : run.snapshots) {
    const Matrix rho = rho_of(s, snapshot.coefficients);
    if (!reference && snapshot.log_time() >= settled) reference = &snapshot;
    for (Eigen::Index k = 0; k < s.neurons(); ++k) {
      for (Eigen::Index i = 0; i < s.n(); ++i) {
        const Place place{.time = snapshot.time, .neuron = k, .sample = i};
        if (s.own(k, i)) {
          const bool now = snapshot.preactivations(k, i) >= 0.0;
          if (now != (s.initial_z(k, i) >= 0.0)) {
            found.violation = "an own-class activation changed: " + describe(place, s.width());
          }
          if (s.initial_z(k, i) < 0.0) found.inactive_own.add(std::abs(rho(k, i)), place);
        } else if (reference) {
          const double before = reference->coefficients(k, i) * s.squared_norms[i];
          found.drift.add(std::abs(rho(k, i) - before), place);
        }
      }
    }
  }
  return found;
}

/// Stable rank of W_{+1} (part 0), W_{−1} (1) or the stacked W (2).
StableRank rank_of_part(const ClaimSetting& s, const Matrix& coefficients, int part) {
  if (part == 2) return rank_of_coefficients(s, coefficients);
  return rank_of_coefficients(s, coefficients.middleRows(part * s.width(), s.width()));
}

/// That which the initial pattern leads to by F.2; data part of the limit.
StableRank expected_rank(const ClaimSetting& s, int part) {
  return rank_of_part(s, expected_rates(s) * s.squared_norms.cwiseInverse().asDiagonal(), part);
}

/// What the limit says of F.2.
struct LimitFindings {
  std::string violation;
  bool undecided = false;  ///< a pair has no verdict
};

LimitFindings compare_limit(const ClaimSetting& s, const Limit& limit, const Matrix& expected,
                            Claim& claim) {
  LimitFindings found;
  const Range range = differences(rho_of(s, limit.coefficients), expected, {});
  claim.measured.push_back({"|lim rho / log t - m/|S_i||, limit solver", range});
  if (!(range.most.value <= limit_tolerance)) found.violation = "the limit is another one";
  const auto verdicts = compare_verdicts(s, limit, [&](Eigen::Index k, Eigen::Index i) {
    return s.active0(k, i) ? PairVerdict::active : PairVerdict::inactive;  // own-class pairs alone
  });
  found.undecided = verdicts.undecided;
  if (verdicts.unexpected) {
    found.violation =
        "a pair is not what F.2 says for ever: " + describe(*verdicts.unexpected, s.width());
  }
  return found;
}

}  // namespace

Claim check_orthogonal_patterns(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_relu(run, {"F.2", "activation is decided at the start", "Lemma F.2", group});
  claim.conclusion =
      "own-class pairs keep their sign, other-class pairs end inactive; rho_yri = 0 if "
      "inactive at the start, rho_yri / log t -> m / |S_i(0)| if active; other-class "
      "rho constant after T = C nm/(eta R_min^2)";
  claim.constant_name = "C";
  claim.criterion = fmt::format(
      "signs at all times looked at, and for ever in the limit; zero and "
      "constant to 1e-12; limits to {:.0e}, from the limit solver and from "
      "the slope of the last two times; C <= {:.4g}",
      limit_tolerance, s.thresholds.moderate);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  claim.hypotheses.push_back(mutually_orthogonal(s));
  if (s.active0_count.minCoeff() == 0) {
    return judge(std::move(claim),
                 Finding::undecided("a sample activates no neuron of its class at "
                                    "the start: m / |S_i| is infinite"));
  }
  const double settled = last_active_other(run);
  claim.constant = in_units(settled, 1.0 / (s.rate() * s.r_min * s.r_min));
  const PatternFindings found = look_at_patterns(run, settled);
  std::string violation = found.violation;
  const LastSwitch last = last_switch(run);
  if (violation.empty() && std::isfinite(last.own_log_time)) {
    violation = fmt::format("an own-class activation changed, last at t = {}",
                            decades_text(LogTime::from_log(last.own_log_time)));
  }
  if (found.inactive_own.count > 0) {
    claim.measured.push_back({"|rho_yri|, inactive at the start", found.inactive_own});
    if (!(found.inactive_own.most.value <= 1e-12)) violation = "a coefficient is not zero";
  }
  if (found.drift.count > 0) {
    claim.measured.push_back({"change of other-class rho after T", found.drift});
    if (!(found.drift.most.value <= 1e-12)) violation = "an other-class coefficient still changes";
  }
  if (!(claim.constant <= s.thresholds.moderate))
    violation = "an other-class pair is active for longer";
  const Matrix expected = expected_rates(s);
  if (const Matrix rates = last_rho_rates(run); rates.size() > 0) {
    const Range range = differences(rates, expected, {.time = run.snapshots.back().time});
    claim.measured.push_back({"|d rho / d log t - m/|S_i||, last two times", range});
    if (!(range.most.value <= limit_tolerance)) violation = "rho / log t goes elsewhere";
  }
  LimitFindings limit;
  if (const Limit* sure = run.sure_limit()) limit = compare_limit(s, *sure, expected, claim);
  if (violation.empty() && limit.violation.empty()) {
    if (limit.undecided) {
      return judge(std::move(claim), Finding::undecided("a pair is undecided in the limit"));
    }
    if (!last.complete) {
      return judge(std::move(claim),
                   Finding::undecided("an activation may have changed at a time not looked at"));
    }
  }
  const Finding finding = for_all_times(run, violation, limit.violation);
  return judge(std::move(claim), finding);
}

namespace {

/// What o(1) of F.3 is read as.
double small_o(const ClaimSetting& s) {
  return 2.0 / (0.5 * static_cast<double>(s.n()) + 1.0) +
         4.0 / std::sqrt(static_cast<double>(s.width()));
}

Hypothesis equal_norms(const ClaimSetting& s) {
  return {.name = "equal norms",
          .statement = "x_i are unit vectors up to one scale",
          .met = s.ratio() <= 1.0 + 1e-12,
          .detail = fmt::format("R = {:.6g}", s.ratio())};
}

Hypothesis balanced_classes(const ClaimSetting& s, std::ptrdiff_t plus) {
  return {.name = "balanced classes",
          .statement = "n is even, n/2 samples in each class",
          .met = 2 * plus == s.n(),
          .detail = fmt::format("{} of {} are +1", plus, s.n())};
}

}  // namespace

Claim check_orthogonal_ranks(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"F.3", "stable rank on orthogonal data", "Lemma F.3, Remark 4.4", group});
  const auto plus = std::count(s.problem.data.classes.begin(), s.problem.data.classes.end(), 0);
  claim.conclusion = "SR(W_+1), SR(W_-1) -> 2 + o(1); stacked W in [16/9 - o(1), 9 + o(1)]";
  claim.criterion = fmt::format(
      "the limits that F.2 gives for the initial pattern, to {:.0e}: from the limit solver, and "
      "from "
      "a fit in 1/log t; with o(1) = 2/(n_j + 1) + 4/sqrt(m), n_j = n/2",
      limit_tolerance);
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  claim.hypotheses.push_back(mutually_orthogonal(s));
  claim.hypotheses.push_back(equal_norms(s));
  claim.hypotheses.push_back(balanced_classes(s, plus));
  if (s.active0_count.minCoeff() == 0 || plus == 0 || plus == s.n()) {
    return judge(std::move(claim),
                 Finding::undecided("a class has no samples, or a sample no active neuron"));
  }
  const double small = small_o(s);
  std::string violation, limit_violation;
  Range off_fit, off_limit, from_two;
  const char* names[] = {"+1", "-1", "both"};
  for (int part = 0; part < 3; ++part) {
    const auto index = static_cast<std::size_t>(part);
    const double expected = expected_rank(s, part).value;
    const Place place{.group = part < 2 ? std::optional(part) : std::nullopt};
    claim.figures.push_back({fmt::format("stable rank by F.2, {}", names[part]), expected});
    if (part < 2) from_two.add(expected - 2.0, place);
    if (part == 2 && !(expected >= 16.0 / 9.0 - small && expected <= 9.0 + small)) {
      violation = "the stacked stable rank lies outside [16/9, 9]";
    }
    const LateFit fit = fit_limit(
        series(run.snapshots, [&](const Snapshot& at) { return at.stable_ranks[index].value; }));
    if (run.late.reached && fit.known) off_fit.add(std::abs(fit.limit - expected), place);
    if (const Limit* limit = run.sure_limit()) {
      const StableRank rank = rank_of_part(s, limit->coefficients, part);
      off_limit.add(std::abs(rank.value - expected), place);
    }
  }
  claim.measured = {{"stable rank by F.2 - 2", from_two}};
  claim.constant = std::max(std::abs(from_two.least.value), std::abs(from_two.most.value));
  claim.constant_name = "o(1)";
  claim.figures.push_back({"o(1) allowed", small});
  if (!(claim.constant <= small)) violation = "the stable rank is further from 2";
  if (off_fit.count > 0) {
    claim.measured.push_back({"|fitted limit - by F.2|", off_fit});
    if (!(off_fit.most.value <= limit_tolerance)) violation = "stable ranks go elsewhere";
  } else if (violation.empty()) {
    return judge(std::move(claim),
                 Finding::undecided(run.no_limit_reason().empty() ? "too few late times for a fit"
                                                                  : run.no_limit_reason()));
  }
  if (off_limit.count > 0) {
    claim.measured.push_back({"|limit solver - by F.2|", off_limit});
    if (!(off_limit.most.value <= limit_tolerance)) limit_violation = "the limit is another one";
  }
  const Finding finding = for_all_times(run, violation, limit_violation);
  return judge(std::move(claim), finding);
}

}  // namespace latetime
