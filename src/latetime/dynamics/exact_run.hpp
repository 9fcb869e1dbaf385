#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "latetime/dynamics/descent_options.hpp"
#include "latetime/dynamics/fine_descent.hpp"
#include "latetime/dynamics/rounding_shadow.hpp"

namespace latetime {

/// The steps of a run that are taken one by one: the engine that takes them, and what rounding may
/// have done to them. Signs that rounding would decide are decided with more digits
/// (undecided_signs); where steps amplify rounding, or are short, shadows run along
/// (RoundingShadow).
class ExactRun {
 public:
  ExactRun(const Problem& problem, const DescentOptions& options, const EnginePlan& plan);

  /// What took the last step.
  EngineKind engine() const;
  std::uint64_t step() const;
  bool shadowed() const { return shadow_.has_value(); }
  /// With the error estimate of log loss and stable ranks.
  TrainingState state(bool with_weights) const;
  /// Of the full batch, where the dense engine does not take the steps.
  Matrix coefficients() const { return std::get<ExactDescent>(engine_).coefficients(); }
  /// Ends early where values are not finite any more.
  void advance(std::uint64_t steps);
  bool finite() const;
  void clear_switched();

  EngineMemory memory() const;
  /// Names and shapes of what restore() takes, where arrays of those names are `stored`.
  EngineMemory memory_pattern(const std::function<bool(const std::string& array)>& stored);
  void restore(const EngineMemory& memory);

 private:
  RoundingShadow make_shadows() const;
  void look_at_signs();
  bool watches_multipliers() const { return contracts_ && !(problem_.loss == logistic); }
  void look_at_multipliers();

  const Problem problem_;
  const DescentOptions options_;
  const EnginePlan plan_;
  const Vector sample_norms_, initial_norms_;
  // The largest multiplier with which steps contract, of a loss whose multipliers have no bound.
  const double contracting_multiplier_;
  bool contracts_;          // no step amplifies rounding
  bool amplifies_ = false;  // one did, although those at the start do not
  ExactEngine engine_;
  std::optional<RoundingShadow> shadow_;
  std::uint64_t signs_until_;        // the last step at which signs are looked at
  std::optional<FineDescent> fine_;  // once rounding would decide one
};

}  // namespace latetime
