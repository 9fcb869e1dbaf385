#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "latetime/experiment/image_figure.hpp"
#include "latetime/report/image_figure.hpp"
#include "latetime/store/run_directory.hpp"
#include "limit_text.hpp"
#include "reproduce.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

ImageFigureOptions figure_options(const ReproduceArguments& arguments) {
  ImageFigureOptions options = image_figure(arguments.figure, arguments.quick);
  options.images = arguments.images;
  options.output_scale = arguments.output_scale;
  options.pixels = arguments.pixels;
  options.folder = arguments.folder;
  if (arguments.reading) options.reading = *arguments.reading;
  return options;
}

void print_table(const std::vector<ImageFigureRow>& rows, const ImageFigureOptions& options) {
  fmt::print("{}, {}, reading \"{}\"\nafter {} epochs, mean ± 3 standard deviations of {} runs\n",
             text_of(options.figure), text_of(options.images), text_of(options.reading),
             options.epochs, options.runs);
  const bool widths = options.widths.size() > 1;
  fmt::print("{:>11}  {:>17}  {:>17}  {:>21}\n", widths ? "width" : "initial std", "stable rank W",
             "mean of groups", "test error");
  const auto cell = [](const Spread& s) {
    return fmt::format("{:.3f} ± {:.3f}", s.mean, 3 * s.std);
  };
  for (const ImageFigureRow& row : rows) {
    if (row.epoch != static_cast<double>(options.epochs)) continue;
    fmt::print(
        "{:>11}  {:>17}  {:>17}  {:>21}\n",
        widths ? fmt::format("{}", row.width) : fmt::format("{:g}", row.init_std),
        cell(row.stable_rank), cell(row.group_stable_rank),
        fmt::format("{:.2f} ± {:.2f} %", 100 * row.test_error.mean, 300 * row.test_error.std));
  }
}

}  // namespace

int reproduce_images(const ReproduceArguments& arguments) {
  constexpr double unit = 1000.0;  // parts of the work that the progress line counts
  const ImageFigureOptions options = figure_options(arguments);
  watch_signals();
  const auto start = std::chrono::steady_clock::now();
  ProgressLine progress(word_of(options.figure) + ", permille", arguments.quiet);
  progress.begin(0, static_cast<std::uint64_t>(unit));
  const auto runs = run_image_figure(
      options, arguments.out, arguments.threads, [&](double done_work, double total) {
        progress.update(static_cast<std::uint64_t>(unit * done_work / total));
        return !stop_requested();
      });
  progress.clear();
  if (runs.empty()) {
    fmt::print(stderr, "latetime: stopped; the same command goes on with the runs that are left\n");
    return interrupted;
  }
  const auto rows = summarize(runs);
  const auto file = [&](const std::string& suffix) {
    return (std::filesystem::path(arguments.out) / (word_of(options.figure) + suffix)).string();
  };
  replace_file(file("_runs.csv"), image_runs_csv(runs));
  replace_file(file(".csv"), image_figure_csv(rows));
  if (!arguments.quiet) {
    if (arguments.quick) {
      print_wrapped("quick look", quick_text(options));
    }
    print_table(rows, options);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{} runs in {}\n", runs.size(), duration_text(seconds));
  }
  finish_figure(arguments, image_figure_toml(options), draw_image_figure(file(".csv")),
                fmt::format("{0}.csv, {0}_runs.csv, {0}_runs/", text_of(options.figure)));
  return done;
}

}  // namespace latetime::cli
