#include "latetime/experiment/toml_document.hpp"

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/toml_depth.hpp"

namespace latetime {

toml::table parse_toml(const std::string& text, const std::string& origin, const char* kind) {
  refuse_deep_keys(text, origin);
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    std::string problem(error.description());
    const auto says = [&](const char* words) { return problem.find(words) != problem.npos; };
    const bool too_large = says("could not be interpreted as a value") || says("not representable");
    const bool redefined = says("redefine");
    if (says("escape sequence") || says("hex digit")) {
      problem += "; write paths of Windows in single quotes, 'C:\\data\\X.npy', or with /";
    }
    if (too_large) problem += "; write large numbers of steps in quotes, such as \"1e1000\"";
    if (redefined) problem += "; name each key once";
    if (says("utf-8")) problem += fmt::format("; name {}", kind);
    throw InputError(fmt::format("{}:{}", origin, error.source().begin.line), problem);
  }
}

std::string with_line(const std::string& origin, const toml::node& node) {
  const auto line = node.source().begin.line;
  return line == 0 ? origin : fmt::format("{}:{}", origin, line);
}

}  // namespace latetime
