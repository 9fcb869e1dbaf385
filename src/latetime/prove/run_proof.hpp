#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/model/network.hpp"
#include "latetime/prove/limit_proof.hpp"
#include "latetime/prove/proof.hpp"

namespace latetime {

/// A pair that switches infinitely often, with the share of steps at which it is active.
struct SwitchingPair {
  Eigen::Index neuron, sample;
  Enclosure density;
};

/// On a piece of the reference curve that begins then, the weights are no farther from it.
struct TubePiece {
  double log_time;  ///< log t
  double radius;
};

/// Theorem. Exact gradient descent on the logistic loss from the weights W_T, taken as exact
/// numbers, satisfies ‖W_t − Z_t‖ ≤ radius for every step t ≥ T, with the reference curve Z of the
/// certificate; from `straight_from` on Z_t = V log t + Z_0. W_t − V log t converges, W_t/‖W_t‖ goes
/// to V/‖V‖, a KKT point of maximal margin, and stable ranks go to those of V (docs/proofs.md,
/// theorems A to C).
struct RunTheorem {
  std::uint64_t step = 0;          ///< T
  LimitTheorem limit;              ///< of V
  double radius = 0.0;             ///< of ‖W_t − Z_t‖, for every t ≥ T
  double straight_from = 0.0;      ///< log t
  double offset = 0.0;             ///< of ‖W_t − V (log t − straight_from)‖, from there on
  Enclosure loss_constant;         ///< lim log L + log t
  /// log t from which on every pair that does not switch for ever has settled; nothing where one
  /// need not.
  std::optional<double> settled_from;
  std::vector<SwitchingPair> switching;   ///< every one switches infinitely often
  std::vector<TubePiece> tube;            ///< in order; the last piece is the straight line
  std::vector<double> slope_changes;      ///< log t at which the reference changes its slopes
  std::string certificate;                ///< text, docs/proofs.md, 8
};

/// Proves what becomes of gradient descent from the weights that it has at `step` (neurons × d,
/// exact numbers). The network has two groups; η > 0. `keep_going` is asked now and then; when it
/// returns false the proof ends as not proved, "stopped".
/// Throws std::invalid_argument for weights of another shape than the samples' and the network's.
Proof<RunTheorem> prove_run(const Dataset& data, const Network& weights, double learning_rate,
                            std::uint64_t step, const std::function<bool()>& keep_going = {});

/// The theorem in words, a line a statement.
std::string theorem_text(const RunTheorem& theorem, const Dataset& data, const NetworkShape& shape,
                         double learning_rate);

}  // namespace latetime
