#pragma once

#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

namespace latetime {

/// A line that ends a file and vouches for the bytes before it: their number and two checksums (CRC
/// 32 and Adler 32 of zlib). It finds damage, not forgery. HDF5 ignores what follows its own end.
std::string seal_of(std::string_view bytes);

/// The same of an array of numbers, or of structures without padding.
template <std::ranges::contiguous_range Values>
std::string seal_of_values(const Values& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return seal_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// Whether the open file ends in a seal, and the bytes before it are those that were sealed. False
/// also where it cannot be read.
bool is_sealed(int descriptor);

}  // namespace latetime
