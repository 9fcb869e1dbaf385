#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <zlib.h>

namespace latetime {

/// Bytes of an IDX file: magic, sizes (big endian), values.
inline std::string idx_bytes(std::uint32_t magic, const std::vector<std::uint32_t>& sizes,
                             const std::vector<std::uint8_t>& values) {
  std::string bytes;
  std::vector<std::uint32_t> header{magic};
  header.insert(header.end(), sizes.begin(), sizes.end());
  for (const std::uint32_t number : header) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  }
  bytes.append(values.begin(), values.end());
  return bytes;
}

/// One gzip member.
inline std::string gzip_bytes(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate failed");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace latetime
