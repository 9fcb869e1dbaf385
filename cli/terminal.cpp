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

ProgressLine::ProgressLine(std::string unit, bool quiet)
    : unit_(std::move(unit)), enabled_(!quiet && isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::begin(std::uint64_t first, std::uint64_t total) {
  first_ = first;
  total_ = total;
  start_ = Clock::now();
  next_ = start_ + std::chrono::milliseconds(300);  // before, a rate says nothing
}

void ProgressLine::update(std::uint64_t done) {
  const auto now = Clock::now();
  if (!enabled_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - first_) / seconds : 0;
  const double share = total_ ? static_cast<double>(done) / static_cast<double>(total_) : 1;
  std::string line =
      fmt::format("{} {} of {}  {:.0f} %", unit_, brief(static_cast<double>(done), 4),
                  brief(static_cast<double>(total_), 4), 100 * share);
  if (rate > 0) {
    line += fmt::format("  {}/s  {} left", brief(rate, 3),
                        duration_text(static_cast<double>(total_ - done) / rate));
  }
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
