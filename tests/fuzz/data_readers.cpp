// NPY, NPZ, IDX and HDF5 files of other programs; text_readers.cpp has those of text. What was
// accepted is held against a reading of our own, as plain as can be, and against writing and
// reading it again.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <hdf5.h>
#include <zlib.h>

#include "fuzz/array_checks.hpp"
#include "fuzz/array_text.hpp"
#include "fuzz/mutator.hpp"
#include "fuzz/reader.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/idx.hpp"

namespace latetime::fuzz {
namespace {

/// Files that a checksum guards: a damaged one is refused, or says what the whole one says.
template <class Read, class Value>
void require_damage_shows(const std::string& path, std::string bytes, std::size_t from,
                          std::size_t to, const Value& whole, const Read& read) {
  if (from >= to || to > bytes.size()) return;
  Dice dice(1, hash_of(bytes));
  for (std::size_t i = 1 + dice.below(3); i > 0; --i) {
    bytes[from + dice.below(to - from)] ^= static_cast<char>(1u << dice.below(8));
  }
  write_bytes(path, bytes);
  std::optional<Value> damaged;
  try {
    damaged = read(path);
  } catch (const InputError&) {
  }
  require(!damaged || *damaged == whole, "damage that the checksum tells was read");
}

// ---- NPY

std::uint64_t little(std::string_view bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// Value i of a C-ordered little-endian array, of the types that are read here; else nothing.
std::optional<double> plain_value(std::string_view dtype, std::string_view data, std::size_t i) {
  const auto bits = [&](std::size_t size) { return little(data.substr(i * size), size); };
  if (dtype == "<f8") return std::bit_cast<double>(bits(8));
  if (dtype == "<f4") return std::bit_cast<float>(static_cast<std::uint32_t>(bits(4)));
  if (dtype == "<i8") return static_cast<double>(static_cast<std::int64_t>(bits(8)));
  if (dtype == "<i4") return static_cast<std::int32_t>(bits(4));
  if (dtype == "<u2") return static_cast<double>(bits(2));
  if (dtype == "|u1") return static_cast<double>(bits(1));
  return std::nullopt;
}

/// The text between quotes that follows 'descr':.
std::string dtype_in(const std::string& header) {
  const std::size_t key = header.find("descr"), colon = header.find(':', key);
  const std::size_t open = header.find_first_of("'\"", colon);
  if (key == std::string::npos || open == std::string::npos) return "";
  return header.substr(open + 1, header.find(header[open], open + 1) - open - 1);
}

void check_npy(const std::string& bytes, const NumericArray& array) {
  require_whole(array);
  const std::size_t start = bytes[6] == 1 ? 10 : 12, width = bytes[6] == 1 ? 2 : 4;
  const std::size_t length = little(std::string_view(bytes).substr(8), width);
  const std::string header = bytes.substr(start, length);
  const std::string_view data = std::string_view(bytes).substr(start + length);
  const std::string dtype = dtype_in(header);
  require(array.values.empty() || data.size() % array.values.size() == 0,
          "the file holds parts of numbers");
  const bool one_order = array.shape.size() < 2 || header.find("True") == std::string::npos;
  for (std::size_t i = 0; one_order && i < array.values.size(); ++i) {
    const auto value = plain_value(dtype, data, i);
    if (!value) break;
    require(same(*value, array.values[i]), "a value is not the one in the file");
  }
  const std::string again = npy_bytes(array.shape, std::span<const double>(array.values));
  require(same(parse_npy(again, "again"), array), "written and read again, it is another array");
}

class NpyTarget : public Target {
 public:
  explicit NpyTarget(const std::string& folder) : path_(folder + "/x.npy") {}
  void read(const Input& input) override {
    write_bytes(path_, input.bytes);
    check_npy(input.bytes, read_array(path_));
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  std::string path_;
};

// ---- NPZ

void append(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (; size > 0; --size, value >>= 8) bytes += static_cast<char>(value & 255);
}

std::string deflated(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::uint32_t checksum(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

struct Member {
  std::string name, content;
};

constexpr std::size_t member_start = 30 + 5;  // of the content of "x.npy", when it is the first

/// A ZIP archive (PKWARE's APPNOTE, 4.3).
std::string zipped(const std::vector<Member>& members, bool deflate) {
  std::string bytes, directory;
  for (const Member& member : members) {
    const std::string packed = deflate ? deflated(member.content) : member.content;
    std::string common;
    append(common, 20, 2);  // version needed
    append(common, 0, 2);
    append(common, deflate ? 8 : 0, 2);
    append(common, 0x00210000, 4);  // 1 January 1980
    append(common, checksum(member.content), 4);
    append(common, packed.size(), 4);
    append(common, member.content.size(), 4);
    append(common, member.name.size(), 2);
    append(common, 0, 2);
    directory += "PK\1\2";
    append(directory, 20, 2);
    directory += common;
    append(directory, 0, 2 + 2 + 2 + 4);
    append(directory, bytes.size(), 4);
    directory += member.name;
    bytes += "PK\3\4" + common + member.name + packed;
  }
  const std::size_t at = bytes.size();
  bytes += directory + "PK\5\6";
  append(bytes, 0, 4);
  append(bytes, members.size(), 2);
  append(bytes, members.size(), 2);
  append(bytes, directory.size(), 4);
  append(bytes, at, 4);
  append(bytes, 0, 2);
  return bytes;
}

/// A text as NumPy's bytes ("|S3").
std::string npy_of_text(const std::string& text) {
  std::string header = fmt::format("{{'descr': '|S{}', 'fortran_order': False, 'shape': (), }}",
                                   std::max<std::size_t>(text.size(), 1));
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string bytes("\x93NUMPY\1\0", 8);
  append(bytes, header.size(), 2);
  return bytes + header + (text.empty() ? std::string(1, '\0') : text);
}

std::string npy_of(const ArrayArchive::Entry& entry) {
  return std::visit(
      [&]<class Values>(const Values& values) -> std::string {
        if constexpr (std::is_same_v<Values, std::string>) {
          return npy_of_text(values);
        } else if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
          return npy_of_text(values.empty() ? "" : values.front());
        } else if constexpr (std::is_same_v<Values, std::vector<double>>) {
          return npy_bytes(entry.shape, std::span<const double>(values));
        } else {
          const std::vector<std::int64_t> whole(values.begin(), values.end());
          return npy_bytes(entry.shape, std::span<const std::int64_t>(whole));
        }
      },
      entry.values);
}

/// The dense matrix of a sparse one, as SciPy's formats csr, csc and coo define it; nothing for
/// others. Throws WrongRead for parts that do not fit together.
std::optional<std::vector<double>> plain_dense(const ArrayArchive& parts, std::size_t rows,
                                               std::size_t columns) {
  const std::vector<std::string> formats =
      std::holds_alternative<std::string>(parts.entry("/format").values)
          ? std::vector{parts.read_string("/format")}
          : parts.read_strings("/format");
  const std::string format = formats.empty() ? "" : formats.front();
  std::vector<double> dense(rows * columns, 0.0);
  const auto add = [&](double row, double column, double value) {
    require(row >= 0 && row < static_cast<double>(rows) && column >= 0 &&
                column < static_cast<double>(columns),
            "an entry lies outside of the matrix");
    dense[static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(column)] += value;
  };
  const auto data = parts.read_doubles("/data");
  if (format == "coo") {
    const auto row = parts.read_doubles("/row"), column = parts.read_doubles("/col");
    for (std::size_t k = 0; k < data.size(); ++k) add(row.at(k), column.at(k), data[k]);
    return dense;
  }
  if (format != "csr" && format != "csc") return std::nullopt;
  const auto starts = parts.read_doubles("/indptr"), indices = parts.read_doubles("/indices");
  require(!starts.empty() && starts.front() == 0.0, "the first row does not begin at 0");
  for (std::size_t line = 0; line + 1 < starts.size(); ++line) {
    for (auto k = static_cast<std::size_t>(starts[line]);
         k < static_cast<std::size_t>(starts[line + 1]); ++k) {
      const auto here = static_cast<double>(line);
      format == "csr" ? add(here, indices.at(k), data.at(k)) : add(indices.at(k), here, data.at(k));
    }
  }
  return dense;
}

/// A sparse matrix of few entries may be one of gigabytes; few such inputs are enough.
void pass_over_most_large_shapes(const ArrayArchive& parts) {
  constexpr double most_entries = 1e6;
  constexpr std::size_t read_one_in = 256;
  if (!parts.exists("/shape")) return;
  double count = 1.0;
  std::string text;
  for (const ArrayArchive::Entry& entry : parts.entries()) {
    if (entry.name != "/shape" || std::holds_alternative<std::string>(entry.values) ||
        std::holds_alternative<std::vector<std::string>>(entry.values)) {
      continue;
    }
    for (const double size : parts.read_doubles("/shape")) {
      count *= size;
      text += shortest(size);
    }
  }
  if (std::abs(count) > most_entries && hash_of(text) % read_one_in != 0) throw NotAnInput();
}

/// Whole numbers are packed as signed ones.
void pass_over_huge_counts(const ArrayArchive::Entry& entry) {
  const auto* counts = std::get_if<std::vector<std::uint64_t>>(&entry.values);
  if (!counts) return;
  for (const std::uint64_t count : *counts) {
    if (count > std::numeric_limits<std::int64_t>::max()) throw NotAnInput();
  }
}

/// Kind "npz": an archive. Kind "npy": a member, which is packed here with the right checksum. Kind
/// "sparse": the arrays of a sparse matrix in words (arrays_of_text), packed here.
class NpzTarget : public Target {
 public:
  explicit NpzTarget(const std::string& folder) : path_(folder + "/x.npz") {}
  void read(const Input& input) override {
    if (input.kind == "sparse") return read_sparse(arrays_of_text(input.bytes));
    if (input.kind != "npy") {
      write_bytes(path_, input.bytes);
      require_whole(read_array(path_));
      return;
    }
    const bool deflate = hash_of(input.bytes) % 2;
    const std::string archive = zipped({{"x.npy", input.bytes}}, deflate);
    write_bytes(path_, archive);
    const NumericArray array = read_array(path_);
    check_npy(input.bytes, array);
    const std::size_t directory = archive.rfind("PK\1\2");
    struct Read {
      NumericArray array;
      bool operator==(const Read& other) const { return same(array, other.array); }
    };
    require_damage_shows(path_, archive, member_start, directory, Read{array},
                         [](const std::string& path) { return Read{read_array(path)}; });
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  void read_sparse(const ArrayArchive& parts) const {
    std::vector<Member> members;
    for (const auto& entry : parts.entries()) {
      pass_over_huge_counts(entry);
      members.push_back({entry.name.substr(1) + ".npy", npy_of(entry)});
    }
    pass_over_most_large_shapes(parts);
    write_bytes(path_, zipped(members, false));
    const NumericArray array = read_array(path_);
    require_whole(array);
    if (!parts.exists("/format") || !parts.exists("/shape") || !parts.exists("/data")) return;
    try {
      const auto dense = plain_dense(parts, array.shape.at(0), array.shape.at(1));
      require(
          !dense || std::equal(dense->begin(), dense->end(), array.values.begin(),
                               array.values.end(), [](double a, double b) { return same(a, b); }),
          "an entry is another number");
    } catch (const std::out_of_range&) {
      throw WrongRead("parts that are too short were read");
    }
  }

  std::string path_;
};

// ---- IDX

std::string gzipped(const std::string& bytes) {
  const std::string packed = deflated(bytes);
  std::string file("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  file += packed;
  append(file, checksum(bytes), 4);
  append(file, bytes.size(), 4);
  return file;
}

/// Kinds "images" and "labels", raw or gzip; "images.packed", "labels.packed": packed here.
class IdxTarget : public Target {
 public:
  explicit IdxTarget(const std::string& folder) : path_(folder + "/x-idx") {}
  void read(const Input& input) override {
    const bool images = input.kind.starts_with("images");
    const auto read_pixels = [&](const std::string& path) {
      if (!images) return read_idx_labels(path);
      IdxImages set = read_idx_images(path);
      require(set.count * set.rows * set.cols == set.pixels.size(),
              "the sizes do not fit the number of pixels");
      return std::move(set.pixels);
    };
    if (!input.kind.ends_with("packed")) {
      write_bytes(path_, input.bytes);
      const auto pixels = read_pixels(path_);
      if (!input.bytes.starts_with("\x1f\x8b")) check(input.bytes, pixels, images);
      return;
    }
    const std::string file = gzipped(input.bytes);
    write_bytes(path_, file);
    const auto pixels = read_pixels(path_);
    if (!input.bytes.starts_with("\x1f\x8b")) check(input.bytes, pixels, images);
    require_damage_shows(path_, file, 10, file.size() - 4, pixels, read_pixels);
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  static void check(const std::string& bytes, const std::vector<std::uint8_t>& pixels,
                    bool images) {
    const std::size_t header = images ? 16 : 8;
    require(bytes.size() == header + pixels.size() &&
                std::equal(pixels.begin(), pixels.end(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(header),
                           [](std::uint8_t pixel, char byte) {
                             return pixel == static_cast<std::uint8_t>(byte);
                           }),
            "the pixels are not those of the file");
  }

  std::string path_;
};

// ---- HDF5

/// What the child process of read_hdf5_array does with a file, all datasets one after another.
class Hdf5Target : public Target {
 public:
  explicit Hdf5Target(const std::string& folder) : path_(folder + "/x.h5") {
    // Half of the time went to memory that the library gives back and asks for again, a file.
    ::H5set_free_list_limits(-1, -1, -1, -1, -1, -1);
  }
  void read(const Input& input) override {
    write_bytes(path_, input.bytes);
    const Hdf5Reader file(path_);
    std::size_t read = 0;
    for (const std::string& name : file.numeric_datasets()) {
      if (++read > 16) break;
      NumericArray array{.shape = file.shape(name), .values = {}};
      std::size_t count = 1;
      for (const std::size_t size : array.shape) count *= size;
      if (count > 1'000'000) continue;  // deflated; the time would be spent on memory
      array.values = file.read_doubles(name);
      require_whole(array);
    }
    if (file.exists("/texts")) file.read_strings("/texts");
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  std::string path_;
};

/// The whole way, with a child process a file.
class Hdf5ChildTarget : public Target {
 public:
  explicit Hdf5ChildTarget(const std::string& folder) : path_(folder + "/x.h5") {}
  void read(const Input& input) override {
    write_bytes(path_, input.bytes);
    require_whole(read_array(path_ + (hash_of(input.bytes) % 2 ? ":/x" : "")));
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  std::string path_;
};

}  // namespace

std::vector<Reader> all_readers() {
  const std::vector<std::string> npy_words{"\x93NUMPY",      "'descr': ", "'fortran_order': ",
                                           "'shape': ",      "True",      "False",
                                           "'<f8'",          "'<f4'",     "'>f8'",
                                           "'<f2'",          "'|b1'",     "'|u1'",
                                           "'<i4'",          "'>u2'",     "'<c16'",
                                           "'|V2'",          "'|O'",      "'<U3'",
                                           "(2, 3)",         "()",        "(6,)",
                                           "[('a', '<f8')]", "}",         "3L, "};
  std::vector<Reader> all;
  all.push_back(reader<NpyTarget>("npy", npy_words));
  auto npz_words = npy_words;
  for (const char* word : {"PK\3\4", "PK\1\2", "PK\5\6", "PK\6\6", "PK\6\7", "x.npy"}) {
    npz_words.emplace_back(word);
  }
  all.push_back(reader<NpzTarget>("npz", npz_words));
  for (Reader& text : text_readers()) all.push_back(std::move(text));
  all.push_back(reader<IdxTarget>(
      "idx", {std::string("\0\0\x08\x01", 4), std::string("\0\0\x08\x03", 4), "\x1f\x8b\x08"}));
  const std::vector<std::string> hdf5_words{
      "\x89HDF\r\n\x1a\n", "OHDR", "OCHK", "TREE", "SNOD", "HEAP", "FRHP", "FHDB", "BTHD", "GCOL"};
  all.push_back(reader<Hdf5Target>("hdf5", hdf5_words, 16384));
  all.back().expendable_library = "libhdf5";
  all.push_back(reader<Hdf5ChildTarget>("hdf5-child", hdf5_words, 16384));
  return all;
}

}  // namespace latetime::fuzz
