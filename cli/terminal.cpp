#include "terminal.hpp"

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

namespace latetime::cli {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

void on_signal(int) {
  stop_flag = true;
}

}  // namespace

bool stop_requested() {
  return stop_flag;
}

void watch_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  // One polite request; a second Ctrl-C ends the program at once.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

namespace {

/// "t = 10^37.2 of 10^100  12 decades/s  5.2 s left".
std::string decades_progress(const LogTime& first, const LogTime& done, const LogTime& last,
                             double seconds) {
  const std::string reached =
      done.step() ? brief(static_cast<double>(*done.step()), 4) : decades_text(done);
  std::string line = fmt::format("t = {} of {}", reached, decades_text(last));
  const double rate = seconds > 0 ? (done.log10() - first.log10()) / seconds : 0;
  if (!(rate > 0) || !std::isfinite(rate)) return line;
  return line + fmt::format("  {} decades/s  {} left", brief(rate, 2),
                            duration_text((last.log10() - done.log10()) / rate));
}

/// "step 2.5e+05 of 1e+06  25 %  1e+05/s  7.5 s left".
std::string steps_progress(const std::string& unit, const LogTime& first, const LogTime& done,
                           const LogTime& last, double seconds) {
  const auto count = static_cast<double>(*done.step());
  const auto begun = static_cast<double>(first.step().value_or(0));
  const double rate = seconds > 0 ? (count - begun) / seconds : 0;
  const bool counts = last.step().has_value();  // a rate says nothing of the way to 10^100
  const auto total = static_cast<double>(last.step().value_or(0));
  std::string line = fmt::format("{} {} of {}", unit, brief(count, 4),
                                 counts ? brief(total, 4) : decades_text(last));
  if (counts) line += fmt::format("  {:.0f} %", total > 0 ? 100 * count / total : 100);
  if (rate > 0) line += fmt::format("  {}/s", brief(rate, 3));
  if (rate > 0 && counts) line += fmt::format("  {} left", duration_text((total - count) / rate));
  return line;
}

}  // namespace

std::string progress_text(const std::string& unit, const LogTime& first, const LogTime& done,
                          const LogTime& last, double seconds, std::optional<EngineKind> engine) {
  const std::string front = engine ? word_of(*engine) + "  " : "";
  const bool in_log_time = !done.step() || (engine == EngineKind::flow && *done.step() > 0);
  return front + (in_log_time ? decades_progress(first, done, last, seconds)
                              : steps_progress(unit, first, done, last, seconds));
}

ProgressLine::ProgressLine(std::string unit, bool quiet)
    : unit_(std::move(unit)), enabled_(!quiet && isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::begin(const LogTime& first, const LogTime& last) {
  first_ = first;
  last_ = last;
  start_ = Clock::now();
  next_ = start_ + std::chrono::milliseconds(300);  // before, a rate says nothing
}

void ProgressLine::use_engine(EngineKind engine, const LogTime& done) {
  engine_ = engine;
  first_ = done;
  start_ = Clock::now();
}

void ProgressLine::update(const LogTime& done) {
  const auto now = Clock::now();
  if (!enabled_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line = progress_text(unit_, first_, done, last_, seconds, engine_);
  fmt::print(stderr, "\r\x1b[K{}{}{}", line, words_.empty() ? "" : "  ", words_);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

std::string inked(Ink ink, const std::string& text, std::FILE* stream) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (!isatty(fileno(stream)) || (refused && *refused) || !terminal ||
      std::string_view(terminal) == "dumb") {
    return text;
  }
  const char* code = ink == Ink::bold ? "1" : ink == Ink::warning ? "33" : "31";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string duration_text(double seconds) {
  if (seconds < 10) return fmt::format("{:.2g} s", seconds);
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(std::fmin(seconds, 1e15)));
  if (seconds < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} days {} h", whole / 86400, whole % 86400 / 3600);
}

std::string brief(double value, int digits) {
  if (std::isnan(value)) return "-";
  return fmt::format("{:.{}g}", value, digits);
}

}  // namespace latetime::cli
