#include "figure_program.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t most_seeds = 1000;

std::uint64_t read_count(std::string_view text, const std::string& name) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most_seeds) {
    throw InputError(name,
                     fmt::format("\"{}\" is not a whole number from 1 to {}", text, most_seeds));
  }
  return value;
}

template <class Average>
Series drawn(const std::string& label, const std::string& color, const Spread& spread, Mark mark,
             const Average& average) {
  Series series{.label = label, .color = color, .mark = mark};
  const bool band = mark != Mark::dashed && mark != Mark::points;
  for (const auto& [x, values] : spread) {
    if (values.empty()) continue;
    series.x.push_back(x);
    series.y.push_back(average(values));
    if (!band) continue;
    series.low.push_back(*std::min_element(values.begin(), values.end()));
    series.high.push_back(*std::max_element(values.begin(), values.end()));
  }
  return series;
}

}  // namespace

FigureArguments read_figure_arguments(int argc, const char* const* argv,
                                      const FigureArguments& defaults) {
  FigureArguments arguments = defaults;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (name != "--out" && name != "--seeds") {
      throw InputError(name, "no such argument; there are --out DIR, --seeds N and --help");
    }
    if (i + 1 >= argc) throw InputError(name, "a value is missing after it");
    const std::string value = argv[++i];
    if (name == "--out") arguments.out = value;
    if (name == "--seeds") arguments.seeds = read_count(value, name);
  }
  std::error_code error;
  std::filesystem::create_directories(arguments.out, error);
  if (!std::filesystem::is_directory(arguments.out)) {
    throw InputError("--out", fmt::format("the folder \"{}\" cannot be made; choose another one",
                                          arguments.out));
  }
  return arguments;
}

void Table::add(const std::vector<std::string>& row) {
  text_ += join(row, ",") + "\n";
}

void Table::write(const std::string& folder, const std::string& name) const {
  replace_file(std::filesystem::path(folder) / name, text_);
}

Progress::Progress(std::string name)
    : name_(std::move(name)), enabled_(isatty(STDERR_FILENO) != 0) {}

void Progress::show(const std::string& stage, std::size_t done, std::size_t of) {
  if (!enabled_) return;
  fmt::print(stderr, "\r\x1b[K{}: {}, {} of {}, {:.0f} s", name_, stage, done, of, seconds());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

Series drawn_means(const std::string& label, const std::string& color, const Spread& spread,
                   Mark mark) {
  return drawn(label, color, spread, mark, mean);
}

Series drawn_medians(const std::string& label, const std::string& color, const Spread& spread) {
  return drawn(label, color, spread, Mark::joined_points, median);
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return std::nan("");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

}  // namespace latetime
