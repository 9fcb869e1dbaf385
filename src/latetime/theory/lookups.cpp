#include "latetime/theory/lookups.hpp"

#include <algorithm>
#include <cmath>

namespace latetime {

BalanceAccount balance_everywhere(const RunTrace& run) {
  BalanceAccount account = run.steps.balance;
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.time == LogTime()) continue;
    account.add(balance_of(run.setting, rho_of(run.setting, snapshot.coefficients),
                           {.time = snapshot.time}));
  }
  return account;
}

BalanceAccount balance_in_limit(const RunTrace& run, const Limit& limit) {
  return balance_of(run.setting, rho_of(run.setting, limit.coefficients), {});
}

LastSwitch last_switch(const RunTrace& run) {
  LastSwitch last;
  const auto note = [&last](std::uint64_t step) {
    if (step > 0) last.log_time = std::max(last.log_time, std::log(static_cast<double>(step)));
  };
  note(run.steps.last_own_switch);
  note(run.steps.last_other_switch);
  const Snapshot* before = nullptr;
  LogTime counted = run.steps.looked ? LogTime(run.steps.last) : LogTime();
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.exact && snapshot.switches.counted) {
      note(snapshot.switches.last_own_step);
      note(snapshot.switches.last_other_step);
      counted = std::max(counted, snapshot.time);
    } else if (before &&
               ((before->preactivations.array() >= 0.0) != (snapshot.preactivations.array() >= 0.0))
                   .any()) {
      last.log_time = std::max(last.log_time, snapshot.log_time());
    }
    before = &snapshot;
  }
  last.log_time = std::max(last.log_time, run.late.last_event);
  const LogTime exact_until = run.late.reached ? run.late.from : before ? before->time : LogTime();
  // The first snapshot of the flow lies after the hand-over; what the exact engines counted until
  // the one before it, the flow's own events continue.
  last.complete = counted >= exact_until || (run.late.reached && counted > LogTime());
  return last;
}

std::vector<const Snapshot*> snapshots_from(const RunTrace& run, double log_time) {
  std::vector<const Snapshot*> result;
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.log_time() >= log_time) result.push_back(&snapshot);
  }
  return result;
}

double in_units(double log_time, double unit) {
  return std::exp(log_time) / unit;
}

double balance_constant(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  BalanceAccount balance = balance_everywhere(run);
  if (const Limit* limit = run.sure_limit()) balance.add(balance_in_limit(run, *limit));
  if (s.is_relu()) return balance.relu.least.value;
  return balance.across.least.value / (s.slope() * s.slope());
}

}  // namespace latetime
