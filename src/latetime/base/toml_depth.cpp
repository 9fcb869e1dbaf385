#include "latetime/base/toml_depth.hpp"

#include <algorithm>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// Where the text or comment that begins at `at` ends, behind its last mark; `at` where none begins
/// there. Texts of one line end with it at the latest: what follows is refused by any parser.
std::size_t end_of_text(std::string_view toml, std::size_t at) {
  const char mark = toml[at];
  if (mark == '#') return std::min(toml.find('\n', at), toml.size());
  if (mark != '"' && mark != '\'') return at;
  const bool long_text = toml.substr(at, 3) == std::string(3, mark);
  const std::string end(long_text ? 3 : 1, mark);
  for (at += end.size(); at < toml.size(); ++at) {
    if (mark == '"' && toml[at] == '\\') {
      ++at;
    } else if (!long_text && toml[at] == '\n') {
      return at;
    } else if (toml.substr(at, end.size()) == end) {
      at += end.size();  // of five marks, the first two belong to a long text
      for (int i = 0; long_text && i < 2 && at < toml.size() && toml[at] == mark; ++i) ++at;
      return at;
    }
  }
  return toml.size();
}

}  // namespace

void refuse_deep_keys(std::string_view toml, const std::string& where) {
  constexpr std::size_t most_dots = 2000;  // a line; a key cannot be longer than its line
  std::size_t line = 1, dots = 0;
  for (std::size_t at = 0; at < toml.size();) {
    const std::size_t end = end_of_text(toml, at);
    line += static_cast<std::size_t>(std::count(toml.data() + at, toml.data() + end, '\n'));
    if (end > at) {
      at = end;
      continue;
    }
    if (toml[at] == '\n') {
      ++line;
      dots = 0;
    } else if (toml[at] == '.' && ++dots > most_dots) {
      throw InputError(where + ":" + std::to_string(line),
                       "holds a key of thousands of parts; write keys as section.key");
    }
    ++at;
  }
}

}  // namespace latetime
