#include <sstream>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/report/training_overview.hpp"
#include "latetime/store/run_directory.hpp"
#include "limit_text.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct TrainArguments {
  std::string config;
  std::string out;
  std::vector<std::string> set;
  unsigned threads = default_threads();
  bool resume = false;
  bool quiet = false;
};

void print_summary(const TrainingSummary& summary, const std::string& picture) {
  const auto value = [&](const char* name) {
    const auto found = summary.last.find(name);
    return found == summary.last.end() || found->second.empty() ? std::string("-") : found->second;
  };
  const auto number = [&](const char* name) {
    const std::string text = value(name);
    return text == "-" ? text : brief(std::strtod(text.c_str(), nullptr), 5);
  };
  fmt::print("{} ({} kernels, {} records, {}, of these {} on measuring)\n",
             time_text(summary.outcome.time), summary.kernel, summary.records,
             duration_text(summary.seconds), duration_text(summary.measuring_seconds));
  if (!summary.last.empty()) {
    print_row("epoch", number("epoch"));
    print_row("log loss, training", number("log_loss"));
    print_row("error, training", number("train_error"));
    if (summary.no_test.empty()) {
      print_row("error, test", number("test_error"));
    } else {
      print_wrapped("error, test", "not measured: " + summary.no_test);
    }
    print_row("smallest margin", number("min_margin"));
    print_row("stable rank, all", number("stable_rank_all"));
    std::vector<std::string> groups;
    std::istringstream ranks(value("group_stable_ranks"));
    for (double rank = 0.0; ranks >> rank;) groups.push_back(brief(rank, 4));
    print_row("stable rank, groups", join(groups, "  "));
    print_row("norm of W", number("norm_w"));
  }
  print_row("look at", picture);
  print_row("in the same folder", "metrics.csv, result.h5, overview.svg");
}

int train(const TrainArguments& arguments) {
  const RunConfig config = arguments.config.empty()
                               ? parse_config("", "command line", ".", arguments.set)
                               : read_config(arguments.config, arguments.set);
  const auto lock = hold_results_folder(arguments.out);  // until the page is drawn
  watch_signals();
  ProgressLine progress("step", arguments.quiet);
  const RunSettings settings{
      .threads = arguments.threads,
      .resume = arguments.resume,
      .started = [&](const LogTime& first, const LogTime& last) { progress.begin(first, last); },
      .pulse =
          [&](const LogTime& time) {
            progress.update(time);
            return !stop_requested();
          }};
  const TrainingSummary summary = carry_out_training(config, arguments.out, settings);
  progress.clear();
  const RunDirectory directory = RunDirectory::open(arguments.out);
  const std::string overview = directory.file("overview.svg");
  std::string report;
  draw_finished_results(arguments.out, [&] {
    replace_file(overview, draw_training_overview(directory.file("metrics.csv")));
    if (summary.records > 0) report = renew_report(arguments.out);
  });
  if (!arguments.quiet) print_summary(summary, report.empty() ? overview : report);
  if (summary.outcome.reason == StopReason::reached_end) return done;
  if (summary.outcome.reason == StopReason::interrupted) {
    fmt::print(stderr, "latetime: stopped at {}; the same command with --resume goes on\n",
               time_text(summary.outcome.time));
    return interrupted;
  }
  fmt::print(stderr, "latetime: stopped at {}: {}\n", time_text(summary.outcome.time),
             summary.outcome.message);
  return stopped_early;
}

}  // namespace

void declare_train(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a classifier at image-set size: ten classes, other heads, float32");
  command->add_option("CONFIG", arguments->config,
                      "configuration file (TOML); without it, defaults");
  command->add_option("--out,-o", arguments->out, "folder for the results")
      ->required()
      ->check(not_empty());
  command->add_option("--set", arguments->set, "section.key=value: change one key (repeatable)")
      ->take_all()
      ->expected(1);
  command->add_option("--threads", arguments->threads, "threads; results do not depend on it")
      ->check(CLI::Range(1u, 1024u));
  command->add_flag("--resume", arguments->resume, "go on with the training in that folder");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "The configuration is that of latetime run (latetime run --help lists the keys). All of "
      "MNIST:\n"
      "  latetime train --out mnist --set data.source=mnist --set data.n=0 --set data.classes=all\n"
      "      --set network.head=trained --set network.width=1000 --set network.init_std=1e-5\n"
      "      --set descent.method=sgd --set descent.epochs=10\n"
      "Every record measures loss, error and margins on all training samples and stable ranks with "
      "a\n"
      "proved error, and error and loss on the test images. Ctrl-C stops; --resume goes on to the "
      "same\n"
      "bytes of DIR/metrics.csv.");
  command->callback([arguments, &action] { action = [arguments] { return train(*arguments); }; });
}

}  // namespace latetime::cli
