#include "terminal.hpp"

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>

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

std::string progress_text(const std::string& unit, const LogTime& first, const LogTime& done,
                          const LogTime& last, double seconds) {
  if (!done.step()) return fmt::format("t = {} of {}", decades_text(done), decades_text(last));
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

void ProgressLine::update(const LogTime& done) {
  const auto now = Clock::now();
  if (!enabled_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line = progress_text(unit_, first_, done, last_, seconds);
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
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
