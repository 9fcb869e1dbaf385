#include "latetime/base/file_seal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace latetime {
namespace {

constexpr std::size_t seal_size = 64;
constexpr std::size_t piece = std::size_t{1} << 20;

class Checksums {
 public:
  void add(const char* bytes, std::size_t size) {
    const auto* data = reinterpret_cast<const Bytef*>(bytes);
    crc_ = crc32_z(crc_, data, size);
    adler_ = adler32_z(adler_, data, size);
    size_ += size;
  }

  std::string seal() const {
    std::array<char, seal_size + 1> text{};
    std::snprintf(text.data(), text.size(), "\nlatetime seal %016zx crc %08x adler %08x", size_,
                  static_cast<unsigned>(crc_), static_cast<unsigned>(adler_));
    std::string line(text.data());
    line.resize(seal_size - 1, ' ');
    return line + "\n";
  }

 private:
  std::size_t size_ = 0;
  uLong crc_ = crc32_z(0, nullptr, 0), adler_ = adler32_z(0, nullptr, 0);
};

/// False when the file ends, or fails, before.
bool read_at(int descriptor, std::size_t offset, char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::pread(descriptor, bytes, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    offset += static_cast<std::size_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

std::string seal_of(std::string_view bytes) {
  Checksums checksums;
  checksums.add(bytes.data(), bytes.size());
  return checksums.seal();
}

bool is_sealed(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return false;
  const auto whole = static_cast<std::size_t>(status.st_size);
  if (whole < seal_size) return false;
  const std::size_t size = whole - seal_size;
  std::string stored(seal_size, '\0');
  if (!read_at(descriptor, size, stored.data(), seal_size)) return false;
  Checksums checksums;
  std::vector<char> buffer(std::min(size, piece));
  for (std::size_t offset = 0; offset < size; offset += buffer.size()) {
    const std::size_t count = std::min(buffer.size(), size - offset);
    if (!read_at(descriptor, offset, buffer.data(), count)) return false;
    checksums.add(buffer.data(), count);
  }
  return stored == checksums.seal();
}

}  // namespace latetime
