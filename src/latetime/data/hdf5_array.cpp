#include "latetime/data/hdf5_array.hpp"

#include <cstdint>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/guarded_child.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

/// Name of the wanted dataset, of one of `names` where none is named. Throws InputError that lists
/// what there is.
std::string find_dataset(const Hdf5Reader& file, const std::string& path, const std::string& member,
                         std::vector<std::string> names) {
  std::string name = member.empty() || member.starts_with('/') ? member : "/" + member;
  if (!name.empty() && file.exists(name)) return name;
  if (names.empty()) throw InputError(path, "holds no dataset of numbers; name another file");
  if (name.empty() && names.size() == 1) return names.front();
  const std::string problem =
      name.empty() ? fmt::format("holds {} datasets", names.size()) : "no dataset " + name;
  constexpr std::size_t most_listed = 12;
  if (names.size() > most_listed) {
    names.resize(most_listed);
    names.emplace_back("...");
  }
  throw InputError(path, fmt::format("{}; name one as {}:/PATH ({})", problem, path, join(names)));
}

const char* const ended_early =
    "cannot be read as HDF5, its structure is damaged; copy the file again from where it came from";

constexpr std::uint64_t most_dimensions = 32, longest_text = std::uint64_t{1} << 32;

void send_array(const std::string& path, const std::string& member, PipeEnd& to_parent) {
  const std::size_t file_size = require_file(path);
  allow_child(4 * file_size);
  const Hdf5Reader file(path);
  const std::string name = find_dataset(file, path, member, file.numeric_datasets());
  const std::vector<std::size_t> shape = file.shape(name);  // plausible for the file's size
  std::size_t bytes = sizeof(double);
  for (const std::size_t size : shape) bytes = checked_product(bytes, size, path);
  allow_child(4 * (bytes + file_size));
  const std::vector<double> values = file.read_doubles(name);
  to_parent.send_number(shape.size());
  to_parent.send(shape.data(), shape.size() * sizeof(std::size_t));
  to_parent.send(values.data(), values.size() * sizeof(double));
}

std::vector<std::size_t> receive_shape(PipeEnd& from_child) {
  const std::uint64_t rank = from_child.receive_number();
  if (rank > most_dimensions) throw PipeEnd::BrokenPipe{};
  std::vector<std::size_t> shape;
  from_child.receive_into(shape, rank);
  return shape;
}

std::size_t entry_count(const std::vector<std::size_t>& shape, const std::string& path) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count = checked_product(count, size, path);
  return count;
}

void send_text(const std::string& text, PipeEnd& to_parent) {
  to_parent.send_number(text.size());
  to_parent.send(text.data(), text.size());
}

std::string receive_text(PipeEnd& from_child) {
  const std::uint64_t size = from_child.receive_number();
  if (size > longest_text) throw PipeEnd::BrokenPipe{};
  std::string text;
  from_child.receive_into(text, size);
  return text;
}

/// Name, shape, the number of the alternative, and the entries.
void send_entry(const ArrayArchive::Entry& entry, PipeEnd& to_parent) {
  send_text(entry.name, to_parent);
  to_parent.send_number(entry.shape.size());
  to_parent.send(entry.shape.data(), entry.shape.size() * sizeof(std::size_t));
  to_parent.send_number(entry.values.index());
  std::visit(
      [&](const auto& values) {
        using Kind = std::decay_t<decltype(values)>;
        if constexpr (std::is_same_v<Kind, std::string>) {
          send_text(values, to_parent);
        } else if constexpr (std::is_same_v<Kind, std::vector<std::string>>) {
          for (const std::string& text : values) send_text(text, to_parent);
        } else {
          to_parent.send(values.data(), values.size() * sizeof(typename Kind::value_type));
        }
      },
      entry.values);
}

template <class T>
void receive_numbers(const std::string& name, const ArrayShape& shape, std::size_t count,
                     PipeEnd& from_child, ArrayArchive& archive) {
  std::vector<T> values;
  from_child.receive_into(values, count);
  archive.write(name, shape, std::span<const T>(values));
}

void receive_entry(const std::string& path, PipeEnd& from_child, ArrayArchive& archive) {
  const std::string name = receive_text(from_child);
  const ArrayShape shape = receive_shape(from_child);
  const std::size_t count = entry_count(shape, path);
  switch (from_child.receive_number()) {
    case 0:
      return receive_numbers<double>(name, shape, count, from_child, archive);
    case 1:
      return receive_numbers<std::int64_t>(name, shape, count, from_child, archive);
    case 2:
      return receive_numbers<std::uint64_t>(name, shape, count, from_child, archive);
    case 3:
      return receive_numbers<std::uint8_t>(name, shape, count, from_child, archive);
    case 4:
      return archive.write(name, std::string_view(receive_text(from_child)));
    case 5: {
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < count; ++i) texts.push_back(receive_text(from_child));
      return archive.write(name, std::span<const std::string>(texts));
    }
    default:
      throw PipeEnd::BrokenPipe{};
  }
}

}  // namespace

NumericArray read_hdf5_array(const std::string& path, const std::string& member) {
  require_file(path);
  NumericArray array;
  read_in_child(
      path, ended_early, [&](PipeEnd& to_parent) { send_array(path, member, to_parent); },
      [&](PipeEnd& from_child) {
        array.shape = receive_shape(from_child);
        from_child.receive_into(array.values, entry_count(array.shape, path));
      });
  return array;
}

std::optional<TextArray> read_hdf5_texts(const std::string& path, const std::string& member) {
  std::optional<TextArray> array;
  read_in_child(
      path, ended_early,
      [&](PipeEnd& to_parent) {
        allow_child(8 * require_file(path));
        const Hdf5Reader file(path);
        // Unnamed among numbers, the numbers are meant.
        const bool numbers = member.empty() && !file.numeric_datasets().empty();
        const auto name =
            numbers ? std::string() : find_dataset(file, path, member, file.datasets());
        const bool found = !numbers && file.holds_text(name);
        const auto shape = found ? file.shape(name) : ArrayShape();
        const auto texts = found ? file.read_strings(name) : std::vector<std::string>();
        to_parent.send_number(found ? 1 : 0);
        if (!found) return;
        to_parent.send_number(shape.size());
        to_parent.send(shape.data(), shape.size() * sizeof(std::size_t));
        for (const std::string& text : texts) send_text(text, to_parent);
      },
      [&](PipeEnd& from_child) {
        if (from_child.receive_number() == 0) return;
        array.emplace();
        array->shape = receive_shape(from_child);
        for (std::size_t left = entry_count(array->shape, path); left > 0; --left) {
          array->texts.push_back(receive_text(from_child));
        }
      });
  return array;
}

ArrayArchive read_hdf5_archive(const std::string& path) {
  ArrayArchive archive;
  read_in_child(
      path, ended_early,
      [&](PipeEnd& to_parent) {
        allow_child(8 * require_file(path));
        const ArrayArchive all = Hdf5Reader(path).read_all();
        to_parent.send_number(all.entries().size());
        for (const ArrayArchive::Entry& entry : all.entries()) send_entry(entry, to_parent);
      },
      [&](PipeEnd& from_child) {
        for (std::uint64_t left = from_child.receive_number(); left > 0; --left) {
          receive_entry(path, from_child, archive);
        }
      });
  return archive;
}

}  // namespace latetime
