#include "latetime/dynamics/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

// Records are even in log t up to 10^last_even_decade, and in log log t beyond.
constexpr double last_even_decade = 100;

[[noreturn]] void refuse(const std::string& key, const std::string& mend) {
  throw InputError(key, "makes more than " + std::to_string(most_records) + " records; choose a " +
                            mend + " one");
}

/// log10 of the k-th time of the grid.
double grid_log10(std::uint64_t k, unsigned per_decade) {
  const auto even = static_cast<std::uint64_t>(last_even_decade) * per_decade;
  if (k <= even) return static_cast<double>(k) / per_decade;
  const double ratio = 1.0 + 1.0 / (last_even_decade * per_decade);
  return last_even_decade * std::pow(ratio, static_cast<double>(k - even));
}

/// Appends the grid up to `until`.
void add_grid(const LogTime& until, unsigned per_decade, std::vector<LogTime>& times) {
  if (per_decade == 0) return;
  for (std::uint64_t k = 0;; ++k) {
    const LogTime time = LogTime::from_log10(grid_log10(k, per_decade));
    if (time > until) return;
    if (!times.empty() && times.back() == time) continue;  // rounded to the same step
    if (times.size() >= most_records) refuse("record.per_decade", "smaller");
    times.push_back(time);
  }
}

/// Appends the multiples of `every` up to `until`.
void add_multiples(const LogTime& until, std::uint64_t every, std::vector<LogTime>& times) {
  if (every == 0) return;
  const auto period = static_cast<double>(every);
  const double count = std::exp(until.log() - std::log(period));
  if (count > static_cast<double>(most_records) + 0.5) refuse("record.every", "larger");
  for (std::uint64_t k = 1;; ++k) {
    const bool fits = every <= std::numeric_limits<std::uint64_t>::max() / k;
    const LogTime time =
        fits ? LogTime(k * every) : LogTime::from_log(std::log(period) + std::log(k));
    if (time > until) return;
    times.push_back(time);
  }
}

/// The same time but for rounding of its logarithm.
bool nearly_equal(const LogTime& a, const LogTime& b) {
  if (a.step() || b.step()) return a == b;
  constexpr double rounding = 4 * std::numeric_limits<double>::epsilon();
  return std::abs(a.log() - b.log()) <= rounding * b.log();
}

void sort_out(std::vector<LogTime>& times) {
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end(), nearly_equal), times.end());
}

/// Whether one of the ascending `times` is nearly this one.
bool holds(const std::vector<LogTime>& times, const LogTime& time) {
  const auto after = std::lower_bound(times.begin(), times.end(), time);
  return (after != times.end() && nearly_equal(*after, time)) ||
         (after != times.begin() && nearly_equal(*(after - 1), time));
}

}  // namespace

std::vector<LogTime> record_steps(const LogTime& until, unsigned per_decade,
                                  std::span<const LogTime> at, std::uint64_t every) {
  std::vector<LogTime> named{0, until};  // these stay as they are, to the bit
  for (const LogTime& time : at) {
    if (time <= until) named.push_back(time);
  }
  std::sort(named.begin(), named.end());
  named.erase(std::unique(named.begin(), named.end()), named.end());

  std::vector<LogTime> times;
  add_grid(until, per_decade, times);
  const std::size_t grid = times.size();
  add_multiples(until, every, times);
  const bool mostly_grid = 2 * grid > times.size();
  sort_out(times);
  std::erase_if(times, [&](const LogTime& time) { return holds(named, time); });
  times.insert(times.end(), named.begin(), named.end());
  std::sort(times.begin(), times.end());
  if (times.size() <= most_records) return times;
  if (mostly_grid) refuse("record.per_decade", "smaller");
  refuse("record.every", "larger");
}

}  // namespace latetime
