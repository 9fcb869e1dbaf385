#pragma once

#include <string>
#include <vector>

#include "latetime/experiment/claim_check.hpp"

namespace latetime {

/// A configuration that makes claims bite, and what must be seen on it.
struct SuiteCase {
  std::string name;
  std::string why;                     ///< what it shows
  std::vector<std::string> overrides;  ///< of the defaults, "section.key=value"
  /// Claims whose hypotheses are met and which do not hold all the same. All others with their
  /// hypotheses met must hold (or, where `ends_early`, be undecided when they speak of late times).
  std::vector<std::string> fails = {};
  /// Claims whose hypotheses are not met, and whose conclusion fails here.
  std::vector<std::string> breaks = {};
  bool ends_early = false;
};

/// Hypotheses met (orthogonal, nearly orthogonal data) and violated (correlated data, large σ0,
/// large η, a run that stops early).
const std::vector<SuiteCase>& suite_cases();

struct SuiteResult {
  const SuiteCase* what;
  ClaimReport report;
  std::vector<std::string> unexpected;  ///< one line each; empty: as expected
  double seconds = 0.0;
};

/// Checks the cases with their number of single steps bounded, so that the whole suite takes
/// seconds; `threads` of them at a time. Throws InputError for bad settings.
std::vector<SuiteResult> run_suite(const CheckSettings& settings, unsigned threads);

/// Ids of the applicable claims whose hypotheses are not met and whose conclusion fails.
std::vector<std::string> broken_conclusions(const std::vector<Claim>& claims);

/// {"format": "latetime-claims-suite", …} with the report of each case.
std::string suite_json(const std::vector<SuiteResult>& results);

}  // namespace latetime
