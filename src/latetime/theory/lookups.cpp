#include "latetime/theory/lookups.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

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
  LogTime counted;  // up to here every change is known
  const auto note = [&](const SwitchCounts& counts, const LogTime& until) {
    if (!counts.counted) return;
    const auto later = [](double so_far, std::uint64_t step) {
      return step > 0 ? std::max(so_far, std::log(static_cast<double>(step))) : so_far;
    };
    last.own_log_time = later(last.own_log_time, counts.last_own_step);
    last.log_time = later(std::max(last.log_time, last.own_log_time), counts.last_other_step);
    counted = std::max(counted, until);
  };
  if (run.steps.looked) {
    note({.counted = true,
          .last_own_step = run.steps.last_own_switch,
          .last_other_step = run.steps.last_other_switch},
         LogTime(run.steps.last));
  }
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.exact) note(snapshot.switches, snapshot.time);
  }
  LogTime exact_until = run.snapshots.empty() ? LogTime() : run.snapshots.back().time;
  if (run.late.reached) {
    note(run.late.counted, run.late.from);
    exact_until = run.late.from;
  }
  last.exact_own_log_time = last.own_log_time;
  last.own_log_time = std::max(last.own_log_time, run.late.last_own_event);
  last.log_time = std::max(last.log_time, run.late.last_event);
  for (const Snapshot& snapshot : run.snapshots) {  // a sliding pair switches all the time
    if (snapshot.sliding_pairs > 0) last.log_time = std::max(last.log_time, snapshot.log_time());
  }
  last.complete = counted >= exact_until;
  if (last.complete) return last;
  const Snapshot* before = nullptr;
  for (const Snapshot& snapshot : run.snapshots) {
    if (before && snapshot.exact && snapshot.time > counted &&
        ((before->preactivations.array() >= 0.0) != (snapshot.preactivations.array() >= 0.0))
            .any()) {
      last.log_time = std::max(last.log_time, before->log_time());
    }
    before = &snapshot;
  }
  return last;
}

InitialChanges initial_changes(const RunTrace& run) {
  InitialChanges changes;
  const LogTime looked = run.steps.looked ? LogTime(run.steps.last) : LogTime();
  bool all_known = true;
  const auto note = [&](const std::optional<bool>& changed, const LogTime& time) {
    if (time <= looked) return;
    if (!changed) all_known = false;
    if (changed.value_or(false) && !changes.seen) changes.seen = time;
  };
  for (const Snapshot& snapshot : run.snapshots) {
    if (snapshot.exact) note(snapshot.initial_changed, snapshot.time);
  }
  if (run.late.reached) note(run.late.initial_changed, run.late.from);
  const LastSwitch last = last_switch(run);
  // Else engines have counted the changes of all own-class pairs together.
  changes.known =
      last.complete && (all_known || LogTime::from_log(last.exact_own_log_time) <= looked);
  if (!changes.seen && std::isfinite(run.late.last_initial_event)) {
    changes.seen = LogTime::from_log(run.late.last_initial_event);
  }
  return changes;
}

bool every_sample_is_active(const ClaimSetting& setting) {
  return setting.active0_count.minCoeff() > 0;
}

Finding nobody_active() {
  return Finding::undecided("a sample activates no neuron of its class at the start");
}

VerdictComparison compare_verdicts(
    const ClaimSetting& setting, const Limit& limit,
    const std::function<PairVerdict(Eigen::Index neuron, Eigen::Index sample)>& wanted) {
  VerdictComparison comparison;
  for (Eigen::Index k = 0; k < setting.neurons(); ++k) {
    for (Eigen::Index i = 0; i < setting.n(); ++i) {
      const PairVerdict verdict = limit.verdict(k, i);
      if (verdict == PairVerdict::undecided) {
        comparison.undecided = true;
      } else if (verdict != wanted(k, i)) {
        comparison.unexpected = {.neuron = k, .sample = i};
        comparison.verdict = verdict;
        return comparison;
      }
    }
  }
  return comparison;
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

double least_balance(const ClaimSetting& setting) {
  return 1.0 / (setting.thresholds.moderate * setting.ratio() * setting.ratio());
}

double balance_constant(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  BalanceAccount balance = balance_everywhere(run);
  if (const Limit* limit = run.sure_limit()) balance.add(balance_in_limit(run, *limit));
  if (s.is_relu()) return balance.relu.least.value;
  return balance.across.least.value / (s.slope() * s.slope());
}

}  // namespace latetime
