#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace latetime {

/// Bytes of the UTF-8 character at the start of `text` (RFC 3629); 0 when there is none, or when it
/// is a control character.
std::size_t character_length(std::string_view text);

/// `text` as one line of valid UTF-8: control characters, and bytes that are no UTF-8, become \xNN.
std::string one_line(std::string_view text);

/// Input that the user can mend: a file, a config key or a command-line argument. `what()` is one
/// line that names the place, what is wrong and the mend, whatever names and fields of a damaged
/// file it quotes. The command line turns it into exit code 2, Python into `ValueError`.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : std::runtime_error(one_line(message)) {}

  /// "WHERE: what is wrong; how to mend it".
  InputError(const std::string& where, const std::string& problem)
      : InputError(where + ": " + problem) {}
};

/// A path that the file system refuses (too long, no folder on the way), as input to mend.
InputError unusable_path(const std::filesystem::filesystem_error& error);

}  // namespace latetime
