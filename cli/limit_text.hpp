#pragma once

#include <string>
#include <vector>

#include "latetime/base/log_time.hpp"
#include "latetime/experiment/limit_report.hpp"

namespace latetime::cli {

/// "1 + 1.2e-16" where a stable rank is near 1, else six digits; "-" where there is none.
std::string rank_text(const StableRank& rank);

/// "step 1000", beyond 2^53 "t = 10^37.2".
std::string time_text(const LogTime& time);

/// One line "  name      value" on standard output.
void print_row(const char* name, const std::string& value);

/// The same for a line of words, broken so that the table fits 80 columns.
void print_wrapped(const char* name, const std::string& words);

/// What the summary of a run says of its limit, on standard output.
void print_limit_section(const LimitReport& report);

/// Stable ranks, normalised margin, KKT residual: rows that every account of a limit has.
void print_limit_measures(const LimitReport& report);

/// Rows that say how far a limit is from the least norm.
void print_optimality(const LimitOptimality& optimality);

/// Rows of the errors of a state or a limit.
/// Stable ranks of W_{+1}, W_{−1}, W, or of all classes and W.
void print_ranks(const std::vector<StableRank>& ranks);
void print_collapse(const ClassCollapse& collapse);
void print_errors(const Errors& errors);

}  // namespace latetime::cli
