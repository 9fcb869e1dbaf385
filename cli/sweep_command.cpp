#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/sweep/sweep.hpp"
#include "latetime/sweep/sweep_files.hpp"
#include "limit_text.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct SweepArguments {
  std::string file;
  std::string out;
  std::string shard;
  std::vector<std::string> merge;
  unsigned jobs = default_threads();
  bool resume = false;
  bool dry_run = false;
  bool quiet = false;
};

/// How points ended, most frequent first as the words are listed: "298 reached-end, 2 not-late".
std::string outcomes_text(const SweepSummary& summary) {
  std::string text;
  for (const std::string& word : outcome_words()) {
    const auto found = summary.outcomes.find(word);
    if (found == summary.outcomes.end()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, word);
  }
  return text;
}

/// Where not every jump could be followed.
void tell_exhausted(const SweepSummary& summary) {
  if (!summary.exhausted) return;
  fmt::print(
      stderr,
      "{} {} points are all that refine.most_points allows, and jumps are left; raise it and "
      "go on with --resume\n",
      inked(Ink::warning, "latetime:", stderr), summary.points);
}

void print_summary(const SweepSummary& summary, const std::string& out) {
  const SweepProgress& progress = summary.progress;
  fmt::print(
      "{} ({} made in {}, {} known before)\n",
      inked(Ink::bold, fmt::format("{} of {} points", progress.finished(), progress.total), stdout),
      progress.made, duration_text(summary.seconds), progress.known);
  if (!summary.outcomes.empty()) print_row("outcomes", outcomes_text(summary));
  if (!summary.first_problem.empty()) print_wrapped("a problem", summary.first_problem);
  for (const std::string& file : summary.files) {
    print_row(file == sweep_nc_name ? "xarray.open_dataset" : "a row a point",
              (std::filesystem::path(out) / file).string());
  }
}

/// What is still to be made, as a command.
int tell_missing(const SweepSummary& summary, const std::string& out) {
  const auto missing = summary.outcomes.find("missing");
  if (missing == summary.outcomes.end()) return done;
  fmt::print(stderr,
             "{} {} of {} points are missing; latetime sweep {} --out {} --resume makes "
             "them\n",
             inked(Ink::warning, "latetime:", stderr), missing->second, summary.progress.total,
             shell_word((std::filesystem::path(out) / sweep_toml_name).string()), shell_word(out));
  return stopped_early;
}

int merge(const SweepArguments& arguments) {
  if (!arguments.file.empty() || !arguments.shard.empty() || arguments.dry_run ||
      arguments.resume) {
    throw InputError("--merge",
                     "gathers points that are there: leave out SWEEP.toml, --shard, "
                     "--dry-run and --resume");
  }
  const std::string out = arguments.out.empty() ? arguments.merge.front() : arguments.out;
  const SweepSummary summary = merge_sweeps(arguments.merge, out);
  if (!arguments.quiet) print_summary(summary, out);
  return tell_missing(summary, out);
}

int dry_run(const SweepArguments& arguments, const SweepPlan& plan) {
  constexpr double most_seconds = 5.0;
  watch_signals();
  const SweepEstimate estimate =
      estimate_sweep(plan, arguments.out, most_seconds, [] { return !stop_requested(); });
  if (stop_requested()) return interrupted;
  const char* kind = plan.definition().refine ? " to begin with" : "";
  fmt::print("{}\n", inked(Ink::bold, fmt::format("{} points{}", estimate.points, kind), stdout));
  for (const SweepAxis& axis : plan.definition().axes) {
    const auto given = std::count(axis.levels.begin(), axis.levels.end(), std::size_t{0});
    print_row(axis.key.c_str(),
              fmt::format("{} values, {} to {}{}", axis.values.size(), axis.values.front(),
                          axis.values.back(),
                          axis.levels.empty() ? "" : fmt::format("; at first {}", given)));
  }
  if (const auto& rule = plan.definition().refine) {
    print_row("more points",
              fmt::format("where {} jumps: in all at most {}, of {} in the finest "
                          "grid",
                          rule->quantity, std::min(rule->most_points, plan.size()), plan.size()));
  }
  if (estimate.left_out > 0) print_row("left out by filters", std::to_string(estimate.left_out));
  if (estimate.known > 0) print_row("known already", std::to_string(estimate.known));
  const std::size_t rest = estimate.points - estimate.known;
  if (estimate.measured == 0) {
    if (rest > 0) print_row("time", "unknown: no point that was tried is a configuration");
    return done;
  }
  print_row("a point takes",
            fmt::format("{}  (mean of {})", duration_text(estimate.seconds_per_point),
                        estimate.measured));
  const double all = static_cast<double>(rest) * estimate.seconds_per_point;
  const double jobs = static_cast<double>(arguments.jobs);
  std::string text = fmt::format("about {} with -j {}", duration_text(all / jobs), arguments.jobs);
  if (const auto& rule = plan.definition().refine) {
    const std::size_t most = std::min(rule->most_points, plan.size()) - estimate.known;
    text +=
        fmt::format("; with all points that refine allows, about {}",
                    duration_text(static_cast<double>(most) * estimate.seconds_per_point / jobs));
  }
  print_row("the rest takes", text);
  return done;
}

int sweep(const SweepArguments& arguments) {
  if (!arguments.merge.empty()) return merge(arguments);
  if (arguments.file.empty()) {
    throw InputError("sweep", "name the file of a sweep (.toml), or folders by --merge");
  }
  const Shard shard = arguments.shard.empty() ? Shard{} : Shard::parse(arguments.shard);
  const SweepPlan plan(read_sweep(arguments.file));
  if (arguments.dry_run) return dry_run(arguments, plan);
  if (arguments.out.empty()) throw InputError("--out", "is missing; name a folder for the results");
  watch_signals();
  ProgressLine progress("point", arguments.quiet);
  const SweepSettings settings{.jobs = arguments.jobs,
                               .resume = arguments.resume,
                               .shard = shard,
                               .progress =
                                   [&](const SweepProgress& now) {
                                     // Points that are known cost nothing: they are in no rate.
                                     if (now.made <= 1) {
                                       progress.begin(now.finished() - now.made, now.total);
                                     }
                                     if (now.ended_early > 0) {
                                       progress.add(fmt::format("{} ended early", now.ended_early));
                                     }
                                     progress.update(now.finished());
                                   },
                               .keep_going = [] { return !stop_requested(); }};
  const SweepSummary summary = carry_out_sweep(plan, arguments.out, settings);
  progress.clear();
  if (!arguments.quiet) print_summary(summary, arguments.out);
  tell_exhausted(summary);
  if (!summary.interrupted) return done;
  fmt::print(stderr, "{} stopped at {} of {} points; the same command with --resume goes on\n",
             inked(Ink::warning, "latetime:", stderr), summary.progress.finished(),
             summary.progress.total);
  return interrupted;
}

std::string quantities_help() {
  std::string text = "Quantities (* kept where a sweep names none):\n";
  for (const Quantity& quantity : all_quantities()) {
    text += fmt::format("  {} {:<26} {}\n", quantity.by_default ? '*' : ' ', quantity.name,
                        quantity.meaning);
  }
  text += "Proofs, each only where it is named (made as by latetime prove and latetime limit):\n";
  for (const Quantity& quantity : proof_quantities()) {
    text += fmt::format("    {:<26} {}\n", quantity.name, quantity.meaning);
  }
  text +=
      "Claims, each only where it is named (made as by latetime check), of 5.4 for example:\n"
      "    claim_5_4, claim_5_4_seen, claim_5_4_largest_c, claim_5_4_needs; claims: all verdicts\n";
  text += "Arrays, each only where it is named:\n";
  for (const PointArray& array : all_arrays()) {
    if (!array.name.starts_with("curve_")) {
      text += fmt::format("    {:<26} {}\n", array.name, array.meaning);
    }
  }
  return text + "    curve_COLUMN               any column of metrics.csv, an entry a record\n";
}

}  // namespace

void declare_sweep(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<SweepArguments>();
  CLI::App* command = app.add_subcommand("sweep", "Make many runs: maps over keys and seeds");
  command->add_option("SWEEP", arguments->file, "file of the sweep (TOML)");
  command->add_option("--out,-o", arguments->out, "folder for the results")->check(not_empty());
  command->add_option("--jobs,-j", arguments->jobs, "points at a time, each on one thread")
      ->check(CLI::Range(1u, 1024u));
  command->add_flag("--resume", arguments->resume, "go on with the sweep in that folder");
  command->add_option("--shard", arguments->shard,
                      "i/N: make part i of N alone, in DIR/shard-i-of-N");
  command
      ->add_option("--merge", arguments->merge,
                   "gather points of these folders and their shards in DIR (or the first)")
      ->check(not_empty());
  command->add_flag("--dry-run", arguments->dry_run,
                    "say how many points, and how long they will take; write nothing");
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "SWEEP.toml varies a configuration:\n"
      "  base = \"run.toml\"                         or a section [base] with the keys of one\n"
      "  zip = [\"data.n\", \"data.d\"]                axes that go together instead of crossing\n"
      "  filter = \"d >= 2 * n\"                     points to keep\n"
      "  quantities = [\"limit_stable_rank_pos\"]    what to keep of each point; see below\n"
      "  arrays = [\"limit_margins\"]                small arrays; keep_runs = true: whole runs\n"
      "  [axes]\n"
      "  seed = {from = 1, to = 5, step = 1}\n"
      "  network.slope = [0, 0.1, 0.5]\n"
      "  network.init_std = {from = 1e-5, to = 1e-1, count = 5, log = true}\n"
      "  [derived]\n"
      "  data.d = \"20 * data.n\"\n"
      "  [refine]                                  steps of ranges are halved where it jumps\n"
      "  quantity = \"switching_fraction\"\n"
      "  tolerance = 0.1\n"
      "  most_points = 2000\n\n"
      "Writes DIR/points.jsonl (a line a finished point, added as they come), DIR/points.csv,\n"
      "DIR/sweep.nc (labelled arrays: xarray.open_dataset) and DIR/sweep.toml. A point is made\n"
      "once: after a kill, or with another SWEEP.toml in the same folder, --resume makes what is\n"
      "not there. Points that end early or are refused are rows with their reason.\n\n" +
      quantities_help());
  command->callback([arguments, &action] { action = [arguments] { return sweep(*arguments); }; });
}

}  // namespace latetime::cli
