#pragma once

#include <string>
#include <vector>

#include "latetime/base/array_store.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/proved_claims.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/observe.hpp"

namespace latetime {

/// How a check is carried out.
struct CheckSettings {
  ClaimThresholds thresholds;
  ObserveOptions observe;
  unsigned threads = 1;
};

/// The claims of the paper on one run, with what a reader must know of it.
struct ClaimReport {
  std::string source;  ///< folder or configuration
  std::vector<Claim> claims;

  Eigen::Index n = 0, d = 0, width = 0;
  double slope = 0.0, learning_rate = 0.0, init_std = 0.0;
  Method method = Method::gradient_descent;
  LossName loss = LossName::logistic;
  ClaimThresholds thresholds;

  std::uint64_t steps = 0;    ///< looked at one by one
  std::string steps_problem;  ///< why none were
  std::size_t snapshots = 0;  ///< further times
  LogTime until;              ///< the last of them
  bool late = false;          ///< the late-time flow took over
  std::string late_problem;   ///< why there is no (sure) limit; empty: there is one
  std::vector<std::string> notes;
};

/// Carries out the configured run in memory, without files, and checks it. Throws InputError.
ClaimReport check_config(const RunConfig& config, const std::string& source,
                         const CheckSettings& settings);

/// Checks a run that lies in a folder, on its stored records. Steps are not stored: they are taken
/// again in memory from the stored start, as far as the bounds of `settings` allow, and compared
/// with the records. A run that reached late time is followed on from its last state. Nothing in
/// the folder is changed. Throws InputError for folders without a run, and for damaged files.
ClaimReport check_run(const std::string& directory, const CheckSettings& settings);

/// The same of a run whose result.h5 is in memory; `source` names it in the report and in messages,
/// `proved` is what is proved of it. Throws InputError for arrays that are no run.
ClaimReport check_arrays(const ArrayReader& arrays, const std::string& source,
                         const CheckSettings& settings,
                         const std::vector<ProvedClaim>& proved = {});

/// JSON as docs/formats.md describes it ("latetime-claims", version 1), with a line break at its
/// end.
std::string claims_json(const ClaimReport& report);

/// Number of applicable claims with a verdict.
std::size_t count_verdicts(const std::vector<Claim>& claims, ClaimVerdict verdict);

}  // namespace latetime
