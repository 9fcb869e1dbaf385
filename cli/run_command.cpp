#include <cstdio>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/report/run_overview.hpp"
#include "latetime/store/run_directory.hpp"
#include "limit_text.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct RunArguments {
  std::string config;
  std::string out;
  std::vector<std::string> set;
  unsigned threads = default_threads();
  bool resume = false;
  bool quiet = false;
};

void print_last_record(const Record& last, const RunConfig& config) {
  const Measures& m = last.measures;
  print_row("log loss", brief(m.log_loss, 8));
  print_row("smallest margin", fmt::format("{}  (normalised {})", brief(m.min_margin, 6),
                                           brief(m.normalized_margin, 5)));
  print_ranks(m.stable_ranks);
  if (m.collapse) print_collapse(*m.collapse);
  print_row("norm of W", brief(m.norm_w, 6));
  print_row("KKT residual", brief(m.kkt.residual, 4));
  const SwitchCounts& s = last.switches;
  if (config.descent.method == Method::stochastic) {
    print_row("activation switches", "not counted where steps take batches");
  } else if (s.counted) {
    print_row("activation switches", fmt::format("{} own-class, {} other-class", s.own, s.other));
    print_row("switched in last decade",
              fmt::format("{} of {} pairs", last.switching_pairs,
                          last.groups() * config.network.width * m.active_own.size()));
  }
  if (last.sliding_pairs > 0) print_row("sliding pairs", fmt::format("{}", last.sliding_pairs));
  if (last.error_estimate > 0) {
    print_row("error estimate", fmt::format("{}  ({} undecided events)",
                                            brief(last.error_estimate, 3), last.undecided_events));
  }
  print_row("active |S_i|, m", fmt::format("{} to {} of {}", m.active_own.minCoeff(),
                                           m.active_own.maxCoeff(), config.network.width));
  print_row("dead neurons",
            fmt::format("{} of {}", m.dead_neurons, last.groups() * config.network.width));
}

void print_summary(const RunSummary& summary, const RunConfig& config, const std::string& report) {
  fmt::print("{} ({} engine, {} records, {})\n",
             inked(Ink::bold, time_text(summary.outcome.time), stdout), text_of(summary.engine),
             summary.records, duration_text(summary.seconds));
  for (const std::string& note : summary.notes) {
    print_wrapped("note", note);
  }
  if (summary.last.measures.active_own.size() > 0) print_last_record(summary.last, config);
  if (summary.last.errors) print_errors(*summary.last.errors);
  if (summary.limit) print_limit_section(*summary.limit);
  fmt::print("{}\n", inked(Ink::bold, "results", stdout));
  print_row("look at", report);
  print_row("in the same folder", "metrics.csv, result.h5, overview.svg");
}

/// Draws what the folder holds; the file to look at.
std::string draw_results(const RunSummary& summary, const std::string& out) {
  const RunDirectory directory = RunDirectory::open(out);
  const std::string overview = directory.file("overview.svg");
  std::string report;
  draw_finished_results(out, [&] {
    replace_file(overview, draw_run_overview(directory.file("metrics.csv")));
    // Pages are of runs of two classes.
    if (summary.records > 0 && summary.last.groups() == 2) report = renew_report(out);
  });
  return report.empty() ? overview : report;
}

int run(const RunArguments& arguments) {
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
      .engine_changed = [&](EngineKind engine,
                            const LogTime& time) { progress.use_engine(engine, time); },
      .pulse =
          [&](const LogTime& time) {
            progress.update(time);
            return !stop_requested();
          }};
  const RunSummary summary = carry_out_run(config, arguments.out, settings);
  progress.clear();
  const std::string report = draw_results(summary, arguments.out);
  if (!arguments.quiet) print_summary(summary, config, report);
  switch (summary.outcome.reason) {
    case StopReason::reached_end:
      return done;
    case StopReason::interrupted:
      fmt::print(stderr, "{} stopped at {}; the same command with --resume goes on\n",
                 inked(Ink::warning, "latetime:", stderr), time_text(summary.outcome.time));
      return interrupted;
    case StopReason::not_finite:
    case StopReason::not_separated:
    case StopReason::not_separated_so_far:
    case StopReason::not_late:
    case StopReason::flow_failed:
      fmt::print(stderr, "{} stopped at {}: {}\n", inked(Ink::warning, "latetime:", stderr),
                 time_text(summary.outcome.time), summary.outcome.message);
      return stopped_early;
  }
  return stopped_early;
}

}  // namespace

unsigned default_threads() {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores ? cores : 1;
}

std::string config_help() {
  std::string text =
      "Configuration keys, their defaults and meanings (CONFIG is a TOML file of these):\n";
  std::string section;
  for (const FieldDescription& field : describe_fields()) {
    if (field.section != section) {
      section = field.section;
      text += fmt::format("\n  [{}]\n", section);
    }
    text += fmt::format("  {:<34} {}\n", field.key + " = " + field.default_value, field.meaning);
  }
  return text;
}

void declare_run(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", "Train a network and record what it does");
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
  command->add_flag("--resume", arguments->resume, "go on with the run in that folder");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "Writes DIR/report.html (look at it in a browser), DIR/metrics.csv (a row a record),\n"
      "DIR/result.h5 (arrays), DIR/config.toml (complete) and DIR/overview.svg.\n"
      "Ctrl-C stops a run; the same command with --resume goes on to the same bytes.\n\n" +
      config_help());
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace latetime::cli
