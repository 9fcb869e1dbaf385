#include "latetime/data/text_encoding.hpp"

#include <optional>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

bool is_high_surrogate(char32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}

bool is_low_surrogate(char32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

/// UTF-16 units without a byte order mark, as UTF-8; nullopt when they are damaged.
std::optional<std::string> from_utf16(std::string_view bytes, bool big_endian) {
  if (bytes.size() % 2 != 0) return std::nullopt;
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<char32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string text;
  text.reserve(bytes.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t point = unit(i);
    if (is_high_surrogate(point) && i + 2 < bytes.size() && is_low_surrogate(unit(i + 2))) {
      point = 0x10000 + ((point - 0xd800) << 10) + (unit(i + 2) - 0xdc00);
      i += 2;
    }
    if (point == 0 || !append_utf8(point, text)) return std::nullopt;
  }
  return text;
}

}  // namespace

bool append_utf8(char32_t point, std::string& text) {
  if (point >= 0x110000 || is_high_surrogate(point) || is_low_surrogate(point)) return false;
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  const auto add_tail = [&](unsigned shift) { add(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xc0 | point >> 6);
    add_tail(0);
  } else if (point < 0x10000) {
    add(0xe0 | point >> 12);
    add_tail(6);
    add_tail(0);
  } else {
    add(0xf0 | point >> 18);
    add_tail(12);
    add_tail(6);
    add_tail(0);
  }
  return true;
}

std::string_view utf8_text(std::string_view text, std::string& storage, const std::string& where) {
  constexpr std::string_view utf8_mark = "\xef\xbb\xbf", little = "\xff\xfe", big = "\xfe\xff";
  if (text.starts_with(little) || text.starts_with(big)) {
    auto converted = from_utf16(text.substr(2), text.starts_with(big));
    if (!converted) {
      throw InputError(where, "begins like UTF-16 text but is none; save it as UTF-8 text");
    }
    storage = *std::move(converted);
    return storage;
  }
  if (text.starts_with(utf8_mark)) text.remove_prefix(utf8_mark.size());
  if (text.find('\0') != std::string_view::npos) {
    throw InputError(where, "holds NUL bytes, so it is no text, or UTF-16; save it as UTF-8 text");
  }
  return text;
}

}  // namespace latetime
