#include "latetime/data/npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/error.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/text_encoding.hpp"

namespace latetime {
namespace {

static_assert(std::endian::native == std::endian::little, "byte orders below assume it");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t most_dimensions = 32;  // NumPy's own limit

struct Header {
  std::string dtype;  // "<f8"
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

/// Reads the header's Python dictionary: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4),
/// }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  Header parse() {
    Header header;
    bool has_dtype = false, has_order = false, has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(has_dtype, true)) {
        header.dtype = dtype();
      } else if (key == "fortran_order" && !std::exchange(has_order, true)) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        header.shape = shape();
      } else {
        damaged();
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (!rest_.empty() || !has_dtype || !has_order || !has_shape) damaged();
    return header;
  }

 private:
  [[noreturn]] void damaged() const {
    throw InputError(where_, "the NPY header is damaged; write the file anew with numpy.save");
  }
  void skip_spaces() {
    const std::size_t start = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
  }
  bool take(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) damaged();
  }
  std::string quoted() {
    const char quote = take('\'') ? '\'' : take('"') ? '"' : '\0';
    const std::size_t end = quote ? rest_.find(quote) : std::string_view::npos;
    if (end == std::string_view::npos) damaged();
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string dtype() {
    skip_spaces();
    if (rest_.empty()) damaged();
    if (rest_.front() == '\'' || rest_.front() == '"') return quoted();
    throw InputError(where_, fmt::format("has the structured dtype {}; save numbers alone, "
                                         "numpy.lib.recfunctions.structured_to_unstructured(X)",
                                         printable(rest_.substr(0, rest_.find(']') + 1))));
  }
  bool boolean() {
    skip_spaces();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    damaged();
  }
  std::vector<std::size_t> shape() {
    std::vector<std::size_t> sizes;
    expect('(');
    while (!take(')')) {
      skip_spaces();
      std::size_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc{} || sizes.size() == most_dimensions) damaged();
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (rest_.starts_with('L')) rest_.remove_prefix(1);  // as Python 2 wrote them
      sizes.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const std::string& where_;
};

std::uint8_t swapped(std::uint8_t x) {
  return x;
}
std::uint16_t swapped(std::uint16_t x) {
  return __builtin_bswap16(x);
}
std::uint32_t swapped(std::uint32_t x) {
  return __builtin_bswap32(x);
}
std::uint64_t swapped(std::uint64_t x) {
  return __builtin_bswap64(x);
}

/// IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  double size = std::ldexp(fraction, -24);  // subnormal
  if (exponent == 31) {
    size = fraction ? std::numeric_limits<double>::quiet_NaN()
                    : std::numeric_limits<double>::infinity();
  } else if (exponent > 0) {
    size = std::ldexp(1024 + fraction, exponent - 25);
  }
  return bits & 0x8000 ? -size : size;
}

/// Converts n stored numbers at `from`, in native or in foreign byte order.
using Converter = void (*)(const char* from, std::size_t n, bool foreign, double* to);

template <class Bits, auto to_double>
void convert(const char* from, std::size_t n, bool foreign, double* to) {
  for (std::size_t i = 0; i < n; ++i) {
    Bits bits;
    std::memcpy(&bits, from + i * sizeof(Bits), sizeof(Bits));
    to[i] = to_double(foreign ? swapped(bits) : bits);
  }
}

template <class T, class Bits>
double as(Bits bits) {
  return static_cast<double>(std::bit_cast<T>(bits));
}

struct StoredType {
  std::string_view code;  // NumPy's kind and size in bytes
  std::size_t size;
  Converter converter;
};

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr StoredType stored_types[] = {
    {"b1", 1, convert<u8, [](u8 bits) { return bits ? 1.0 : 0.0; }>},
    {"u1", 1, convert<u8, as<u8, u8>>},
    {"u2", 2, convert<u16, as<u16, u16>>},
    {"u4", 4, convert<u32, as<u32, u32>>},
    {"u8", 8, convert<u64, as<u64, u64>>},
    {"i1", 1, convert<u8, as<std::int8_t, u8>>},
    {"i2", 2, convert<u16, as<std::int16_t, u16>>},
    {"i4", 4, convert<u32, as<std::int32_t, u32>>},
    {"i8", 8, convert<u64, as<std::int64_t, u64>>},
    {"f2", 2, convert<u16, half_to_double>},
    {"f4", 4, convert<u32, as<float, u32>>},
    {"f8", 8, convert<u64, as<double, u64>>},
};

/// What the dtype is, and how to save the array X as numbers that are read.
std::string dtype_mend(std::string_view dtype) {
  const std::string_view code = dtype.substr(std::min<std::size_t>(dtype.size(), 1));
  if (code == "V2") {
    return ", two bytes of a type that NumPy does not know, most likely bfloat16; save "
           "X.astype(numpy.float32), or of the file "
           "numpy.load(FILE).view(ml_dtypes.bfloat16).astype(numpy.float32)";
  }
  if (code.starts_with('V')) {
    return ", bytes of a type that NumPy does not know; save X.astype(numpy.float32)";
  }
  if (code.starts_with('c')) {
    return ", complex numbers; save real ones, such as numpy.hstack([X.real, X.imag])";
  }
  if (code.starts_with('O')) {
    return ", Python objects; save X.astype(float), or labels that are words as y.astype(str)";
  }
  if (code.starts_with('U') || code.starts_with('S')) {
    return ", texts; save numbers, X.astype(float) where the texts are numbers";
  }
  return "; save real numbers, such as X.astype(float)";
}

const StoredType& stored_type(const std::string& dtype, const std::string& where) {
  if (dtype.size() > 1 && std::string_view("<>|=").find(dtype[0]) != std::string_view::npos) {
    for (const StoredType& type : stored_types) {
      // '|' (no byte order) is said of single bytes only.
      if (dtype.substr(1) == type.code && (dtype[0] != '|' || type.size == 1)) return type;
    }
  }
  throw InputError(where, fmt::format("has dtype '{}'{}", printable(dtype), dtype_mend(dtype)));
}

/// Entries stored with the first index fastest, reordered to the last index fastest.
std::vector<double> fortran_to_c(const std::vector<double>& stored,
                                 const std::vector<std::size_t>& shape) {
  const std::size_t rank = shape.size();
  std::vector<std::size_t> stride(rank, 1), index(rank, 0);
  for (std::size_t k = rank; k-- > 1;) stride[k - 1] = stride[k] * shape[k];
  std::vector<double> values(stored.size());
  std::size_t place = 0;  // of the current multi-index in C order
  for (const double value : stored) {
    values[place] = value;
    for (std::size_t k = 0; k < rank; ++k) {
      place += stride[k];
      if (++index[k] < shape[k]) break;
      place -= stride[k] * shape[k];
      index[k] = 0;
    }
  }
  return values;
}

/// Splits the bytes into header text and data; checks magic, version and header length.
Header read_header(std::string_view bytes, const std::string& where, std::string_view& data) {
  if (!bytes.starts_with(magic)) {
    throw InputError(where, "not an NPY file; write it with numpy.save");
  }
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(u8(bytes[i])); };
  const std::string truncated = "the NPY file is truncated; write it anew with numpy.save";
  if (bytes.size() < 10) throw InputError(where, truncated);
  const std::size_t major = byte(6), minor = byte(7);
  if (major < 1 || major > 3 || minor != 0) {
    throw InputError(where, fmt::format("has NPY format version {}.{}; versions 1.0 to 3.0 are "
                                        "known, write it anew with numpy.save",
                                        major, minor));
  }
  const std::size_t start = major == 1 ? 10 : 12;
  if (bytes.size() < start) throw InputError(where, truncated);
  std::size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > bytes.size() - start) throw InputError(where, truncated);
  data = bytes.substr(start + length);
  return HeaderParser(bytes.substr(start, length), where).parse();
}

std::string npy_header(std::string_view dtype, std::span<const std::size_t> shape) {
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", dtype,
                  fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  // Data start at a multiple of 64 bytes, as the format asks.
  const std::size_t unpadded = 10 + dictionary.size() + 1;
  dictionary.append((64 - unpadded % 64) % 64, ' ').push_back('\n');
  if (dictionary.size() > 65535) throw std::invalid_argument("npy_header: too many dimensions");
  std::string header(magic);
  header += {'\x01', '\x00', static_cast<char>(dictionary.size() & 255),
             static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

template <class T>
std::string encode(std::string_view dtype, std::span<const std::size_t> shape,
                   std::span<const T> values) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  if (count != values.size()) {
    throw std::invalid_argument("npy_bytes: the shape does not fit the values");
  }
  std::string bytes = npy_header(dtype, shape);
  if (count > 0) bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return bytes;
}

/// Number of entries; throws InputError when they do not take exactly `bytes` of data.
std::size_t checked_count(const Header& header, std::size_t entry_size, std::size_t bytes,
                          const std::string& where) {
  std::size_t count = 1;
  for (const std::size_t size : header.shape) count = checked_product(count, size, where);
  const std::size_t needed = checked_product(count, entry_size, where);
  if (needed == bytes) return count;
  throw InputError(
      where, fmt::format("shape ({}) of '{}' needs {} bytes of data, the file has {}; it is {}, "
                         "write it anew",
                         fmt::join(header.shape, ", "), printable(header.dtype), needed, bytes,
                         bytes < needed ? "truncated" : "too long"));
}

/// Characters of a text dtype ("<U5", "|S3"); nullopt for others.
std::optional<std::size_t> text_length(const std::string& dtype) {
  if (dtype.size() < 3 || (dtype[1] != 'U' && dtype[1] != 'S')) return std::nullopt;
  if ((dtype[1] == 'U') == (dtype[0] == '|')) return std::nullopt;
  std::size_t length = 0;
  const char* end = dtype.data() + dtype.size();
  const auto [stop, error] = std::from_chars(dtype.data() + 2, end, length);
  constexpr std::size_t longest = 1 << 30;
  if (error != std::errc{} || stop != end || length > longest) return std::nullopt;
  return length;
}

/// UTF-32 code points up to the first NUL, as UTF-8.
std::string from_utf32(std::string_view cell, bool foreign, const std::string& where) {
  std::string text;
  for (std::size_t i = 0; i + 4 <= cell.size(); i += 4) {
    u32 point = 0;
    std::memcpy(&point, cell.data() + i, 4);
    if (foreign) point = swapped(point);
    if (point == 0) break;
    if (!append_utf8(point, text)) {
      throw InputError(where,
                       "holds characters that do not exist; write the file anew with "
                       "numpy.save");
    }
  }
  return text;
}

}  // namespace

std::string npy_dtype(std::string_view bytes, const std::string& where) {
  std::string_view data;
  return read_header(bytes, where, data).dtype;
}

TextArray parse_npy_texts(std::string_view bytes, const std::string& where) {
  std::string_view data;
  Header header = read_header(bytes, where, data);
  const auto length = text_length(header.dtype);
  if (!length) {
    throw InputError(where, fmt::format("has dtype '{}'; save texts, such as y.astype(str)",
                                        printable(header.dtype)));
  }
  const bool wide = header.dtype[1] == 'U';
  const std::size_t cell = *length * (wide ? 4 : 1);
  const std::size_t count = checked_count(header, cell, data.size(), where);
  // Texts of no characters take no bytes, so the data do not bound their number.
  if (cell == 0 && count > 0) throw InputError(where, "holds empty texts; write the labels anew");
  TextArray array{std::move(header.shape), {}};
  array.texts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view entry = data.substr(i * cell, cell);
    array.texts.push_back(wide ? from_utf32(entry, header.dtype[0] == '>', where)
                               : std::string(entry.substr(0, entry.find('\0'))));
  }
  return array;
}

NumericArray parse_npy(std::string_view bytes, const std::string& where) {
  std::string_view data;
  Header header = read_header(bytes, where, data);
  const StoredType& type = stored_type(header.dtype, where);
  const std::size_t count = checked_count(header, type.size, data.size(), where);
  NumericArray array{std::move(header.shape), std::vector<double>(count)};
  type.converter(data.data(), count, header.dtype[0] == '>', array.values.data());
  if (header.fortran_order && array.shape.size() > 1) {
    array.values = fortran_to_c(array.values, array.shape);
  }
  return array;
}

std::string npy_bytes(std::span<const std::size_t> shape, std::span<const double> values) {
  return encode("<f8", shape, values);
}

std::string npy_bytes(std::span<const std::size_t> shape, std::span<const std::int64_t> values) {
  return encode("<i8", shape, values);
}

void write_npy(const std::string& path, std::span<const std::size_t> shape,
               std::span<const double> values) {
  replace_file_bytes(path, npy_bytes(shape, values));
}

}  // namespace latetime
