#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latetime/dynamics/late_flow.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/training_state.hpp"
#include "latetime/theory/claim.hpp"
#include "latetime/theory/setting.hpp"

namespace latetime {

/// A run at one time, with what claims measure on it. All that is measured by the program (losses,
/// stable ranks) is given, not derived here, so that claims judge the program, too.
struct Snapshot {
  LogTime time;
  bool exact = true;      ///< every step up to here was taken
  Matrix coefficients;    ///< neurons × n, c of w_k = w_k⁰ + Σ_i c_{k,i} x_i
  Matrix preactivations;  ///< neurons × n
  bool derived =
      false;  ///< preactivations were computed from the coefficients by whoever made this
  double norm_w = std::nan("");            ///< ‖W‖_F as measured, where it is known
  double log_loss = 0.0;                   ///< natural logarithm
  std::array<StableRank, 3> stable_ranks;  ///< of W_{+1}, W_{−1}, stacked W
  double error_estimate = 0.0;             ///< of log loss and stable ranks
  Eigen::Index sliding_pairs = 0;
  SwitchCounts switches;  ///< of exact engines that take the full batch
  /// Whether a pair of S_i⁽⁰⁾ changed its activation since the snapshot before, where every step in
  /// between was watched; empty: not known.
  std::optional<bool> initial_changed = {};

  /// log t; −∞ at the start.
  double log_time() const { return time.log(); }
};

/// The scalar sequences of Lemmas H.1 and H.2: the margins, from the last step at which they were
/// negative.
struct SequenceAccount {
  Range above;     ///< x_t − log(e^{x_0} + C e^C t), C the run's own; ≤ 0 by H.1
  Range below;     ///< log(e^{x_0} + C t) − x_t; ≤ 0 by H.2
  Range constant;  ///< (x_{t+1} − x_t) e^{x_t}
};

/// Ratios that the balance lemmas bound from below. All at times t ≥ 1.
struct BalanceAccount {
  Range across;      ///< Σ_r|ρ_{j,r,i}| / Σ_r|ρ_{j',r,i'}|, any classes and samples (B.1)
  Range within;      ///< the same for one class (5.4)
  Range neuronwise;  ///< |ρ_{j,r,i}| / |ρ_{j',r',i'}| (B.4)
  Range relu;        ///< ρ̄_{y_i,r,i} / |ρ_{j,r',i'}|, r ∈ S_i⁽⁰⁾ (E.1)

  void add(const BalanceAccount& other);
};

/// What was seen at every step from the start to step `last`.
struct StepAccount {
  bool looked = false;  ///< false: no step was looked at, `problem` says why
  std::string problem;
  std::uint64_t last = 0;

  Range update;      ///< |Δρ − rule| in units of (η/(nm)) g_i ‖x_i‖² (5.2)
  Range wrong_sign;  ///< ρ̲ above or −ρ̄ above zero (Definition 5.1): largest; ≤ 0 when right
  Range weights;  ///< |W − W⁰ − Σ ρ x/‖x‖²| / (|W⁰| + Σ|…|), entries; of `weight_steps`
  std::uint64_t weight_steps = 0;
  BalanceAccount balance;
  Range early_neuronwise;  ///< balance.neuronwise, t ≤ n m / (η R_max²) alone (B.2)
  Range spread;            ///< max_{r,r'} of |ρ_{r,i} − ρ_{r',i}| in a class (C.1)
  std::uint64_t lost = 0;  ///< (pair of S_i⁽⁰⁾, step) with ⟨w, x_i⟩ ≤ 0 (5.8)
  Place first_lost;
  std::uint64_t switches = 0;
  std::uint64_t last_own_switch = 0, last_other_switch = 0;  ///< steps; 0: none
  SequenceAccount sequences;
};

/// The run past its last exact step.
struct LateAccount {
  bool reached = false;  ///< the late-time flow took over
  std::string problem;   ///< why not, or where it stopped
  LogTime from, until;   ///< hand-over, end
  SwitchCounts counted;  ///< by the exact engines up to the hand-over
  /// As Snapshot::initial_changed, from the last exact snapshot to the hand-over.
  std::optional<bool> initial_changed = {};
  double last_event = -std::numeric_limits<double>::infinity();      ///< log t
  double last_own_event = -std::numeric_limits<double>::infinity();  ///< of an own-class pair
  /// Of a pair of S_i⁽⁰⁾.
  double last_initial_event = -std::numeric_limits<double>::infinity();
  std::uint64_t undecided_events = 0;

  /// Books an event of the flow.
  void add(const FlowEvent& event, const ClaimSetting& setting) {
    const auto note = [&event](double& last) { last = std::max(last, event.log_time); };
    note(last_event);
    if (setting.own(event.neuron, event.sample)) note(last_own_event);
    if (setting.active0(event.neuron, event.sample)) note(last_initial_event);
  }
};

/// Everything that claims look at.
struct RunTrace {
  ClaimSetting setting;
  StepAccount steps;
  std::vector<Snapshot> snapshots;  ///< ascending times
  LateAccount late;
  std::optional<Limit> limit;
  std::string limit_problem;  ///< why there is no limit to be trusted; empty: there is one
  std::string outcome;        ///< why the run ended early; empty: it did not

  /// The limit, when its pattern is that of the run for ever and nothing about it is undecided but
  /// single pairs.
  const Limit* sure_limit() const;
  /// Why nothing can be said of t → ∞.
  std::string no_limit_reason() const;
};

/// Whether some pair of S_i⁽⁰⁾ is among these.
bool has_initial_pair(const ClaimSetting& setting, const PairBits& pairs);

/// What a balance lemma speaks of, at one time. `rho` and the place's time are given.
BalanceAccount balance_of(const ClaimSetting& setting, const Matrix& rho, const Place& at);

/// max over i and a class of the spread of ρ over the neurons of the class.
Range spread_of(const ClaimSetting& setting, const Matrix& rho, const Place& at);

/// ρ_{k,i} = c_{k,i} ‖x_i‖².
Matrix rho_of(const ClaimSetting& setting, const Matrix& coefficients);

}  // namespace latetime
