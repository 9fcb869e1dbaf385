#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace latetime {

/// Images of an IDX file.
struct IdxImages {
  std::size_t count = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::uint8_t> pixels;  ///< count × rows × cols, C order
};

/// Reads images (IDX magic 0x00000803: unsigned bytes, three dimensions, big endian), raw or gzip.
/// Throws InputError: no such file, another magic, truncated, bytes too many, damaged gzip data.
IdxImages read_idx_images(const std::string& path);

/// Reads labels (IDX magic 0x00000801: unsigned bytes, one dimension); the same otherwise.
std::vector<std::uint8_t> read_idx_labels(const std::string& path);

}  // namespace latetime
