#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/experiment/figure1.hpp"
#include "latetime/report/figure1.hpp"
#include "latetime/store/run_directory.hpp"
#include "python_figures.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct ReproduceArguments {
  std::string figure;
  std::string out;
  unsigned threads = default_threads();
  bool quick = false;
  bool quiet = false;
};

void print_table(const std::vector<Figure1Summary>& summary, const Figure1Options& options) {
  fmt::print("after {} epochs, mean ± 3 standard deviations of {} runs\n", options.epochs,
             options.runs);
  fmt::print("{:>6}  {:>18}  {:>18}  {:>18}  {:>19}\n", "slope", "stable rank W+", "stable rank W-",
             "stable rank W", "loss");
  const auto cell = [](const Spread& s) {
    return fmt::format("{:.4f} ± {:.4f}", s.mean, 3 * s.std);
  };
  for (const auto& row : summary) {
    if (row.epoch != options.epochs) continue;
    fmt::print("{:>6}  {:>18}  {:>18}  {:>18}  {:>19}\n", row.slope, cell(row.stable_rank_pos),
               cell(row.stable_rank_neg), cell(row.stable_rank_all), cell(row.loss));
  }
}

int reproduce(const ReproduceArguments& arguments) {
  const Figure1Options options = arguments.quick ? quick_figure1() : Figure1Options{};
  std::error_code error;
  std::filesystem::create_directories(arguments.out, error);
  if (error) {
    throw InputError(arguments.out, fmt::format("cannot be made ({}); choose a folder that you may "
                                                "write to",
                                                error.message()));
  }
  const auto file = [&](const char* name) {
    return (std::filesystem::path(arguments.out) / name).string();
  };
  replace_file(file("fig1.csv"), "");  // fails now rather than after the work
  std::filesystem::remove(file("fig1.csv"));

  watch_signals();
  const auto start = std::chrono::steady_clock::now();
  ProgressLine progress("run", arguments.quiet);
  progress.begin(0, options.slopes.size() * static_cast<std::size_t>(options.runs));
  const auto points =
      run_figure1(options, arguments.threads, [&](std::size_t finished, std::size_t) {
        progress.update(finished);
        return !stop_requested();
      });
  progress.clear();
  if (points.empty()) return interrupted;
  const auto summary = summarize(points);
  replace_file(file("fig1_runs.csv"), figure1_runs_csv(points));
  replace_file(file("fig1.csv"), figure1_csv(summary));
  replace_file(file("fig1.svg"), draw_figure1(file("fig1.csv")));
  if (arguments.quiet) {
    draw_with_python(arguments.out, true);
    return done;
  }
  if (arguments.quick) {
    fmt::print("quick look: {} slopes and {} runs instead of 11 and 5\n", options.slopes.size(),
               options.runs);
  }
  print_table(summary, options);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} runs in {}: {}  {}  {}\n",
             points.size() / (static_cast<std::size_t>(options.epochs) + 1), duration_text(seconds),
             file("fig1.svg"), file("fig1.csv"), file("fig1_runs.csv"));
  draw_with_python(arguments.out, false);
  return done;
}

}  // namespace

void declare_reproduce(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ReproduceArguments>();
  CLI::App* command =
      app.add_subcommand("reproduce", "Make a figure of the paper: data, table, CSV and SVG");
  command->add_option("FIGURE", arguments->figure, "fig1")
      ->required()
      ->check(CLI::IsMember({"fig1"}));
  command->add_option("--out,-o", arguments->out, "folder for the results")->required();
  command->add_option("--threads", arguments->threads, "threads; results do not depend on it")
      ->check(CLI::Range(1u, 1024u));
  command->add_flag("--quick", arguments->quick, "fewer slopes and runs; says so");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "fig1: n = 10 samples of the Gaussian mixture in d = 784, m = 100 neurons a class, SGD with\n"
      "batch size 64 (so all 10 at once) and learning rate 0.1, 50 epochs, slopes 0 to 1, 5 "
      "seeds.\n"
      "The paper does not state the standard deviation of the initial weights; here it is 1e-3.");
  command->callback(
      [arguments, &action] { action = [arguments] { return reproduce(*arguments); }; });
}

}  // namespace latetime::cli
