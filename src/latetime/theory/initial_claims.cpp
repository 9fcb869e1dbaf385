#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"

namespace latetime {
namespace {

const std::string conditions = "Conditions and initial weights";

// Lemma A.1 asks for d >= Ω(log(mn/δ)). By the tails of χ²_d, P(‖w⁰‖² > 3σ0²d/2) ≤ e^{−d/21.2} and
// P(‖w⁰‖² < σ0²d/2) ≤ e^{−d/16}: with this constant its conclusion has probability 1 − δ.
constexpr double dimension_constant = 22.0;

// Lemma A.2 prints its constant: m ≥ 50 log(2n/δ).
constexpr double width_constant = 50.0;

/// The small quantities that the proofs work with are at most 4/C: of β, by β ≤ 2√log(12mn/δ) σ0
/// R_max and log(12mn/δ) ≤ 4 log(mn/δ); of the others at once.
Claim judge_small(Claim claim, const std::vector<Figure>& small) {
  const double constant = claim.largest_constant();
  claim.conclusion = "small quantities that the proofs use: each <= c, c small";
  claim.criterion = "each <= 4 / C, C the smallest of the largest constants of the conditions";
  claim.constant_name = "c";
  claim.constant = 0.0;
  for (const Figure& figure : small) {
    claim.figures.push_back(figure);
    claim.constant = std::max(claim.constant, figure.value);
  }
  claim.figures.push_back({"C, smallest of the conditions", constant});
  const bool small_enough = claim.constant * constant <= 4.0 || claim.constant == 0.0;
  return judge(std::move(claim),
               small_enough ? Finding::holds() : Finding::fails("a quantity is larger than 4 / C"));
}

}  // namespace

Claim check_leaky_conditions(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_leaky(run, {"B.5-B.7", "conditions of Theorem 4.1", "(B.2) to (B.7)", conditions});
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const double np = s.np();
  return judge_small(std::move(claim),
                     {{"beta / slope (B.5)", s.beta / s.slope()},
                      {"slope^-3 R_min^-2 n p (B.6)", np * std::pow(s.slope(), -3.0)},
                      {"slope^-4 R^2 R_min^-2 n p (B.7)",
                       np * s.ratio() * s.ratio() * std::pow(s.slope(), -4.0)}});
}

Claim check_relu_conditions(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim =
      begin_relu(run, {"E.5-E.7", "conditions of Theorem 4.3", "(E.2) to (E.7)", conditions});
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  return judge_small(std::move(claim),
                     {{"beta (E.5)", s.beta},
                      {"R_min^-2 n p (E.6)", s.np()},
                      {"R^2 R_min^-2 n p (E.7)", s.np() * s.ratio() * s.ratio()}});
}

Claim check_initial_sizes(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  const double delta = s.thresholds.failure_probability;
  const double m = static_cast<double>(s.width()), n = static_cast<double>(s.n());
  Claim claim = begin_any({"A.1", "sizes of the initial weights", "Lemma A.1", conditions});
  const double by_dimension = static_cast<double>(s.d()) / std::log(m * n / delta);
  const double by_width = m / std::log(1.0 / delta);
  claim.hypotheses = {
      {"dimension", "d >= C log(mn/delta)", by_dimension, by_dimension >= dimension_constant,
       fmt::format("the proof's tail bounds need C = {:.0f}", dimension_constant)},
      {"width", "m >= C log(1/delta)", by_width, by_width >= 1.0, ""}};
  claim.conclusion =
      "with probability 1 - delta: sigma0^2 d / 2 <= |w0|^2 <= 3 sigma0^2 d / 2 and "
      "|<w0, x_i>| <= sqrt(2 log(8mn/delta)) sigma0 R_max";
  claim.criterion =
      "both for every neuron and sample of this draw; a draw may fail with "
      "probability delta";
  const InitialEvents events = initial_events(s);
  claim.measured = {{"|w0|^2 / (sigma0^2 d)", events.squared_norms},
                    {"|<w0, x_i>| / bound", events.inner}};
  if (!events.norms_hold()) {
    return judge(std::move(claim), Finding::fails("a neuron's norm lies outside, on this draw"));
  }
  return judge(std::move(claim),
               events.inner_holds()
                   ? Finding::holds()
                   : Finding::fails("an inner product is too large, on this draw"));
}

Claim check_initial_patterns(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_any({"A.2", "initial activation patterns", "Lemma A.2", conditions});
  const double log = std::log(2.0 * static_cast<double>(s.n()) / s.thresholds.failure_probability);
  const double constant = static_cast<double>(s.width()) / log;
  claim.hypotheses = {
      {"width", "m >= C log(2n/delta), C = 50", constant, constant >= width_constant,
       fmt::format("delta would have to be {:.3g} or more",
                   2.0 * static_cast<double>(s.n()) *
                       std::exp(-static_cast<double>(s.width()) / width_constant))}};
  claim.conclusion = "with probability 1 - delta: 0.4 m <= |S_i| <= 0.6 m for every sample";
  claim.criterion = "for every sample of this draw; a draw may fail with probability delta";
  const InitialEvents events = initial_events(s);
  claim.measured = {{"|S_i| / m at the start", events.active}};
  return judge(std::move(claim),
               events.active_holds()
                   ? Finding::holds()
                   : Finding::fails("a sample activates too few or too many, on this draw"));
}

}  // namespace latetime
