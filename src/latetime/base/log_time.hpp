#pragma once

#include <cassert>
#include <compare>
#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace latetime {

/// A time in gradient steps: an exact whole number up to 2^53, beyond it the natural logarithm of
/// the number of steps. A logarithm near 2^53 tells times 64 steps apart from each other, one near
/// 10^100 a relative 3e-14.
///
/// Times are totally ordered: whole numbers among themselves, then all logarithms among themselves.
/// A logarithm is always that of a later time than 2^53: what is beyond 2^53 but whose logarithm
/// rounds to that of 2^53 takes the next double above, so that 2^53 + 1 is not 2^53.
class LogTime {
 public:
  static constexpr std::uint64_t largest_step = std::uint64_t{1} << 53;
  /// Latest time that `parse` takes: 10^largest_decade.
  static constexpr double largest_decade = 1e9;

  /// The start, t = 0.
  LogTime() = default;

  /// That many steps, ≥ 0; a logarithm when there are more than 2^53. A number of steps is a time,
  /// hence no `explicit`; floating-point numbers do not convert.
  template <std::integral Integer>
  LogTime(Integer step) {
    assert(std::cmp_greater_equal(step, 0));
    set_step(static_cast<std::uint64_t>(step));
  }

  /// The time with this natural logarithm, or log10. Up to 2^53 it is rounded to a whole step; −∞
  /// is the start. Throws std::invalid_argument for NaN and +∞. A whole `log10` gives the same bits
  /// as `parse("1e…")`.
  static LogTime from_log(double log);
  static LogTime from_log10(double log10);

  /// From text such as "1000", "1e6", "2.5e3", "1e100", "3.2e57". The value counts, not its
  /// spelling: "10e99" gives the same bits as "1e100". Decimals are allowed when the value is whole
  /// or beyond 2^53. Throws InputError, naming `where`, for anything else and beyond
  /// 10^largest_decade.
  static LogTime parse(std::string_view text, const std::string& where);

  /// The exact number of steps; nothing beyond 2^53.
  std::optional<std::uint64_t> step() const {
    return is_step() ? std::optional(step_) : std::nullopt;
  }
  /// Natural and decimal logarithm; −∞ at the start.
  double log() const;
  double log10() const;

  friend bool operator==(const LogTime&, const LogTime&) = default;
  friend std::strong_ordering operator<=>(const LogTime& a, const LogTime& b) {
    if (a.step_ != b.step_) return a.step_ <=> b.step_;
    if (a.log_ == b.log_) return std::strong_ordering::equal;
    return a.log_ < b.log_ ? std::strong_ordering::less : std::strong_ordering::greater;
  }

 private:
  static constexpr std::uint64_t beyond_steps = largest_step + 1;

  bool is_step() const { return step_ <= largest_step; }
  void set_step(std::uint64_t step);
  static LogTime beyond(double log);

  std::uint64_t step_ = 0;  // beyond_steps: log_ counts
  double log_ = 0.0;        // 0 while step_ counts, so that equal times have equal members
};

/// "1000", "1e100", "3.2e57": all digits up to 2^53, beyond it the shortest text that `parse` reads
/// back to the same bits.
std::string to_string(const LogTime& time);

/// For people: "1000", beyond 2^53 the power of ten with `decimals` places at most: "10^37.2",
/// "10^100".
std::string decades_text(const LogTime& time, int decimals = 1);

/// Fields of metrics.csv: log10 of the time, empty at the start; the step, empty beyond 2^53.
std::string log10_text(const LogTime& time);
std::string step_text(const LogTime& time);

/// Writes to_string(time).
std::ostream& operator<<(std::ostream& out, const LogTime& time);

}  // namespace latetime
