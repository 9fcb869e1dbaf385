#include "fuzz/mutator.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace latetime::fuzz {
namespace {

constexpr std::uint64_t odd_numbers[] = {0,
                                         1,
                                         2,
                                         7,
                                         8,
                                         16,
                                         32,
                                         33,
                                         63,
                                         64,
                                         127,
                                         128,
                                         255,
                                         256,
                                         1023,
                                         4096,
                                         32767,
                                         32768,
                                         65535,
                                         65536,
                                         0x7fffffff,
                                         0x80000000,
                                         0xffffffff,
                                         0x100000000,
                                         0x7fffffffffffffff,
                                         0x8000000000000000,
                                         0xffffffffffffffff};

constexpr const char* odd_texts[] = {"0",
                                     "-1",
                                     "1",
                                     "-0",
                                     "0.5",
                                     "1e999",
                                     "-1e999",
                                     "1e-999",
                                     "1e308",
                                     "5e-324",
                                     "nan",
                                     "NaN",
                                     "inf",
                                     "-inf",
                                     "Infinity",
                                     "1e",
                                     "0x10",
                                     "1_000",
                                     "1,5",
                                     "1.2.3",
                                     "2147483648",
                                     "4294967296",
                                     "9007199254740993",
                                     "9223372036854775808",
                                     "18446744073709551615",
                                     "18446744073709551616",
                                     "99999999999999999999999999",
                                     "",
                                     " ",
                                     "\xe2\x88\x92"
                                     "1",
                                     "\xef\xbc\x91",
                                     "\xff",
                                     "NA",
                                     "\"1\"",
                                     "1;2"};

bool numeric(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '+';
}

/// A stretch of `bytes`: where it begins, how long it is.
struct Chunk {
  std::size_t at, size;
};

Chunk some_chunk(const std::string& bytes, Dice& dice) {
  if (bytes.empty()) return {0, 0};
  const std::size_t at = dice.below(bytes.size());
  const std::size_t most = std::min(bytes.size() - at, dice.one_in(4) ? bytes.size() : 16);
  return {at, 1 + dice.below(most)};
}

/// A whole line with its end.
Chunk some_line(const std::string& bytes, Dice& dice) {
  if (bytes.empty()) return {0, 0};
  const std::size_t inside = dice.below(bytes.size());
  const std::size_t before = inside ? bytes.rfind('\n', inside - 1) : std::string::npos;
  const std::size_t at = before == std::string::npos ? 0 : before + 1;
  const std::size_t end = bytes.find('\n', at);
  return {at, (end == std::string::npos ? bytes.size() : end + 1) - at};
}

/// Writes a number of 1, 2, 4 or 8 bytes over what is there.
void set_binary_number(std::string& bytes, Dice& dice) {
  const std::size_t size = std::size_t{1} << dice.below(4);
  if (bytes.size() < size) return;
  const std::size_t at = dice.below(bytes.size() - size + 1);
  const bool big_endian = dice.one_in(3);
  const auto place = [&](std::size_t i) { return at + (big_endian ? size - 1 - i : i); };
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[place(i)]);
  }
  if (dice.one_in(2)) {
    value += dice.below(33) - 16;
  } else {
    value = odd_numbers[dice.below(std::size(odd_numbers))];
  }
  for (std::size_t i = 0; i < size; ++i, value >>= 8) {
    bytes[place(i)] = static_cast<char>(value & 255);
  }
}

/// Replaces a number written in digits.
void set_decimal_number(std::string& bytes, Dice& dice) {
  if (bytes.empty()) return;
  const std::size_t from = dice.below(bytes.size());
  const auto begin = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                                  [](char c) { return numeric(c); });
  const auto end = std::find_if_not(begin, bytes.end(), [](char c) { return numeric(c); });
  const std::size_t at = static_cast<std::size_t>(begin - bytes.begin());
  const std::string text =
      dice.one_in(3) ? std::to_string(dice.below(20)) : odd_texts[dice.below(std::size(odd_texts))];
  bytes.replace(at, static_cast<std::size_t>(end - begin), text);
}

}  // namespace

Dice::Dice(std::uint64_t seed, std::uint64_t number)
    : state_(seed * 0x9e3779b97f4a7c15u ^ (number + 1) * 0xbf58476d1ce4e5b9u) {
  next();
}

// SplitMix64: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014.
std::uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

void Mutator::change(std::string& bytes, const std::string& other, Dice& dice) const {
  const auto somewhere = [&] { return dice.below(bytes.size() + 1); };
  switch (dice.below(16)) {
    case 0:
    case 1:
      if (bytes.empty()) break;
      bytes[dice.below(bytes.size())] ^= static_cast<char>(1u << dice.below(8));
      break;
    case 2:
    case 3: {
      constexpr char extremes[] = {'\x00', '\x01', '\x7f', '\x80', '\xff', '\n', '\r',
                                   ' ',    ',',    '"',    '#',    '\\',   '/',  '\x1b'};
      if (bytes.empty()) break;
      bytes[dice.below(bytes.size())] = dice.one_in(2) ? static_cast<char>(dice.below(256))
                                                       : extremes[dice.below(sizeof extremes)];
      break;
    }
    case 4:
      set_binary_number(bytes, dice);
      break;
    case 5:
    case 6:
      set_decimal_number(bytes, dice);
      break;
    case 7: {
      const Chunk chunk = some_chunk(bytes, dice);
      bytes.erase(chunk.at, chunk.size);
      break;
    }
    case 8: {
      const Chunk chunk = some_chunk(bytes, dice);
      const std::string copy = bytes.substr(chunk.at, chunk.size);
      const std::size_t times = dice.one_in(8) ? 1 + dice.below(64) : 1, at = somewhere();
      for (std::size_t i = 0; i < times && bytes.size() < longest_; ++i) bytes.insert(at, copy);
      break;
    }
    case 9: {
      const Chunk chunk = some_chunk(other, dice);
      bytes.insert(somewhere(), other, chunk.at, chunk.size);
      break;
    }
    case 10: {  // the start of one and the end of another
      if (!dice.one_in(4)) break;
      bytes.resize(somewhere());
      bytes += other.substr(dice.below(other.size() + 1));
      break;
    }
    case 11:
      if (dice.one_in(4)) bytes.resize(somewhere());
      break;
    case 12:
    case 13: {
      if (words_.empty()) break;
      const std::string& word = words_[dice.below(words_.size())];
      const std::size_t at = somewhere();
      bytes.replace(at, dice.one_in(2) ? std::min(word.size(), bytes.size() - at) : 0, word);
      break;
    }
    case 14: {
      const Chunk line = some_line(bytes, dice);
      const std::string copy = bytes.substr(line.at, line.size);
      if (dice.one_in(2)) bytes.erase(line.at, line.size);
      if (dice.one_in(2)) bytes.insert(some_line(bytes, dice).at, copy);
      break;
    }
    default: {
      std::string random(1 + dice.below(8), '\0');
      for (char& c : random) c = static_cast<char>(dice.below(256));
      bytes.insert(somewhere(), random);
    }
  }
}

std::string Mutator::mutated(std::string bytes, const std::string& other, Dice& dice) const {
  std::size_t changes = 1;
  while (changes < 12 && dice.one_in(2)) ++changes;
  for (; changes > 0; --changes) change(bytes, other, dice);
  if (bytes.size() > longest_) bytes.resize(longest_);
  return bytes;
}

}  // namespace latetime::fuzz
