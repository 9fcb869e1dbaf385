#include <cstdio>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/report/run_overview.hpp"
#include "latetime/store/run_directory.hpp"
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

std::string rank_text(const StableRank& rank) {
  return rank.excess < 1e-3 ? fmt::format("1 + {}", brief(rank.excess, 4)) : brief(rank.value, 6);
}

std::string time_text(const LogTime& time) {
  return time.step() ? fmt::format("step {}", *time.step())
                     : fmt::format("t = {}", decades_text(time, 4));
}

void print_summary(const RunSummary& summary, const RunConfig& config, const std::string& out) {
  const Measures& m = summary.last.measures;
  const auto row = [](const char* name, const std::string& value) {
    fmt::print("  {:<24}{}\n", name, value);
  };
  fmt::print("{} ({} engine, {} records, {})\n", time_text(summary.outcome.time), summary.engine,
             summary.records, duration_text(summary.seconds));
  if (m.active_own.size() == 0) return;  // nothing recorded in this part
  row("log loss", brief(m.log_loss, 8));
  row("smallest margin",
      fmt::format("{}  (normalised {})", brief(m.min_margin, 6), brief(m.normalized_margin, 5)));
  row("stable rank W+, W-, W",
      fmt::format("{},  {},  {}", rank_text(m.stable_ranks[0]), rank_text(m.stable_ranks[1]),
                  rank_text(m.stable_ranks[2])));
  row("norm of W", brief(m.norm_w, 6));
  row("KKT residual", brief(m.kkt.residual, 4));
  const SwitchCounts& s = summary.last.switches;
  if (s.counted) {
    row("activation switches", fmt::format("{} own-class, {} other-class", s.own, s.other));
    row("switched in last decade", fmt::format("{} of {} pairs", summary.last.switching_pairs,
                                               2 * config.network.width * m.active_own.size()));
  }
  const Record& last = summary.last;
  if (last.sliding_pairs > 0) row("sliding pairs", fmt::format("{}", last.sliding_pairs));
  if (last.error_estimate > 0) {
    row("error estimate", fmt::format("{}  ({} undecided events)", brief(last.error_estimate, 3),
                                      last.undecided_events));
  }
  row("active |S_i|, m", fmt::format("{} to {} of {}", m.active_own.minCoeff(),
                                     m.active_own.maxCoeff(), config.network.width));
  row("dead neurons", fmt::format("{}", m.dead_neurons));
  fmt::print("results: {0}/overview.svg  {0}/metrics.csv  {0}/result.h5\n", out);
}

int run(const RunArguments& arguments) {
  const RunConfig config = arguments.config.empty()
                               ? parse_config("", "command line", ".", arguments.set)
                               : read_config(arguments.config, arguments.set);
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
  const RunSummary summary = carry_out_run(config, arguments.out, settings);
  progress.clear();
  const RunDirectory directory = RunDirectory::open(arguments.out);
  replace_file(directory.file("overview.svg"), draw_run_overview(directory.file("metrics.csv")));
  if (!arguments.quiet) print_summary(summary, config, arguments.out);
  switch (summary.outcome.reason) {
    case StopReason::reached_end:
      return done;
    case StopReason::interrupted:
      fmt::print(stderr, "latetime: stopped at {}; the same command with --resume goes on\n",
                 time_text(summary.outcome.time));
      return interrupted;
    case StopReason::not_finite:
    case StopReason::not_separated:
    case StopReason::not_late:
    case StopReason::flow_failed:
      fmt::print(stderr, "latetime: stopped at {}: {}\n", time_text(summary.outcome.time),
                 summary.outcome.message);
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
  command->add_option("--out,-o", arguments->out, "folder for the results")->required();
  command->add_option("--set", arguments->set, "section.key=value: change one key (repeatable)")
      ->take_all()
      ->expected(1);
  command->add_option("--threads", arguments->threads, "threads; results do not depend on it")
      ->check(CLI::Range(1u, 1024u));
  command->add_flag("--resume", arguments->resume, "go on with the run in that folder");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "Writes DIR/metrics.csv (a row a record), DIR/result.h5 (arrays), DIR/config.toml (complete) "
      "and\n"
      "DIR/overview.svg.\n"
      "Ctrl-C stops a run; the same command with --resume goes on to the same bytes.\n\n" +
      config_help());
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace latetime::cli
