#include "limit_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "terminal.hpp"

namespace latetime::cli {

std::string rank_text(const StableRank& rank) {
  return rank.excess < 1e-3 ? fmt::format("1 + {}", brief(rank.excess, 4)) : brief(rank.value, 6);
}

std::string time_text(const LogTime& time) {
  return time.step() ? fmt::format("step {}", *time.step())
                     : fmt::format("t = {}", decades_text(time, 4));
}

void print_row(const char* name, const std::string& value) {
  fmt::print("  {:<24}{}\n", name, value);
}

void print_limit_measures(const LimitReport& report) {
  const auto& ranks = report.stable_ranks;
  print_row("stable rank W+, W-, W", fmt::format("{},  {},  {}", rank_text(ranks[0]),
                                                 rank_text(ranks[1]), rank_text(ranks[2])));
  print_row("normalised margin", brief(report.limit.normalized_margin, 8));
  print_row("KKT residual", brief(report.limit.kkt_residual, 3));
}

void print_limit_section(const LimitReport& report) {
  const Limit& limit = report.limit;
  if (limit.status != LimitStatus::found) {
    fmt::print("limit t = infinity: not known ({})\n", limit.message);
    return;
  }
  fmt::print("limit t = infinity\n");
  print_limit_measures(report);
  print_row("support samples",
            fmt::format("{} of {}", std::count(limit.support.begin(), limit.support.end(), true),
                        limit.support.size()));
  print_row("pairs for ever",
            fmt::format("{} active, {} inactive, {} switching; {} undecided",
                        limit.count(PairVerdict::active), limit.count(PairVerdict::inactive),
                        limit.count(PairVerdict::switches), limit.count(PairVerdict::undecided)));
  if (!limit.settled) print_row("not settled", limit.message);
}

}  // namespace latetime::cli
