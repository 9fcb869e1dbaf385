#include "latetime/base/error.hpp"

#include <fmt/format.h>

namespace latetime {

std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  // The second byte also tells controls (U+0080 to U+009F), overlong forms, surrogates, and what
  // lies beyond U+10FFFF.
  if (first >= 0xc2 && first < 0xe0) {
    return follows(1) && (first > 0xc2 || second >= 0xa0) ? 2 : 0;
  }
  if (first >= 0xe0 && first < 0xf0) {
    const bool sound = (first > 0xe0 || second >= 0xa0) && (first != 0xed || second < 0xa0);
    return sound && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool sound = (first > 0xf0 || second >= 0x90) && (first < 0xf4 || second < 0x90);
    return sound && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length > 0) {
      line += text.substr(0, length);
    } else {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return line;
}

InputError unusable_path(const std::filesystem::filesystem_error& error) {
  return {
      error.path1().string(),
      fmt::format("cannot be used ({}); check the path, or name another", error.code().message())};
}

}  // namespace latetime
