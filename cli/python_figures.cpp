#include "python_figures.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "latetime/base/names.hpp"
#include "terminal.hpp"

#ifndef LATETIME_PYTHON  // built without the Python package: it may be installed all the same
#define LATETIME_PYTHON "python3"
#define LATETIME_PYTHON_PATH ""
#endif

namespace latetime::cli {
namespace {

/// The command, with `gap` between what is set for it and itself.
std::string command(const std::string& folder, const char* gap = " ") {
  const std::string path = LATETIME_PYTHON_PATH;
  return fmt::format("{}{} -m latetime.figures {}",
                     path.empty() ? "" : "PYTHONPATH=" + shell_word(path) + gap,
                     shell_word(LATETIME_PYTHON), shell_word(folder));
}

bool runs(const std::string& line) {
  return std::system((line + " >/dev/null 2>&1 </dev/null").c_str()) == 0;
}

}  // namespace

void draw_with_python(const std::string& folder, const std::string& figure, bool quiet) {
  const bool pictures = runs(command(folder));
  if (quiet) return;
  const char* gap = " \\\n    ";
  if (pictures) {
    const std::string name = "figure" + figure.substr(std::string("fig").size());
    fmt::print("  {:<20}{}\n", "by matplotlib", fmt::format("{0}.pdf, {0}.svg, {0}.png", name));
  }
  fmt::print("{}:\n  {}\n",
             pictures ? "to draw these again (--width column for one column)"
                      : "to draw with matplotlib (needs latetime's Python package)",
             command(folder, gap));
}

}  // namespace latetime::cli
