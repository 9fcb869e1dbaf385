#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/reader.hpp"

namespace latetime::fuzz {

struct Limits {
  double seconds = 10.0;
  std::uint64_t inputs = UINT64_MAX;  ///< whichever comes first
  double seconds_an_input = 20.0;     ///< of processor time; more is a hang
  double longest_wait = 600.0;        ///< seconds for an input that takes no processor time
};

/// What became of the inputs of one reader.
struct Account {
  std::string reader;
  std::uint64_t inputs = 0, read = 0, refused = 0;  ///< those that came to the reader
  std::uint64_t crashes = 0;                        ///< signals and reports of the sanitizers
  std::uint64_t hangs = 0;
  std::uint64_t wrong = 0;    ///< silent wrong reads
  std::uint64_t unclear = 0;  ///< other exceptions; refusals of several lines or without place
  std::uint64_t child_ends =
      0;                 ///< or loops, in the library that the product runs in a child process
  double seconds = 0.0;  ///< of processor time, in all
  double slowest = 0.0;  ///< input, in the same

  bool clean() const { return crashes + hangs + wrong + unclear == 0; }
};

/// Feeds `reader` in a child process with the seeds of `seeds`/NAME as they are, then with changed
/// ones, preferring what reaches new branches; a child that ends is replaced. Inputs with faults
/// are kept in `kept`.
Account try_reader(const Reader& reader, const std::string& seeds, const std::string& kept,
                   std::uint64_t random_seed, const Limits& limits);

}  // namespace latetime::fuzz
