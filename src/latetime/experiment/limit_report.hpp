#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/experiment/limit_optimality.hpp"
#include "latetime/measure/collapse.hpp"
#include "latetime/measure/errors.hpp"
#include "latetime/measure/spectrum.hpp"

namespace latetime {

/// A run's limit t = ∞ with what is measured on it: what /limit of result.h5 holds.
struct LimitReport {
  /// `ray` and `message` are all there is when the status is not_separated.
  Limit limit;
  /// Of V_{+1}, V_{−1} (or the V_k of all classes) and the stacked V = limit.coefficients · X; NaN
  /// for a class that stays behind (V_j = 0), and when there is no V.
  std::vector<StableRank> stable_ranks;
  /// Of V, of three classes and more.
  std::optional<ClassCollapse> collapse = {};
  /// Of the network with the weights V (limit_errors), of runs that measure errors.
  std::optional<Errors> errors = {};
  /// Of limits that were found (judge_optimality), where it was asked for.
  std::optional<LimitOptimality> optimality = {};

  bool has_direction() const { return limit.margins.size() > 0; }
  /// log10 of the time until which the flow was followed for the pattern of own-class activations.
  double log10_followed() const;
};

/// Calls put(name, value) for every number of `errors` that there is, as `latetime limit --json`
/// names them; values are doubles, a word and a count.
template <class Put>
void list_errors(const Errors& errors, const Put& put) {
  put("train_error", errors.train);
  put("train_error_clean", errors.train_clean);
  if (!std::isnan(errors.test)) {
    put("test_error", errors.test);
    put("test_zero", errors.test_zero);
  }
  if (!errors.population) return;
  put("population_method", errors.population->draws == 0 ? "quadrature" : "monte-carlo");
  put("population_error", errors.population->value);
  put("population_error_low", errors.population->low);
  put("population_error_high", errors.population->high);
  put("population_zero", errors.population->zero);
  put("population_draws", errors.population->draws);
}

/// Follows `flow` to its limit (follow_to_limit) and measures that. x is n × d, the samples of the
/// flow's problem.
LimitReport report_limit(LateFlow& flow, const Eigen::Ref<const Matrix>& x,
                         const std::function<bool(double)>& keep_going = {});

/// Stable ranks of V_{+1}, V_{−1} and the stacked V = coefficients · X (2m × n times n × d), from
/// trailing singular values; of K groups, of each and of all.
std::vector<StableRank> limit_stable_ranks(const Matrix& coefficients,
                                           const Eigen::Ref<const Matrix>& x, int groups = 2);

/// Pairs by verdict; an index is the number of a PairVerdict.
struct PairCounts {
  std::array<Eigen::Index, 4> own{}, other{};

  Eigen::Index own_total() const;
  Eigen::Index other_total() const;
  Eigen::Index both(PairVerdict verdict) const;
  /// Share of the other-class pairs that switch for ever; NaN when there are none.
  double switching_share() const;
};
PairCounts count_pairs(const Limit& limit, const std::vector<int>& classes,
                       const NetworkShape& shape);

/// Writes the limit of a run of n samples (StoredLimit).
void write_limit(ArrayWriter& file, const LimitReport& report, const NetworkShape& shape,
                 Eigen::Index n);

/// Reads what write_limit wrote. Throws InputError, naming `path` (the file), as read_group does.
LimitReport read_limit(const ArrayReader& file, const std::string& path, const NetworkShape& shape,
                       Eigen::Index n);

}  // namespace latetime
