#include "limit_text.hpp"

#include <algorithm>
#include <cmath>

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

void print_wrapped(const char* name, const std::string& words) {
  constexpr std::size_t width = 54;
  std::string rest = words;
  while (rest.size() > width) {
    const std::size_t space = rest.rfind(' ', width);
    if (space == std::string::npos || space == 0) break;
    print_row(name, rest.substr(0, space));
    rest = rest.substr(space + 1);
    name = "";
  }
  print_row(name, rest);
}

void print_ranks(const std::vector<StableRank>& ranks) {
  std::string text;
  for (const StableRank& rank : ranks) {
    text += (text.empty() ? "" : ",  ") + rank_text(rank);
  }
  if (ranks.size() == 3) return print_row("stable rank W+, W-, W", text);
  print_wrapped("stable rank W0, ..., W", text);
}

void print_collapse(const ClassCollapse& collapse) {
  print_row("within-class features", fmt::format("{} of those between", brief(collapse.within, 4)));
  print_row("cosines of class means",
            fmt::format("{} to {}", brief(collapse.cosine_min, 5), brief(collapse.cosine_max, 5)));
  print_row("smallest class duality", brief(collapse.duality_min, 5));
}

void print_errors(const Errors& errors) {
  print_row("training error", fmt::format("{}  (clean labels {})", brief(errors.train, 4),
                                          brief(errors.train_clean, 4)));
  if (!std::isnan(errors.test)) print_row("test error", brief(errors.test, 4));
  if (!errors.population) return;
  const PopulationError& population = *errors.population;
  print_row("population error",
            population.draws == 0
                ? fmt::format("{}  (quadrature, ± {})", brief(population.value, 8),
                              brief(population.high - population.value, 2))
                : fmt::format("{}  ({} %: {} to {}, {} draws)", brief(population.value, 4),
                              brief(100 * population_confidence, 4), brief(population.low, 4),
                              brief(population.high, 4), population.draws));
}

std::string percent_text(double part) {
  return fmt::format("{} %", brief(100.0 * part, 3));
}

std::string global_text(const LimitOptimality& optimality) {
  if (!optimality.known()) return "undecided: " + optimality.global.reason;
  if (optimality.global.verdict == Optimality::optimal) {
    return fmt::format("yes (proved, to {})", brief(std::max(optimality.gap(), 1e-16), 2));
  }
  const std::string within = fmt::format("within {} of it", percent_text(optimality.gap()));
  if (optimality.global.verdict == Optimality::undecided) {
    return fmt::format("{} (proved); {}", within, optimality.global.reason);
  }
  return fmt::format("no, {} above it at least, {} (both proved)",
                     percent_text(optimality.excess()), within);
}

std::string local_text(const OptimalityVerdict& local) {
  switch (local.verdict) {
    case Optimality::optimal:
      return fmt::format("yes ({}): {}", word_of(local.certainty), local.reason);
    case Optimality::not_optimal:
      return fmt::format("no ({}): {}", word_of(local.certainty), local.reason);
    case Optimality::undecided:
      break;
  }
  return "undecided: " + local.reason;
}

void print_optimality(const LimitOptimality& optimality) {
  print_wrapped("global optimum", global_text(optimality));
  if (optimality.known()) {
    print_row("|V|^2/2", fmt::format("{};  the least is from {} to {}", brief(optimality.value, 8),
                                     brief(optimality.lower, 8), brief(optimality.upper, 8)));
  }
  print_wrapped("local optimum", local_text(optimality.local));
}

void print_limit_measures(const LimitReport& report) {
  print_ranks(report.stable_ranks);
  if (report.collapse) print_collapse(*report.collapse);
  print_row("normalised margin", brief(report.limit.normalized_margin, 8));
  print_row("KKT residual", brief(report.limit.kkt_residual, 3));
  if (!report.errors) return;
  print_errors(*report.errors);
  const auto& population = report.errors->population;
  const double zero = population ? population->zero : report.errors->test_zero;
  if (zero > 0.0) {
    print_row("of these f = 0", fmt::format("{}  (counted as wrong)", brief(zero, 4)));
  }
}

void print_limit_section(const LimitReport& report) {
  const Limit& limit = report.limit;
  if (limit.status != LimitStatus::found) {
    fmt::print("{}: not known\n", inked(Ink::bold, "limit t = infinity", stdout));
    print_wrapped("", limit.message);
    return;
  }
  fmt::print("{}\n", inked(Ink::bold, "limit t = infinity", stdout));
  print_limit_measures(report);
  print_row(report.collapse ? "support margins" : "support samples",
            fmt::format("{} of {}", std::count(limit.support.begin(), limit.support.end(), true),
                        limit.support.size()));
  print_wrapped(
      "pairs for ever",
      fmt::format("{} active, {} inactive, {} switching; {} undecided",
                  limit.count(PairVerdict::active), limit.count(PairVerdict::inactive),
                  limit.count(PairVerdict::switches), limit.count(PairVerdict::undecided)));
  if (report.optimality) print_optimality(*report.optimality);
  if (!limit.settled) print_wrapped("not settled", limit.message);
}

}  // namespace latetime::cli
