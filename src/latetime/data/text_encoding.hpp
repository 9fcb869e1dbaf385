#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace latetime {

/// `text` as UTF-8 without a byte order mark. UTF-16 of either byte order, as Excel's "Unicode
/// text" and Notepad write it, is known by its mark and converted into `storage`. Throws
/// InputError, naming `where`, for damaged UTF-16 and for bytes that are no text at all (NUL).
std::string_view utf8_text(std::string_view text, std::string& storage, const std::string& where);

/// Appends the character of a Unicode code point in UTF-8; false when it is none.
bool append_utf8(char32_t code_point, std::string& text);

}  // namespace latetime
