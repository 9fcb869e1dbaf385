#pragma once

#include <string>

#include "latetime/theory/trace.hpp"

namespace latetime {

/// Balance ratios at every step and snapshot with t ≥ 1.
BalanceAccount balance_everywhere(const RunTrace& run);
/// The same of V log t, the limit.
BalanceAccount balance_in_limit(const RunTrace& run, const Limit& limit);

/// The last change of activation that is known of.
struct LastSwitch {
  double log_time = -std::numeric_limits<double>::infinity();  ///< −∞: none
  /// True when every step or event was seen up to the last snapshot.
  bool complete = false;
};
LastSwitch last_switch(const RunTrace& run);

/// Snapshots from that log time on.
std::vector<const Snapshot*> snapshots_from(const RunTrace& run, double log_time);

/// "C' = 0.0512 of nm/(eta R_max^2)"-type constants: e^log_time over a unit, ∞ when too large.
double in_units(double log_time, double unit);

/// The constant c₁ of Lemma B.1 that the run shows (balance across classes over γ²), or of E.1.
double balance_constant(const RunTrace& run);

}  // namespace latetime
