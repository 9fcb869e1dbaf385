#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "latetime/model/problem.hpp"
#include "latetime/prove/limit_proof.hpp"
#include "latetime/prove/proof.hpp"

namespace latetime {

/// On a piece of the reference curve that begins then, the weights are no farther from it.
struct TubePiece {
  double log_time;  ///< log t
  double radius;
};

/// What the weights at a step are proved to be.
struct RunEnclosure {
  double log_time;     ///< log t, rounded
  Enclosure norm;      ///< ‖W_t‖_F
  Enclosure log_loss;  ///< log of the training loss
  /// Of W_{+1}, W_{−1} and both stacked; nothing where the distance hides it.
  std::array<std::optional<Enclosure>, 3> stable_ranks;
};

struct ProofOptions {
  /// Log times, ascending, at which the weights are to be enclosed; those before T are passed over.
  std::vector<double> log_times;
  /// For a theorem about descent from the problem's initial weights on: at least the distance of
  /// exact descent from the weights given, at their step (DescentReplay). Without, it is about
  /// descent from the weights given.
  std::optional<double> start_distance = {};
  /// Asked now and then; when it returns false the proof ends as not proved, "stopped".
  std::function<bool()> keep_going;
};

/// Theorem. Exact gradient descent on the problem's loss from the weights W_T, taken as exact
/// numbers, satisfies ‖W_t − Z_t‖ ≤ radius for every step t ≥ T, with the reference curve Z of the
/// certificate; from `straight_from` on Z_t = V log t + Z_0. W_t − V log t converges, W_t/‖W_t‖
/// goes to V/‖V‖, a KKT point of maximal margin, stable ranks go to those of V, log L + log t to
/// its loss_constant, and its switching pairs switch infinitely often (docs/proofs.md, theorems A
/// to C).
struct RunTheorem {
  std::uint64_t step = 0;  ///< T
  /// Of a theorem about descent from W_0: at T that is no farther from W_T. Nothing: it is about
  /// descent from W_T.
  std::optional<double> start_distance;
  LimitTheorem limit;          ///< of V
  double radius = 0.0;         ///< of ‖W_t − Z_t‖, for every t ≥ T
  double straight_from = 0.0;  ///< log t
  double offset = 0.0;         ///< of ‖W_t − V (log t − straight_from)‖, from there on
  /// log t from which on every pair that does not switch for ever has settled; nothing where one
  /// need not.
  std::optional<double> settled_from;

  /// Pairs whose pre-activation has the sign of W_T at every t ≥ T; neurons × n, row-major.
  std::vector<bool> keeps_sign;
  std::vector<TubePiece> tube;           ///< in order; the last piece is the straight line
  std::vector<double> slope_changes;     ///< log t at which the reference changes its slopes
  std::vector<RunEnclosure> enclosures;  ///< at the times that were asked for
  std::string certificate;               ///< text, docs/proofs.md, 8
};

/// Proves what becomes of gradient descent on a problem of two groups from the weights that it has
/// at `step` (neurons × d, exact numbers).
/// Throws std::invalid_argument for weights of another shape than the problem's, and for another
/// loss than the logistic and the exponential one.
Proof<RunTheorem> prove_run(const Problem& problem, const Matrix& weights, std::uint64_t step,
                            const ProofOptions& options = {});

/// Exact gradient descent from initial weights that are exact numbers, followed step by step with
/// every sign of a pre-activation proved (docs/proofs.md, 9): a point trajectory in 128 bits, from
/// which exact descent is no farther than the rounding of all its steps together.
class DescentReplay {
 public:
  /// Copies what it needs.
  explicit DescentReplay(const Problem& problem);
  ~DescentReplay();
  DescentReplay(DescentReplay&&) noexcept;

  /// At least the distance of exact descent at `step`, which is no earlier than that of the call
  /// before, from weights (neurons × d) that were computed in doubles. `keep_going` is asked now
  /// and then, with the step reached; when it returns false nothing is proved, "stopped".
  Proof<double> distance(std::uint64_t step, const Matrix& weights,
                         const std::function<bool(std::uint64_t)>& keep_going = {});

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// What is proved, in words, a statement an entry.
std::vector<std::string> statements_of(const LimitTheorem& theorem, const Problem& problem);
std::vector<std::string> statements_of(const RunTheorem& theorem, const Problem& problem);

}  // namespace latetime
