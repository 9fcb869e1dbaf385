#pragma once

#include <functional>
#include <optional>
#include <string>

#include "latetime/theory/trace.hpp"

namespace latetime {

/// Balance ratios at every step and snapshot with t ≥ 1.
BalanceAccount balance_everywhere(const RunTrace& run);
/// The same of V log t, the limit.
BalanceAccount balance_in_limit(const RunTrace& run, const Limit& limit);

/// The last change of activation, as log t; −∞: none. It is the very last when `complete`: every
/// step up to the hand-over, or the end, was looked at or counted by an engine, and after it every
/// event. Else there was one at that time or later.
struct LastSwitch {
  double log_time = -std::numeric_limits<double>::infinity();
  /// The last one of an own-class pair.
  double own_log_time = -std::numeric_limits<double>::infinity();
  /// The same, while exact steps were taken.
  double exact_own_log_time = -std::numeric_limits<double>::infinity();
  bool complete = false;
};
LastSwitch last_switch(const RunTrace& run);

/// What is known of changes of initial activations (S_i⁽⁰⁾) at times that were not looked at one by
/// one, from what engines and the flow watch.
struct InitialChanges {
  bool known = false;           ///< every such change is known of
  std::optional<LogTime> seen;  ///< there was one, at this time at the latest
};
InitialChanges initial_changes(const RunTrace& run);

/// Whether every S_i⁽⁰⁾ holds a neuron; what ReLU claims say where one does not.
bool every_sample_is_active(const ClaimSetting& setting);
Finding nobody_active();

/// How the verdicts of a limit compare with what a claim wants of each pair.
struct VerdictComparison {
  std::optional<Place> unexpected;  ///< the first pair with a decided verdict that is not wanted
  PairVerdict verdict = {};         ///< of that pair
  bool undecided = false;           ///< some pair before it is undecided
};
VerdictComparison compare_verdicts(
    const ClaimSetting& setting, const Limit& limit,
    const std::function<PairVerdict(Eigen::Index neuron, Eigen::Index sample)>& wanted);

/// Snapshots from that log time on.
std::vector<const Snapshot*> snapshots_from(const RunTrace& run, double log_time);

/// "C' = 0.0512 of nm/(eta R_max^2)"-type constants: e^log_time over a unit, ∞ when too large.
double in_units(double log_time, double unit);

/// The least c₁ that balance lemmas (B.1, B.2, B.4, E.1) are accepted with. Their proofs have c₁ ≤
/// c R_min² R_max⁻², of the first steps, in which coefficients grow like ‖x_i‖²: c counts, not c₁.
double least_balance(const ClaimSetting& setting);

/// The constant c₁ of Lemma B.1 that the run shows (balance across classes over γ²), or of E.1.
double balance_constant(const RunTrace& run);

}  // namespace latetime
