#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/experiment/figure1.hpp"
#include "latetime/report/figure1.hpp"
#include "latetime/report/report_page.hpp"
#include "latetime/report/tables_json.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/results_place.hpp"
#include "latetime/store/run_directory.hpp"
#include "limit_text.hpp"
#include "python_figures.hpp"
#include "reproduce.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

void print_table(const std::vector<Figure1Summary>& summary, const Figure1Options& options) {
  fmt::print("after {} epochs, mean ± 3 standard deviations of {} runs\n", options.epochs,
             options.runs);
  fmt::print("{:>5}  {:>16}  {:>16}  {:>16}  {:>16}\n", "slope", "stable rank W+", "stable rank W-",
             "stable rank W", "loss");
  const auto cell = [](const Spread& s) {
    return fmt::format("{:.4g} ± {:.2g}", s.mean, 3 * s.std);
  };
  for (const auto& row : summary) {
    if (row.epoch != options.epochs) continue;
    fmt::print("{:>5}  {:>16}  {:>16}  {:>16}  {:>16}\n", row.slope, cell(row.stable_rank_pos),
               cell(row.stable_rank_neg), cell(row.stable_rank_all), cell(row.loss));
  }
}

int reproduce_figure1(const ReproduceArguments& arguments) {
  const Figure1Options options = arguments.quick ? quick_figure1() : Figure1Options{};
  const bool of_images = arguments.reading || arguments.output_scale != OutputScale::automatic ||
                         !arguments.folder.empty() || arguments.images != ImageSetName::mnist ||
                         arguments.pixels != PixelScaling::unit;
  if (of_images && !arguments.of_all) {
    throw InputError("reproduce fig1",
                     "is on synthetic data: --images, --reading, --output-scale, --pixels and "
                     "--folder are for fig2 to fig5; leave them out");
  }
  require_no_run(arguments.out);
  make_results_folder(arguments.out);
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
  if (!arguments.quiet) {
    if (arguments.quick) {
      print_wrapped("quick look", quick_text(options));
    }
    print_table(summary, options);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{} runs in {}\n", points.size() / (static_cast<std::size_t>(options.epochs) + 1),
               duration_text(seconds));
  }
  finish_figure(arguments, figure1_settings(options), draw_figure1(file("fig1.csv")),
                "fig1.csv, fig1_runs.csv");
  return done;
}

/// The report will show every figure in the folder: a damaged one is found before the work.
void require_sound_neighbours(const ReproduceArguments& arguments) {
  if (!can_make_reports()) return;
  for (const PaperFigure figure : paper_figures_in(arguments.out)) {
    if (arguments.all || figure != arguments.figure)
      paper_figure_json(arguments.out, figure);  // throws
  }
}

int reproduce(const ReproduceArguments& arguments) {
  const auto lock = hold_results_folder(arguments.out);
  require_sound_neighbours(arguments);
  if (!arguments.all) {
    return arguments.figure == PaperFigure::fig1 ? reproduce_figure1(arguments)
                                                 : reproduce_images(arguments);
  }
  for (const auto& [figure, name] : ChoiceTable<PaperFigure>::words) {
    ReproduceArguments one = arguments;
    one.figure = figure;
    one.all = false;
    one.of_all = true;
    if (const int code = reproduce(one); code != done) return code;
  }
  return done;
}

}  // namespace

std::string command_of(const ReproduceArguments& arguments) {
  std::string command = "latetime reproduce " + word_of(arguments.figure);
  if (arguments.quick) command += " --quick";
  if (arguments.figure != PaperFigure::fig1) {
    if (arguments.images != ImageSetName::mnist)
      command += " --images " + word_of(arguments.images);
    if (arguments.reading) command += " --reading " + word_of(*arguments.reading);
    if (arguments.output_scale != OutputScale::automatic) {
      command += " --output-scale " + shell_word(word_of(arguments.output_scale));
    }
    if (arguments.pixels != PixelScaling::unit) command += " --pixels " + word_of(arguments.pixels);
    if (!arguments.folder.empty()) command += " --folder " + shell_word(arguments.folder);
  }
  return command + " --out " + shell_word(arguments.out);
}

void finish_figure(const ReproduceArguments& arguments, const std::string& settings,
                   const std::string& picture, const std::string& tables) {
  const auto file = [&](const std::string& name) {
    return (std::filesystem::path(arguments.out) / name).string();
  };
  const std::string figure = word_of(arguments.figure);
  std::string report;
  draw_finished_results(arguments.out, [&] {
    replace_file(file(figure + ".toml"), "# " + command_of(arguments) + "\n" + settings);
    replace_file(file(figure + ".svg"), picture);
    report = renew_report(arguments.out);
  });
  if (!arguments.quiet) {
    fmt::print("  {:<20}{}\n", "look at", report.empty() ? file(figure + ".svg") : report);
    fmt::print("  {:<20}{}\n", "in the same folder",
               fmt::format("{0}.svg, {0}.toml, {1}", figure, tables));
  }
  draw_with_python(arguments.out, figure, arguments.quiet);
}

namespace {

constexpr const char* figures_all = "all";

constexpr const char* reproduce_footer =
    "fig1: n = 10 samples of the Gaussian mixture in d = 784, m = 100 neurons a class, SGD with\n"
    "batch size 64 (so all 10 at once) and learning rate 0.1, 50 epochs, slopes 0 to 1, 5 "
    "seeds.\n"
    "The paper does not state the standard deviation of the initial weights; here it is 1e-3.\n\n"
    "fig2 (ReLU) and fig3 (slope 0.1): all of MNIST, batch size 64, learning rate 0.1, 10 "
    "epochs,\n"
    "width 1000, standard deviations 1e-5 to 1e-3 of the initial weights, 5 seeds.\n"
    "fig4 (ReLU) and fig5 (slope 0.1): the same at 1e-5 for widths 10 to 1000.\n"
    "The paper does not say how one output tells ten digits. --reading chooses:\n"
    "  groups     ten groups of m neurons, softmax cross-entropy (fig2, fig3)\n"
    "  two-class  even against odd digits, the paper's network itself\n"
    "  trained    m neurons and a trained linear output layer (fig4, fig5)\n"
    "--output-scale: 1/m for groups and two-class, 1 for trained, unless it is given.\n"
    "Seeds draw weights and batches; with --quick all runs train on the images that seed 1 "
    "draws.\n"
    "Finished runs are kept in DIR/FIGURE_runs: the same command goes on after a kill.";

/// An option that takes one of `words`, those of the table unless others are given.
template <Choice Enum>
CLI::Option* add_choice(CLI::Option_group* group, const char* name,
                        const std::function<void(Enum)>& take, const char* help,
                        const std::vector<std::string>& words = words_of<Enum>()) {
  return group
      ->add_option_function<std::string>(
          name, [take](const std::string& word) { take(*choice_of<Enum>(word)); }, help)
      ->check(CLI::IsMember(words));
}

}  // namespace

void declare_reproduce(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ReproduceArguments>();
  CLI::App* command =
      app.add_subcommand("reproduce", "Make a figure of the paper: data, tables, pictures, report");
  std::vector<std::string> figures = words_of<PaperFigure>();
  figures.emplace_back("all");
  command
      ->add_option_function<std::string>(
          "FIGURE",
          [arguments](const std::string& word) {
            arguments->all = word == figures_all;
            if (!arguments->all) arguments->figure = *choice_of<PaperFigure>(word);
          },
          "fig1 ... fig5, or all")
      ->required()
      ->check(CLI::IsMember(figures));
  command->add_option("--out,-o", arguments->out, "folder for the results")
      ->required()
      ->check(not_empty());
  command->add_option("--threads", arguments->threads, "threads; results do not depend on it")
      ->check(CLI::Range(1u, 1024u));
  command->add_flag("--quick", arguments->quick,
                    "fewer variants, runs, epochs and images; says so");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  CLI::Option_group* images = command->add_option_group("Figures 2 to 5");
  add_choice<ImageSetName>(
      images, "--images", [arguments](ImageSetName name) { arguments->images = name; }, "image set")
      ->default_str(word_of(arguments->images));
  add_choice<FigureReading>(
      images, "--reading", [arguments](FigureReading reading) { arguments->reading = reading; },
      "how the network tells the classes");
  std::vector<std::string> scales = words_of<OutputScale>();
  std::erase(scales, word_of(OutputScale::automatic));  // it stands for none being given
  add_choice<OutputScale>(
      images, "--output-scale", [arguments](OutputScale scale) { arguments->output_scale = scale; },
      "factor before the sum of neurons", scales);
  add_choice<PixelScaling>(
      images, "--pixels", [arguments](PixelScaling pixels) { arguments->pixels = pixels; },
      "unit: [0, 1]; standardized: mean 0, variance 1")
      ->default_str(word_of(arguments->pixels));
  images->add_option("--folder", arguments->folder,
                     "folder of the IDX files; without it, the cache");
  command->footer(reproduce_footer);
  command->callback(
      [arguments, &action] { action = [arguments] { return reproduce(*arguments); }; });
}

}  // namespace latetime::cli
