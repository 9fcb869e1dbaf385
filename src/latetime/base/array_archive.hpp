#pragma once

#include <map>
#include <variant>

#include "latetime/base/array_store.hpp"

namespace latetime {

/// Arrays and texts in memory, under the names and with the types that an HDF5 file gives them.
class ArrayArchive : public ArrayWriter, public ArrayReader {
 public:
  /// Numbers of one type, one text, or a list of texts.
  using Values =
      std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
                   std::vector<std::uint8_t>, std::string, std::vector<std::string>>;
  struct Entry {
    std::string name;
    ArrayShape shape;
    Values values;
  };

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

  bool exists(const std::string& name) const override;
  ArrayShape shape(const std::string& name) const override;
  std::vector<double> read_doubles(const std::string& name) const override;
  std::vector<std::int64_t> read_int64(const std::string& name) const override;
  std::vector<std::uint64_t> read_uint64(const std::string& name) const override;
  std::vector<std::uint8_t> read_uint8(const std::string& name) const override;
  std::string read_string(const std::string& name) const override;
  std::vector<std::string> read_strings(const std::string& name) const override;
  std::vector<std::string> numeric_datasets() const override;

  /// In the order in which they were written.
  const std::vector<Entry>& entries() const { return entries_; }
  /// Throws InputError when there is none of this name.
  const Entry& entry(const std::string& name) const;
  /// Writes all entries again, in the same order.
  void copy_to(ArrayWriter& writer) const;

 private:
  template <class T>
  void add_numbers(const std::string& name, const ArrayShape& shape, std::span<const T> values);
  void add(const std::string& name, ArrayShape shape, Values values);
  template <class T>
  const T& values_of(const std::string& name) const;

  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> places_;
};

}  // namespace latetime
