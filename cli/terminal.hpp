#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace latetime::cli {

/// True once SIGINT or SIGTERM has arrived. Handlers are installed by watch_signals().
bool stop_requested();
void watch_signals();

/// A live line on standard error, redrawn at most ten times a second: what is done, the rate, and
/// the time left. Silent when standard error is not a terminal, or when `quiet`.
class ProgressLine {
 public:
  ProgressLine(std::string unit, bool quiet);
  ~ProgressLine();

  /// `first`: the count at which this part begins, so that a resumed run shows an honest rate.
  void begin(std::uint64_t first, std::uint64_t total);
  void update(std::uint64_t done);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string unit_;
  std::uint64_t total_ = 0;
  std::uint64_t first_ = 0;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

/// "1.2 s", "3 min 20 s", "4 h 10 min".
std::string duration_text(double seconds);

/// Up to `digits` significant digits for people: "1.234", "1.2e+06", "-" for NaN.
std::string brief(double value, int digits = 5);

}  // namespace latetime::cli
