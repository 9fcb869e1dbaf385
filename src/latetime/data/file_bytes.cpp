#include "latetime/data/file_bytes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// character_length of what is to be seen as such; 0 for blanks but the plain one, and marks, which
/// only their bytes tell.
std::size_t visible_character(std::string_view text) {
  for (const std::string_view hidden :
       {"\xc2\xa0", "\xc2\xad", "\xe2\x80", "\xe2\x81", "\xe3\x80\x80", "\xef\xbb\xbf"}) {
    if (text.starts_with(hidden)) return 0;
  }
  return character_length(text);
}

}  // namespace

std::size_t require_file(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw InputError(path, "no such file; check the path");
  }
  if (status.type() == fs::file_type::directory) {
    throw InputError(path, "is a folder; name a file in it");
  }
  if (status.type() != fs::file_type::regular) {
    throw InputError(path, "cannot be read as a file; check the path and its permissions");
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) {
    throw InputError(path, fmt::format("cannot be read ({}); check the path", error.message()));
  }
  if (size == 0) throw InputError(path, "the file is empty; write it anew");
  return static_cast<std::size_t>(size);
}

std::string read_file_bytes(const std::string& path) {
  std::string bytes(require_file(path), '\0');
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    throw InputError(
        path, fmt::format("cannot be read ({}); check its permissions", std::strerror(errno)));
  }
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) {
    throw InputError(path, "could not be read to its end; check the disk, or copy it anew");
  }
  return bytes;
}

std::string read_file_start(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::string bytes(1 << 16, '\0');
  bytes.resize(file ? std::fread(bytes.data(), 1, bytes.size(), file.get()) : 0);
  return bytes;
}

std::string temporary_beside(const std::string& path) {
  return fmt::format("{}.{}.partial", path, ::getpid());
}

void refuse_to_write(const std::string& path, const std::string& cause, int error) {
  throw InputError(path, fmt::format("cannot be written ({}); choose {}", cause,
                                     error == ENAMETOOLONG
                                         ? "a shorter name"
                                         : "a folder that exists, with room, that you may write "
                                           "to"));
}

void replace_file_bytes(const std::string& path, std::string_view bytes) {
  const std::string temporary = temporary_beside(path);
  const auto fail = [&] {
    const int cause = errno;
    std::remove(temporary.c_str());
    refuse_to_write(path, std::strerror(cause), cause);
  };
  File file(std::fopen(temporary.c_str(), "wb"), std::fclose);
  if (!file) fail();
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) fail();
  if (std::fclose(file.release()) != 0) fail();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= longest) return result + "...";
    const std::size_t length = visible_character(text.substr(at));
    if (length > 0) {
      result += text.substr(at, length);
    } else {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    }
    at += std::max<std::size_t>(length, 1);
  }
  return result;
}

std::size_t checked_product(std::size_t a, std::size_t b, const std::string& where) {
  std::size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw InputError(where,
                     "the shape is too large for any machine; the file is damaged, write it "
                     "anew");
  }
  return product;
}

std::string lower_extension(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
  return extension;
}

}  // namespace latetime
