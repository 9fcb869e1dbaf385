#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "latetime/base/log_time.hpp"
#include "latetime/model/method.hpp"

namespace latetime::cli {

/// True once SIGINT or SIGTERM has arrived. Handlers are installed by watch_signals().
bool stop_requested();
void watch_signals();

/// What a progress line says: "step 2.5e+05 of 1e+06  25 %  1e+05/s  7.5 s left"; in log time (the
/// flow, and beyond 2^53) "t = 10^37.2 of 10^100  12 decades/s  5.2 s left". The engine
/// stands in front when there is one. `seconds` have passed since `first`.
std::string progress_text(const std::string& unit, const LogTime& first, const LogTime& done,
                          const LogTime& last, double seconds,
                          std::optional<EngineKind> engine = {});

/// A live line on standard error, redrawn at most ten times a second: engine, what is done, the
/// rate, and the time left. Silent when standard error is not a terminal, or when `quiet`.
class ProgressLine {
 public:
  ProgressLine(std::string unit, bool quiet);
  ~ProgressLine();

  /// `first`: the time or count at which this part begins, so that a resumed run shows an honest
  /// rate.
  void begin(const LogTime& first, const LogTime& last);
  /// Another engine goes on from `done`: rates are its own from here on.
  void use_engine(EngineKind engine, const LogTime& done);
  void update(const LogTime& done);
  void clear();
  /// Words to show behind the rest.
  void add(std::string words) { words_ = std::move(words); }

 private:
  using Clock = std::chrono::steady_clock;
  std::string unit_, words_;
  std::optional<EngineKind> engine_;
  LogTime first_, last_;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

enum class Ink { bold, warning, bad };

/// The text in bold, yellow or red when `stream` is a terminal that wants colours: TERM is not
/// "dumb", and NO_COLOR is not set (no-color.org). Else the text alone.
std::string inked(Ink ink, const std::string& text, std::FILE* stream);

/// "1.2 s", "3 min 20 s", "4 h 10 min".
std::string duration_text(double seconds);

/// Up to `digits` significant digits for people: "1.234", "1.2e+06", "-" for NaN.
std::string brief(double value, int digits = 5);

}  // namespace latetime::cli
