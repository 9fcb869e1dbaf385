#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace latetime::fuzz {

/// Random numbers of one input: the same for the same seed and number on every machine.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t number);
  std::uint64_t next();
  /// Uniform (to 2^-32) on 0 … bound − 1; bound > 0.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// Changes inputs as damage, other programs and careless hands would: bits, bytes, binary and
/// decimal numbers, chunks and lines repeated, moved, removed or taken from another input, words of
/// the format, cut ends.
class Mutator {
 public:
  Mutator(std::vector<std::string> words, std::size_t longest)
      : words_(std::move(words)), longest_(longest) {}

  /// `other` is another valid input, to take parts from.
  std::string mutated(std::string bytes, const std::string& other, Dice& dice) const;

 private:
  void change(std::string& bytes, const std::string& other, Dice& dice) const;
  std::vector<std::string> words_;
  std::size_t longest_;
};

}  // namespace latetime::fuzz
