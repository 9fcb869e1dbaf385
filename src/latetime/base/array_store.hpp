#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latetime {

/// Sizes of the dimensions of an array in C order (last index fastest); empty: a single number.
using ArrayShape = std::vector<std::size_t>;

/// What takes in arrays and texts under absolute paths such as "/final/weights": an HDF5 file, or
/// memory. Every method throws std::invalid_argument when the sizes disagree, InputError when the
/// name is taken or the place is full.
class ArrayWriter {
 public:
  virtual ~ArrayWriter() = default;
  virtual void write(const std::string& name, const ArrayShape& shape,
                     std::span<const double> values) = 0;
  virtual void write(const std::string& name, const ArrayShape& shape,
                     std::span<const std::int64_t> values) = 0;
  virtual void write(const std::string& name, const ArrayShape& shape,
                     std::span<const std::uint64_t> values) = 0;
  virtual void write(const std::string& name, const ArrayShape& shape,
                     std::span<const std::uint8_t> values) = 0;
  /// One text (UTF-8 without NUL).
  virtual void write(const std::string& name, std::string_view text) = 0;
  /// A list of texts, shape (size).
  virtual void write(const std::string& name, std::span<const std::string> texts) = 0;
};

/// What gives back what an ArrayWriter took in. Every failure throws InputError: no such name, a
/// type that does not fit, a damaged file.
class ArrayReader {
 public:
  virtual ~ArrayReader() = default;
  /// Whether there is an array, a text, or a group of them of this name.
  virtual bool exists(const std::string& name) const = 0;
  virtual ArrayShape shape(const std::string& name) const = 0;
  /// All entries in C order. Floats of up to 64 bits and every integer type are converted to double
  /// (integers beyond 2^53 are rounded).
  virtual std::vector<double> read_doubles(const std::string& name) const = 0;
  /// Integers whose type fits into the wanted one without loss.
  virtual std::vector<std::int64_t> read_int64(const std::string& name) const = 0;
  virtual std::vector<std::uint64_t> read_uint64(const std::string& name) const = 0;
  virtual std::vector<std::uint8_t> read_uint8(const std::string& name) const = 0;
  /// Exactly one text.
  virtual std::string read_string(const std::string& name) const = 0;
  virtual std::vector<std::string> read_strings(const std::string& name) const = 0;
  /// Names of all arrays of numbers, in order of name.
  virtual std::vector<std::string> numeric_datasets() const = 0;
};

}  // namespace latetime
