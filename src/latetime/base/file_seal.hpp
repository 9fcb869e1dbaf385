#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace latetime {

/// A line that ends a file and vouches for the bytes before it: their number and two checksums (CRC
/// 32 and Adler 32 of zlib). It finds damage, not forgery. HDF5 ignores what follows its own end.
std::string seal_of(std::string_view bytes);

/// Whether the open file ends in a seal, and the bytes before it are those that were sealed. False
/// also where it cannot be read.
bool is_sealed(int descriptor);

}  // namespace latetime
