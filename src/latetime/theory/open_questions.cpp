#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/lookups.hpp"
#include "latetime/theory/rates.hpp"

namespace latetime {
namespace {

const std::string group = "Open questions of section 7, answered for this run";

/// ‖W/‖W‖ − V/‖V‖‖, W = W⁰ + C X, V = D X, from inner products.
double direction_distance(const ClaimSetting& s, const Matrix& c, const Matrix& v) {
  const Matrix inside = c * s.gram_root, limit = v * s.gram_root;
  const double norm =
      std::sqrt(s.problem.initial.weights.squaredNorm() +
                2.0 * (c.array() * s.initial_z.array()).sum() + inside.squaredNorm());
  const double limit_norm = limit.norm();
  // The part of W⁰ and of C − (norm/limit_norm) D, both divided by ‖W‖: no difference of near ones.
  const double factor = norm / limit_norm;
  const Matrix difference = c - factor * v;
  const double squared = s.problem.initial.weights.squaredNorm() +
                         2.0 * (difference.array() * s.initial_z.array()).sum() +
                         (difference * s.gram_root).squaredNorm();
  return std::sqrt(std::max(0.0, squared)) / norm;
}

}  // namespace

Claim check_direction(const RunTrace& run) {
  Claim claim = begin_descent(run, {"7.1", "W converges in direction", "Section 7", group});
  claim.conclusion = "W/|W| converges, to a KKT point of min |V|^2/2 s.t. y_i f(V; x_i) >= 1";
  claim.criterion =
      "a limit V is found, KKT residual <= 1e-8; |W/|W| - V/|V|| times log t does not "
      "grow over the last decade of log t, and is below 1e-2 at its end without it";
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  claim.figures = {{"KKT residual", limit->kkt_residual},
                   {"normalised margin", limit->normalized_margin}};
  Range distance;
  const auto all = snapshots_from(run, 1.0);
  double first = -1.0, last = -1.0, end = 0.0;
  for (const Snapshot* snapshot : all) {
    const double d = direction_distance(run.setting, snapshot->coefficients, limit->coefficients);
    distance.add(d, {.time = snapshot->time});
    if (snapshot->log_time() < 0.1 * all.back()->log_time()) continue;
    if (first < 0.0) first = d * snapshot->log_time();
    last = d * snapshot->log_time();
    end = d;
  }
  if (distance.count == 0) return judge(std::move(claim), Finding::undecided("no late times"));
  claim.measured = {{"|W/|W| - V/|V||", distance}};
  claim.figures.push_back({"the same at the end", end});
  claim.figures.push_back({"the same times log t, at the end", last});
  if (!(limit->kkt_residual <= 1e-8) || end > 1e-2) {
    return judge(std::move(claim), Finding::undecided("the run has not come near the limit"));
  }
  return judge(std::move(claim),
               last <= 2.0 * first + 1e-9 * all.back()->log_time()
                   ? Finding::holds()
                   : Finding::undecided("the distance does not fall like 1/log t"));
}

Claim check_settling(const RunTrace& run) {
  Claim claim = begin_descent(run, {"7.2", "activation patterns settle", "Section 7", group});
  claim.conclusion = "no neuron switches its activation infinitely often";
  claim.criterion =
      "in the limit every pair is active for ever or inactive for ever; fails when one "
      "switches for ever (docs/switching.md)";
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  const auto count = [limit](PairVerdict verdict) {
    return static_cast<double>(limit->count(verdict));
  };
  claim.figures = {
      {"pairs active for ever", count(PairVerdict::active)},
      {"pairs inactive for ever", count(PairVerdict::inactive)},
      {"pairs that switch for ever", count(PairVerdict::switches)},
      {"pairs undecided", count(PairVerdict::undecided)},
      {"log10 t of the last change, at the latest", last_switch(run).log_time / std::log(10.0)}};
  if (limit->count(PairVerdict::switches) > 0) {
    return judge(std::move(claim),
                 Finding::fails(
                     fmt::format("{} pairs switch for ever", limit->count(PairVerdict::switches))));
  }
  if (limit->count(PairVerdict::undecided) > 0) {
    return judge(std::move(claim),
                 Finding::undecided(
                     fmt::format("{} pairs are undecided", limit->count(PairVerdict::undecided))));
  }
  return judge(std::move(claim), Finding::holds());
}

}  // namespace latetime
