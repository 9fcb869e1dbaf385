#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "latetime/experiment/run.hpp"

namespace latetime {

/// A number that is kept of every point.
struct Quantity {
  std::string name;  ///< "limit_stable_rank_pos"
  std::string meaning;
  bool by_default = false;  ///< whether a sweep that names none keeps it
};

/// All numbers that follow from a run itself. Each point's record holds them all; a sweep's files
/// those that it asks for.
const std::vector<Quantity>& all_quantities();

/// Their values, in the same order; NaN where one has none (limits of runs that end before late
/// times). `metrics`: the rows of metrics.csv.
std::vector<double> quantities_of(const RunProblem& problem, const RunSummary& summary,
                                  const CsvTable& metrics);

/// Numbers of what `latetime prove` proves of a run, and of how far its limit is from the least
/// norm (judge_optimality), each only where a sweep names it.
const std::vector<Quantity>& proof_quantities();
/// Their values by name; NaN where nothing is proved. `arrays`: result.h5 of the run. Nothing where
/// `keep_going` said no.
std::optional<std::vector<double>> proof_values(const std::vector<std::string>& names,
                                                const ArrayReader& arrays,
                                                const std::function<bool()>& keep_going);

/// An array that is kept of every point where a sweep asks for it.
struct PointArray {
  std::string name;       ///< "limit_margins"
  std::string dimension;  ///< "sample" or "record"
  std::string meaning;
};
const std::vector<PointArray>& all_arrays();
std::vector<double> array_of(const std::string& name, const RunSummary& summary,
                             const CsvTable& metrics);

/// What a sweep keeps of its points, by name.
struct WantedQuantities {
  std::vector<std::string> scalars;  ///< of all_quantities()
  std::vector<std::string> claims;   ///< "claim_5_4", "claim_5_4_largest_c": see claim_values
  std::vector<std::string> proofs;   ///< of proof_quantities()
  std::vector<std::string> arrays;   ///< of all_arrays()

  /// Of all numbers, in this order.
  std::vector<std::string> names() const;
};

/// The quantities, claims, proofs and arrays of these names, "claims" for all of them; nothing
/// named: the defaults. Throws InputError, naming `where`, for a name that is none, with the
/// nearest.
WantedQuantities wanted_quantities(const std::vector<std::string>& names,
                                   const std::vector<std::string>& arrays,
                                   const std::string& where);

/// What a name of either list means, for people.
std::string meaning_of(const std::string& name);

/// Numbers of claims on a run, which is looked at step by step once more; NaN where a claim does
/// not apply. Of claim 5.4: "claim_5_4", its verdict, 0 Holds, 1 Fails, 2 Undecided,
/// 3 HypothesisUnmet; "claim_5_4_seen", what is seen of the conclusion whatever the hypotheses,
/// 0 holds, 1 fails, 2 undecided; "claim_5_4_largest_c", the largest C with which the hypotheses
/// hold; "claim_5_4_needs", the constant that the conclusion needs. `arrays`: result.h5 of the run.
/// Nothing where `keep_going` said no.
std::optional<std::vector<double>> claim_values(const std::vector<std::string>& names,
                                                const ArrayReader& arrays,
                                                const std::function<bool()>& keep_going);

}  // namespace latetime
