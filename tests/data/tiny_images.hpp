#pragma once

#include <string>

#include "data/idx_files.hpp"
#include "latetime/base/random.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {

/// Writes one split of an image set that can be learnt: digit i mod 10, random pixels, one of which
/// is bright for each digit. `prefix` is "train" or "t10k".
inline void write_tiny_split(const TemporaryFolder& folder, const std::string& prefix,
                             std::uint32_t count, std::uint32_t rows, std::uint32_t cols) {
  RandomStream stream(1, RandomPurpose::test, count);
  std::vector<std::uint8_t> pixels, labels;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t digit = i % 10;
    labels.push_back(static_cast<std::uint8_t>(digit));
    for (std::uint32_t p = 0; p < rows * cols; ++p) {
      const std::uint64_t dim = stream.below(4) == 0 ? stream.below(100) : 0;
      pixels.push_back(static_cast<std::uint8_t>(p == digit % (rows * cols) ? 200 + dim / 2 : dim));
    }
  }
  folder.write(prefix + "-images-idx3-ubyte", idx_bytes(0x803, {count, rows, cols}, pixels));
  folder.write(prefix + "-labels-idx1-ubyte", idx_bytes(0x801, {count}, labels));
}

/// The four files of `train` and `test` images.
inline void write_tiny_images(const TemporaryFolder& folder, std::uint32_t train,
                              std::uint32_t test, std::uint32_t rows, std::uint32_t cols) {
  write_tiny_split(folder, "train", train, rows, cols);
  write_tiny_split(folder, "t10k", test, rows, cols);
}

}  // namespace latetime
