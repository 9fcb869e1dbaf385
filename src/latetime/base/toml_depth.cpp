#include "latetime/base/toml_depth.hpp"

#include "latetime/base/error.hpp"

namespace latetime {

void refuse_deep_keys(std::string_view toml, const std::string& where) {
  constexpr std::size_t most_dots = 2000;  // a line; a key cannot be longer than its line
  std::size_t line = 1, dots = 0;
  char quote = '\0';
  for (const char c : toml) {
    if (c == '\n') {
      ++line;
      dots = 0;
      quote = '\0';
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '.' && ++dots > most_dots) {
      throw InputError(where + ":" + std::to_string(line),
                       "holds a key of thousands of parts; write keys as section.key");
    }
  }
}

}  // namespace latetime
