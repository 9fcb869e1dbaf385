#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// The array in the bytes of an NPY file (format versions 1.0 to 3.0 of numpy.lib.format): bool,
/// integers and floats of 16 to 64 bits of either byte order, C or Fortran order. Integers beyond
/// 2^53 are rounded. Throws InputError, naming `where`, for any other dtype, and when the bytes are
/// damaged, truncated, or followed by others.
NumericArray parse_npy(std::string_view bytes, const std::string& where);

/// The dtype of an NPY file, such as "<f8"; empty for a structured one.
std::string npy_dtype(std::string_view bytes, const std::string& where);

/// The texts in an NPY file (dtypes S and U). Throws InputError as `parse_npy` does.
TextArray parse_npy_texts(std::string_view bytes, const std::string& where);

/// The bytes of an NPY file (version 1.0, C order, '<f8' or '<i8'); `values` has as many entries as
/// `shape` says, else std::invalid_argument is thrown.
std::string npy_bytes(std::span<const std::size_t> shape, std::span<const double> values);
std::string npy_bytes(std::span<const std::size_t> shape, std::span<const std::int64_t> values);

/// Writes an NPY file ('<f8', C order), replacing `path` at once. Throws InputError when it cannot
/// be written.
void write_npy(const std::string& path, std::span<const std::size_t> shape,
               std::span<const double> values);

}  // namespace latetime
