#include "latetime/data/idx.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <zlib.h>

#include "latetime/base/error.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

constexpr std::string_view gzip_magic = "\x1f\x8b";

/// zlib's inflate of gzip streams. (gzread would take damaged or trailing bytes for data.)
class Inflater {
 public:
  explicit Inflater(const std::string& where) {
    constexpr int gzip_only = 15 + 16;
    if (inflateInit2(&stream_, gzip_only) != Z_OK) {
      throw InputError(where, "cannot be unpacked (zlib); free some memory");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

/// All gzip members of `packed`, unpacked and joined.
std::string gunzip(const std::string& packed, const std::string& where) {
  constexpr std::size_t chunk = std::size_t{1} << 18;
  Inflater inflater(where);
  z_stream& stream = inflater.stream();
  std::string bytes;
  std::vector<unsigned char> buffer(chunk);
  std::size_t taken = 0;
  int status = Z_OK;
  while (taken < packed.size() || status != Z_STREAM_END) {
    if (status == Z_STREAM_END) inflateReset(&stream);
    const std::size_t offered = std::min(chunk, packed.size() - taken);
    stream.next_in = reinterpret_cast<z_const Bytef*>(const_cast<char*>(packed.data() + taken));
    stream.avail_in = static_cast<uInt>(offered);
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(chunk);
    status = inflate(&stream, Z_NO_FLUSH);
    taken += offered - stream.avail_in;
    const std::size_t produced = chunk - stream.avail_out;
    bytes.append(reinterpret_cast<const char*>(buffer.data()), produced);
    // Z_BUF_ERROR: neither taken nor given anything, so the stream ends too early.
    if (status != Z_OK && status != Z_STREAM_END) {
      throw InputError(where, status == Z_BUF_ERROR
                                  ? "the gzip data are truncated; fetch the file anew"
                                  : "the gzip data are damaged; fetch the file anew");
    }
  }
  return bytes;
}

/// An IDX file's content behind its header.
struct Content {
  std::vector<std::size_t> shape;
  std::vector<std::uint8_t> values;
};

Content read_idx(const std::string& path, std::size_t dimensions, std::string_view kind) {
  std::string bytes = read_file_bytes(path);
  if (bytes.starts_with(gzip_magic)) bytes = gunzip(bytes, path);
  const std::size_t header = 4 + 4 * dimensions;
  const auto number = [&](std::size_t at) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::uint8_t(bytes[at + i]);
    return value;
  };
  const std::size_t wanted = 0x0800 | dimensions;  // type 0x08: unsigned bytes
  if (bytes.size() >= 4 && number(0) != wanted) {
    throw InputError(path, fmt::format("begins with 0x{:08x}, IDX {} with 0x{:08x}; name a file of "
                                       "{}",
                                       number(0), kind, wanted, kind));
  }
  if (bytes.size() < header) {
    throw InputError(path, "the IDX header is truncated; fetch the file anew");
  }
  Content content;
  std::size_t count = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    content.shape.push_back(number(4 + 4 * i));
    count = checked_product(count, content.shape.back(), path);
  }
  if (count != bytes.size() - header) {
    throw InputError(path,
                     fmt::format("the header announces {} bytes of {}, the file has {}; it is "
                                 "{}, fetch it anew",
                                 count, kind, bytes.size() - header,
                                 bytes.size() - header < count ? "truncated" : "too long"));
  }
  content.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return content;
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  Content content = read_idx(path, 3, "images");
  return {.count = content.shape[0],
          .rows = content.shape[1],
          .cols = content.shape[2],
          .pixels = std::move(content.values)};
}

std::vector<std::uint8_t> read_idx_labels(const std::string& path) {
  return read_idx(path, 1, "labels").values;
}

}  // namespace latetime
