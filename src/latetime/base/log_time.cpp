#include "latetime/base/log_time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <ostream>
#include <stdexcept>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double log_largest_step = 0x1.25e4f7b2737fap+5;  // 53 log 2
// log 10 in two doubles: their sum is right to 2^-107.
constexpr double ln10 = 0x1.26bb1bbb55516p+1, ln10_rest = -0x1.f48ad494ea3e9p-53;

/// E log 10 as high + low.
struct Decades {
  double high, low;
};
Decades decades(double exponent) {
  const double high = exponent * ln10;
  return {high, std::fma(exponent, ln10, -high) + exponent * ln10_rest};
}

/// E log 10 + `small`, rounded once (but for a rounding of `small`, which is below 3).
double add_decades(double exponent, double small) {
  const Decades d = decades(exponent);
  return d.high + (small + d.low);
}

/// A number as its decimals stand for it: d_1.d_2 d_3 … × 10^exponent with d_1 ≠ 0 and no zeros at
/// the end; no digits at all for zero. Spellings of one value have one such form.
struct Decimal {
  std::string digits;
  std::int64_t exponent = 0;

  bool whole() const {
    return digits.empty() || exponent >= static_cast<std::int64_t>(digits.size()) - 1;
  }
};

/// Takes digits off the front of `text`.
std::string_view take_digits(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

/// The exponent after the "e" ("+100", "-3"), held within ±10^18; nothing when it is none.
std::optional<std::int64_t> read_exponent(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  constexpr std::int64_t most = 1'000'000'000'000'000'000;
  std::int64_t value = 0;
  for (const char c : digits) value = std::min(most, std::min(most / 10, value) * 10 + (c - '0'));
  return negative ? -value : value;
}

/// Nothing when the text is no decimal number without a sign.
std::optional<Decimal> read_decimal(std::string_view text) {
  std::string_view whole = take_digits(text), fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  std::int64_t exponent = 0;
  if (text.starts_with('e') || text.starts_with('E')) {
    const auto read = read_exponent(text.substr(1));
    if (!read) return std::nullopt;
    exponent = *read;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  Decimal decimal{std::string(whole) + std::string(fraction), 0};
  const std::size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal{};
  decimal.exponent =
      exponent + static_cast<std::int64_t>(whole.size()) - 1 - static_cast<std::int64_t>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  decimal.digits.erase(0, first);
  return decimal;
}

/// The whole part of a value below 10^16.
std::uint64_t whole_part(const Decimal& decimal) {
  std::uint64_t value = 0;
  for (std::int64_t i = 0; i <= decimal.exponent; ++i) {
    const auto at = static_cast<std::size_t>(i);
    value = value * 10 +
            static_cast<std::uint64_t>(at < decimal.digits.size() ? decimal.digits[at] - '0' : 0);
  }
  return value;
}

/// log of the value.
double natural_log(const Decimal& decimal) {
  const std::string text = decimal.digits.substr(0, 1) + "." + decimal.digits.substr(1);
  double mantissa = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), mantissa);
  return add_decades(static_cast<double>(decimal.exponent), std::log(mantissa));
}

}  // namespace

void LogTime::set_step(std::uint64_t step) {
  if (step <= largest_step) {
    step_ = step;
  } else {
    *this = beyond(natural_log(*read_decimal(std::to_string(step))));
  }
}

LogTime LogTime::beyond(double log) {
  LogTime time;
  time.step_ = beyond_steps;
  time.log_ = std::max(log, std::nextafter(log_largest_step, infinity));
  return time;
}

LogTime LogTime::from_log(double log) {
  if (std::isnan(log) || log == infinity) throw std::invalid_argument("a time must be finite");
  if (log > log_largest_step) return beyond(log);
  const auto step = static_cast<std::uint64_t>(std::round(std::exp(log)));
  return std::min(step, largest_step);
}

LogTime LogTime::from_log10(double log10) {
  if (std::isnan(log10) || log10 == infinity) throw std::invalid_argument("a time must be finite");
  const double step = log10 < 16.0 ? std::round(std::pow(10.0, log10)) : infinity;
  if (step <= static_cast<double>(largest_step)) return static_cast<std::uint64_t>(step);
  const double whole = std::floor(log10);
  return beyond(add_decades(whole, (log10 - whole) * ln10));
}

LogTime LogTime::parse(std::string_view text, const std::string& where) {
  const auto refuse = [&](const std::string& problem) {
    throw InputError(where, "\"" + std::string(text) + "\" " + problem);
  };
  const std::string_view unsigned_text = text.starts_with('+') ? text.substr(1) : text;
  const bool negative = text.starts_with('-');
  const auto decimal = read_decimal(negative ? text.substr(1) : unsigned_text);
  if (!decimal) {
    refuse("is not a number of steps; write one such as \"1000\", \"1e6\" or \"1e100\"");
  }
  if (decimal->digits.empty()) return 0;
  if (negative) refuse("is negative; steps count from 0");
  const bool whole = decimal->whole();
  if (decimal->exponent < 16) {
    const std::uint64_t floor = whole_part(*decimal);
    if (floor < largest_step && !whole) {
      refuse("is not a whole number of steps; up to 2^53 (about 9e15) write a whole one");
    }
    if (floor <= largest_step && whole) return floor;
  }
  const auto exponent = static_cast<double>(decimal->exponent);
  if (exponent > largest_decade || (exponent == largest_decade && decimal->digits != "1")) {
    refuse("is beyond the latest time that can be held; write at most \"1e1000000000\"");
  }
  return beyond(natural_log(*decimal));
}

double LogTime::log() const {
  return is_step() ? std::log(static_cast<double>(step_)) : log_;
}

double LogTime::log10() const {
  if (is_step()) return std::log10(static_cast<double>(step_));
  const double nearest = std::round(log_ / ln10);
  const Decades d = decades(nearest);
  // A whole decade is one even where its logarithm was rounded.
  return d.high + d.low == log_ ? nearest : nearest + ((log_ - d.high) - d.low) / ln10;
}

std::string to_string(const LogTime& time) {
  if (const auto step = time.step()) return std::to_string(*step);
  const double whole = std::floor(time.log10());
  const Decades d = decades(whole);
  const double mantissa = std::exp((time.log() - d.high) - d.low);
  std::array<char, 64> buffer;
  std::string text;
  for (int digits = 0; digits <= 17; ++digits) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), mantissa,
                                   std::chars_format::scientific, digits)
                         .ptr;
    const std::string_view written(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const std::size_t e = written.find('e');  // the mantissa may round to 10, or lie just below 1
    const auto shift = static_cast<double>(read_exponent(written.substr(e + 1)).value());
    text = std::string(written.substr(0, e)) + "e" +
           std::to_string(static_cast<std::int64_t>(whole + shift));
    const auto decimal = read_decimal(text);
    const bool is_beyond = decimal->exponent > 15 || whole_part(*decimal) >= LogTime::largest_step;
    if (is_beyond && LogTime::from_log(natural_log(*decimal)) == time) return text;
  }
  return text;
}

std::string decades_text(const LogTime& time, int decimals) {
  if (const auto step = time.step()) return std::to_string(*step);
  const double scale = std::pow(10.0, decimals);
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                 std::round(time.log10() * scale) / scale, std::chars_format::fixed)
                       .ptr;
  return "10^" + std::string(buffer.data(), end);
}

std::string log10_text(const LogTime& time) {
  return time == LogTime() ? std::string() : shortest(time.log10());
}

std::string step_text(const LogTime& time) {
  const auto step = time.step();
  return step ? std::to_string(*step) : std::string();
}

std::ostream& operator<<(std::ostream& out, const LogTime& time) {
  return out << to_string(time);
}

}  // namespace latetime
