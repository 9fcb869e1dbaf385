#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latetime {

/// Sizes of the dimensions of an array in C order (last index fastest); empty: a single number.
using ArrayShape = std::vector<std::size_t>;

/// Writes a new HDF5 file; an existing one is replaced. Names are absolute paths
/// ("/final/weights"); the groups on the way are made. The file's structure carries checksums
/// (HDF5 1.8 format), so that `Hdf5Reader` notices when it is damaged.
///
/// The file is held in memory; `close()` writes it, and is what fails when the folder is missing or
/// the disk is full. Write under a temporary name and rename it then. Every failure throws
/// InputError.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(std::string path);
  /// Without `close()`, nothing is written.
  ~Hdf5Writer();
  Hdf5Writer(Hdf5Writer&& other) noexcept;
  Hdf5Writer& operator=(Hdf5Writer&&) = delete;

  /// Stores `values` as an array of `shape`. Throws std::invalid_argument when the sizes disagree,
  /// InputError when the name is taken.
  void write(const std::string& name, const ArrayShape& shape, std::span<const double> values);
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::int64_t> values);
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::uint64_t> values);
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::uint8_t> values);
  /// One text (UTF-8 without NUL).
  void write(const std::string& name, std::string_view text);
  /// A list of texts, shape (size).
  void write(const std::string& name, std::span<const std::string> texts);

  /// An attribute of an object that exists already; "/" is the file itself.
  void write_attribute(const std::string& object, const std::string& name, std::string_view text);
  void write_attribute(const std::string& object, const std::string& name, double value);
  void write_attribute(const std::string& object, const std::string& name, std::int64_t value);

  /// Writes the file. Throws InputError when that fails; call it exactly once.
  void close();

 private:
  void write_numbers(const std::string& name, const ArrayShape& shape, std::int64_t type,
                     const void* values, std::size_t count);
  void write_object_attribute(const std::string& object, const std::string& name, std::int64_t type,
                              const void* value);

  std::string path_;
  std::int64_t file_;  // HDF5's hid_t; negative when closed
};

/// Reads an HDF5 file. Every failure throws InputError with one line: no such file, not HDF5,
/// truncated, damaged, no such dataset, a type that does not fit. Memory asked for is bounded by
/// the size of the file, whatever the file claims.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(std::string path);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&& other) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) = delete;

  /// Whether there is a group or dataset of this name.
  bool exists(const std::string& name) const;
  ArrayShape shape(const std::string& name) const;
  /// All entries in C order. Floats of up to 64 bits and every integer type are converted to double
  /// (integers beyond 2^53 are rounded).
  std::vector<double> read_doubles(const std::string& name) const;
  /// Integer datasets whose type fits into the wanted one without loss.
  std::vector<std::int64_t> read_int64(const std::string& name) const;
  std::vector<std::uint64_t> read_uint64(const std::string& name) const;
  std::vector<std::uint8_t> read_uint8(const std::string& name) const;
  /// A dataset with exactly one text.
  std::string read_string(const std::string& name) const;
  /// All texts, of fixed or of variable length.
  std::vector<std::string> read_strings(const std::string& name) const;
  std::string read_text_attribute(const std::string& object, const std::string& name) const;
  double read_number_attribute(const std::string& object, const std::string& name) const;

  /// Absolute paths of all datasets of floats or integers, in order of name.
  std::vector<std::string> numeric_datasets() const;

 private:
  [[noreturn]] void fail(const std::string& problem) const;

  std::string path_;
  std::size_t file_size_ = 0;
  std::int64_t file_ = -1;  // HDF5's hid_t; negative when moved from
};

}  // namespace latetime
