#pragma once

#include <string>
#include <string_view>

// Names of files and folders, for people and shells.

namespace latetime {

/// `word` as a POSIX shell reads it back: in quotes where it needs them.
std::string shell_word(const std::string& word);

/// Whether the bytes are UTF-8 (RFC 3629: no surrogates, nothing overlong).
bool is_utf8(std::string_view bytes);

}  // namespace latetime
