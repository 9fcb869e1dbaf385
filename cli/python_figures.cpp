#include "python_figures.hpp"

#include <array>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

#ifndef LATETIME_PYTHON  // built without the Python package: it may be installed all the same
#define LATETIME_PYTHON "python3"
#define LATETIME_PYTHON_PATH ""
#endif

namespace latetime::cli {
namespace {

/// A word of a shell command, whatever it holds.
std::string quoted(const std::string& word) {
  const bool plain = word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-./+") == std::string::npos;
  if (plain && !word.empty()) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command(const std::string& folder) {
  const std::string path = LATETIME_PYTHON_PATH;
  return fmt::format("{}{} -m latetime.figures {}",
                     path.empty() ? "" : "PYTHONPATH=" + quoted(path) + " ",
                     quoted(LATETIME_PYTHON), quoted(folder));
}

/// What that command prints; nothing when it fails.
std::optional<std::string> output_of(const std::string& line) {
  std::FILE* pipe = popen((line + " 2>/dev/null </dev/null").c_str(), "r");
  if (!pipe) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), count);
  }
  return pclose(pipe) == 0 ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace

void draw_with_python(const std::string& folder, bool quiet) {
  const auto pictures = output_of(command(folder));
  if (quiet) return;
  if (pictures) {
    fmt::print("by matplotlib: {}for one column: {} --width column\n", *pictures, command(folder));
  } else {
    fmt::print("to draw it with matplotlib (needs latetime's Python package): {}\n",
               command(folder));
  }
}

}  // namespace latetime::cli
