#pragma once

#include <optional>

#include "latetime/base/array_archive.hpp"
#include "latetime/base/shared_lock.hpp"

namespace latetime {

/// Writes a new HDF5 file; an existing one is replaced. Names are absolute paths
/// ("/final/weights"); the groups on the way are made. The file's structure carries checksums
/// (HDF5 1.8 format), so that `Hdf5Reader` notices when it is damaged.
///
/// The file is held in memory; `close()` writes it, with a seal (file_seal) at its end, and is what
/// fails when the folder is missing or the disk is full. Write under a temporary name and rename it
/// then. Every failure throws InputError.
class Hdf5Writer : public ArrayWriter {
 public:
  explicit Hdf5Writer(std::string path);
  /// Without `close()`, nothing is written.
  ~Hdf5Writer() override;
  Hdf5Writer(Hdf5Writer&& other) noexcept;
  Hdf5Writer& operator=(Hdf5Writer&&) = delete;

  void write(const std::string& name, const ArrayShape& shape,
             std::span<const double> values) override;
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::int64_t> values) override;
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::uint64_t> values) override;
  void write(const std::string& name, const ArrayShape& shape,
             std::span<const std::uint8_t> values) override;
  void write(const std::string& name, std::string_view text) override;
  void write(const std::string& name, std::span<const std::string> texts) override;

  /// An attribute of an object that exists already; "/" is the file itself.
  void write_attribute(const std::string& object, const std::string& name, std::string_view text);
  void write_attribute(const std::string& object, const std::string& name, double value);
  void write_attribute(const std::string& object, const std::string& name, std::int64_t value);
  /// A list of numbers.
  void write_attribute(const std::string& object, const std::string& name,
                       std::span<const std::uint8_t> values);

  /// A list of texts of any length, as netCDF 4 reads them; HDF5 keeps no checksum of such.
  void write_variable_texts(const std::string& name, std::span<const std::string> texts);

  /// Makes a list that was written a dimension scale of its own name: what gives a dimension of
  /// arrays its name and its coordinates, for netCDF 4 and xarray.
  void make_dimension(const std::string& list);
  /// Gives dimension `axis` of an array that was written this scale.
  void attach_dimension(const std::string& array, unsigned axis, const std::string& dimension);

  /// Writes the file. Throws InputError when that fails; call it exactly once.
  void close();

 private:
  void write_numbers(const std::string& name, const ArrayShape& shape, std::int64_t type,
                     const void* values, std::size_t count);
  void write_object_attribute(const std::string& object, const std::string& name, std::int64_t type,
                              const void* value, std::size_t count = 1);

  std::string path_;
  std::int64_t file_;  // HDF5's hid_t; negative when closed
};

/// Reads an HDF5 file. Every failure throws InputError with one line: no such file, not HDF5,
/// locked by another program, truncated, damaged, packed by a filter that this library lacks, no
/// such dataset, a type that does not fit. Memory asked for is bounded by the size of the file,
/// whatever the file claims; but HDF5 itself may crash on a damaged file of the older format: files
/// of other programs are for read_hdf5_array and read_hdf5_archive.
class Hdf5Reader : public ArrayReader {
 public:
  explicit Hdf5Reader(std::string path);
  /// The same for a file that is, to the last bit, what Hdf5Writer wrote; nothing for any other,
  /// which HDF5 then does not get to see. Throws InputError when there is no such file.
  static std::optional<Hdf5Reader> open_sealed(const std::string& path);
  ~Hdf5Reader() override;
  Hdf5Reader(Hdf5Reader&& other) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) = delete;

  bool exists(const std::string& name) const override;
  ArrayShape shape(const std::string& name) const override;
  std::vector<double> read_doubles(const std::string& name) const override;
  std::vector<std::int64_t> read_int64(const std::string& name) const override;
  std::vector<std::uint64_t> read_uint64(const std::string& name) const override;
  std::vector<std::uint8_t> read_uint8(const std::string& name) const override;
  std::string read_string(const std::string& name) const override;
  /// All texts, of fixed or of variable length.
  std::vector<std::string> read_strings(const std::string& name) const override;
  std::string read_text_attribute(const std::string& object, const std::string& name) const;
  double read_number_attribute(const std::string& object, const std::string& name) const;

  std::vector<std::string> numeric_datasets() const override;
  /// Names of the datasets of numbers and of texts, in order.
  std::vector<std::string> datasets() const;
  bool holds_text(const std::string& name) const;
  /// Everything in the file, in order of name; attributes are left out.
  ArrayArchive read_all() const;

 private:
  Hdf5Reader(std::string path, std::size_t file_size, std::int64_t file);
  [[noreturn]] void fail(const std::string& problem) const;

  std::string path_;
  std::size_t file_size_ = 0;
  SharedLock lock_;
  std::int64_t file_ = -1;  // HDF5's hid_t; negative when moved from
};

}  // namespace latetime
