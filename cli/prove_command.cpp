#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/proof_run.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/stored_proof.hpp"
#include "limit_text.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

constexpr std::size_t text_width = 78;

struct ProveArguments {
  std::string directory;
  std::string level = "B";
  std::string step;
  std::string most_steps = "1e7";
  bool json = false;
};

/// A statement in lines of at most text_width.
void print_statement(const std::string& statement, const std::string& indent) {
  std::string line = indent;
  std::size_t begin = 0;
  while (begin < statement.size()) {
    const std::size_t end = std::min(statement.find(' ', begin), statement.size());
    const std::string word = statement.substr(begin, end - begin);
    if (line.size() + word.size() + 1 > text_width && line != indent) {
      fmt::print("{}\n", line);
      line = std::string(indent.size(), ' ');
    }
    if (line.size() > indent.size()) line += ' ';
    line += word;
    begin = end + 1;
  }
  fmt::print("{}\n", line);
}

void print_switching(const LimitTheorem& limit, const char* what) {
  constexpr std::size_t most = 5;
  if (limit.switching.empty()) return;
  fmt::print("\n  {:>8}{:>8}  {}\n", "neuron", "sample", what);
  for (std::size_t i = 0; i < std::min(most, limit.switching.size()); ++i) {
    const SwitchingSlope& pair = limit.switching[i];
    fmt::print("  {:>8}{:>8}  {}\n", pair.neuron, pair.sample, outward_text(pair.density));
  }
  if (limit.switching.size() > most) {
    fmt::print("  {:>8}{:>8}  {} more: in proof.json\n", "", "", limit.switching.size() - most);
  }
}

void print_enclosures(const RunTheorem& run) {
  if (run.enclosures.empty()) return;
  fmt::print("\n  {:>12}  {:<28}{}\n", "t", "stable rank of W_+", "log of the loss");
  const std::size_t count = run.enclosures.size();
  constexpr std::size_t lines = 5;
  for (std::size_t i = 0; i < std::min(lines, count); ++i) {
    const RunEnclosure& at = run.enclosures[count <= lines ? i : i * (count - 1) / (lines - 1)];
    const auto& rank = at.stable_ranks[0];
    fmt::print("  {:>12}  {:<28}{}\n", time_text(LogTime::from_log(at.log_time)),
               rank ? outward_text(*rank, 8) : "-", outward_text(at.log_loss, 8));
  }
}

void print_table(const ProofReport& report) {
  if (report.statements.empty()) return;
  fmt::print(
      "{}\n",
      inked(Ink::bold, report.run && !report.proved() ? "Theorem, of the limit alone" : "Theorem",
            stdout));
  for (const std::string& statement : report.statements) print_statement(statement, "  ");
  if (report.proved() && report.run) {
    const RunTheorem& run = std::get<RunTheorem>(*report.run);
    print_switching(run.limit, "share of steps at which it is active");
    print_enclosures(run);
  } else if (report.limit) {
    print_switching(std::get<LimitTheorem>(*report.limit), "(slope - gamma) / (1 - gamma) in V");
  }
}

std::uint64_t step_option(const std::string& name, const std::string& text, std::uint64_t least) {
  const LogTime time = LogTime::parse(text, name);
  if (!time.step() || *time.step() < least) {
    throw InputError(name,
                     fmt::format("{} is no step to prove from; give one from {} to 2^53, such "
                                 "as 1e6",
                                 text, least));
  }
  return *time.step();
}

ProofReport proved(const ProveArguments& arguments) {
  ProofRequest request;
  const auto level = choice_of<ProofLevel>(arguments.level);
  if (!level) {
    throw InputError("--level", fmt::format("there is no level \"{}\"; choose one of {}",
                                            arguments.level, join(words_of<ProofLevel>())));
  }
  request.level = *level;
  request.threads = default_threads();
  constexpr std::uint64_t least_step = 10;
  if (!arguments.step.empty()) request.step = step_option("--step", arguments.step, least_step);
  request.most_steps = step_option("--most-steps", arguments.most_steps, least_step);
  ProgressLine progress("step", arguments.json);
  std::uint64_t target = 0;
  request.keep_going = [&](std::uint64_t done, std::uint64_t next) {
    if (next > target) {
      progress.begin(LogTime(done), LogTime(next));
      target = next;
    }
    if (next > 0) progress.update(LogTime(done));
    return !stop_requested();
  };
  ProofReport report = prove_stored(arguments.directory, request);
  progress.clear();
  return report;
}

/// The level of the proof of this run that lies in the folder; empty where there is none.
std::string stored_level(const RunDirectory& directory, const std::string& of) {
  try {
    const auto proof = read_stored_proof(directory.path(), of);
    return proof && (*proof)["proved"].get<bool>() ? (*proof)["level"].get<std::string>() : "";
  } catch (const InputError&) {
    return "";  // what is damaged, or of another run, is replaced
  }
}

void store(const ProveArguments& arguments, const ProofReport& report) {
  const RunDirectory directory = RunDirectory::open(arguments.directory);
  const std::string stored = stored_level(directory, report.of);
  const bool is_weaker = report.level == ProofLevel::limit && stored > word_of(ProofLevel::limit);
  if (!stored.empty() && (!report.proved() || is_weaker)) {
    if (report.proved() && !arguments.json) {
      fmt::print("\nkept: the certificate of level {} that lies there\n", stored);
    }
    return;
  }
  if (report.proved()) {
    replace_file(directory.file("certificate.txt"), report.certificate());
  }
  replace_file(directory.file("proof.json"), proof_json(report));
  const std::string page = renew_report(arguments.directory);
  if (arguments.json || !report.proved()) return;
  fmt::print("\ncertificate: {}\n", directory.file("certificate.txt"));
  if (!page.empty()) fmt::print("with the proved bounds drawn: {}\n", page);
}

int prove(const ProveArguments& arguments) {
  const auto lock = hold_results_folder(arguments.directory);
  watch_signals();
  const ProofReport report = proved(arguments);
  if (stop_requested()) {
    fmt::print(stderr, "latetime: stopped on request\n");
    return interrupted;
  }
  if (arguments.json) {
    fmt::print("{}", proof_json(report));
  } else {
    print_table(report);
  }
  std::fflush(stdout);  // what was found stands there even if the folder takes no files
  store(arguments, report);
  if (report.proved()) return done;
  const NotProved& why = report.why();
  std::string where =
      report.attempts.size() > 1
          ? fmt::format("from none of {} steps up to {}; from the last: ", report.attempts.size(),
                        report.attempts.back().step)
          : "";
  const bool is_later = why.remedy.find("later step") != std::string::npos;
  fmt::print(stderr, "latetime: {}: not proved, {}{}; {}{}\n", arguments.directory, where,
             why.reason, why.remedy, is_later ? " (--step, --most-steps)" : "");
  return stopped_early;
}

}  // namespace

void declare_prove(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ProveArguments>();
  CLI::App* command =
      app.add_subcommand("prove", "Prove what becomes of a run, with a certificate");
  command->add_option("DIR", arguments->directory, "folder of a run")
      ->required()
      ->check(not_empty());
  command->add_option(
      "--level", arguments->level,
      "A: the limit alone; B: the run, from its weights at a step T on; C: the run, from its "
      "initial weights on (every step followed with proof, slow)");
  command->add_option("--step", arguments->step,
                      "T of levels B and C; else the first half decade that gives a proof");
  command->add_option("--most-steps", arguments->most_steps, "the latest T that is tried")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON, with every number");
  command->footer(
      "What is proved holds for exact arithmetic: the samples, the learning rate and the weights "
      "at\n"
      "T are the doubles as they stand. DIR/certificate.txt holds the proof for anybody to check,\n"
      "with Python alone: tools/check_certificate.py DIR/certificate.txt. DIR/proof.json holds "
      "all\n"
      "numbers, DIR/report.html draws them. docs/proofs.md is the theorem with its proof.\n"
      "Exit codes: 0 proved; 3 not proved, with the reason; 2 no run there, or a damaged one.");
  command->callback([arguments, &action] { action = [arguments] { return prove(*arguments); }; });
}

}  // namespace latetime::cli
