#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/claim_suite.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/run_directory.hpp"
#include "limit_text.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct CheckArguments {
  std::string target;
  std::vector<std::string> set;
  std::vector<std::string> claims;
  CheckSettings settings;
  bool json = false;
  bool suite = false;
  bool verbose = false;
};

constexpr std::size_t text_width = 76;

/// Breaks words into lines of at most text_width, indented.
void print_wrapped(const std::string& label, const std::string& words) {
  std::string rest = words;
  std::string head = fmt::format("  {:<12}", label);
  constexpr std::size_t room = text_width - 12;
  while (!rest.empty()) {
    std::size_t end = rest.size();
    if (end > room) {
      end = rest.rfind(' ', room);
      if (end == std::string::npos || end == 0) end = room;
    }
    fmt::print("{}{}\n", head, rest.substr(0, end));
    rest = end < rest.size() ? rest.substr(rest[end] == ' ' ? end + 1 : end) : "";
    head = std::string(14, ' ');
  }
}

std::string constant_text(double value) {
  return std::isinf(value) ? "any" : brief(value, 3);
}

/// The largest C with which the conditions hold, in 10 characters.
std::string conditions_text(const Claim& claim) {
  if (claim.hypotheses.empty()) return "none";
  const double largest = claim.largest_constant();
  if (!std::isnan(largest)) return fmt::format("C {}", constant_text(largest));
  return claim.hypotheses_met() ? "met" : "unmet";
}

/// The constant that the conclusion needs, with its name where there is room for it.
std::string needs_text(const Claim& claim) {
  if (std::isnan(claim.constant)) return "";
  constexpr std::size_t room = 10;
  const std::string named = fmt::format("{} {}", claim.constant_name, brief(claim.constant, 3));
  return named.size() <= room ? named : brief(claim.constant, 3);
}

void print_header(const ClaimReport& report) {
  fmt::print("claims on {}\n", report.source);
  print_wrapped("run", fmt::format("n = {}, d = {}, m = {}, slope {}, eta {}, sigma0 {}", report.n,
                                   report.d, report.width, brief(report.slope),
                                   brief(report.learning_rate), brief(report.init_std, 3)));
  const std::string steps = report.steps_problem.empty()
                                ? fmt::format("every step up to {}", report.steps)
                                : "no single steps (" + report.steps_problem + ")";
  print_wrapped("looked at", fmt::format("{}; {} times up to {}", steps, report.snapshots,
                                         time_text(report.until)));
  if (!report.late_problem.empty()) print_wrapped("no limit", report.late_problem);
  for (const std::string& note : report.notes) print_wrapped("note", note);
}

/// Claims on another activation are named in one line a group.
void print_others(const std::vector<Claim>& claims) {
  std::vector<std::string> ids;
  for (const Claim& claim : claims) {
    if (!claim.applies) ids.push_back(claim.id);
  }
  if (ids.empty()) return;
  fmt::print("\nfor another activation function, not checked\n");
  print_wrapped("", join(ids));
}

void print_table(const ClaimReport& report) {
  print_header(report);
  constexpr const char* row = "  {:<8}{:<35}{:<11}{:<11}{}\n";  // 80 columns
  fmt::print("\n");
  fmt::print(row, "", "", "hypotheses", "needs", "verdict");
  std::string group;
  for (const Claim& claim : report.claims) {
    if (!claim.applies) continue;
    if (claim.group != group) {
      group = claim.group;
      fmt::print("\n{}\n", group);
    }
    const bool unmet = claim.verdict == ClaimVerdict::hypothesis_unmet;
    fmt::print(row, claim.id, claim.name, conditions_text(claim), needs_text(claim),
               (unmet ? fmt::format("Unmet ({})", word_of(claim.finding.seen).substr(0, 5))
                      : word_of(claim.verdict)) +
                   (claim.proved ? ", proved" : ""));
  }
  print_others(report.claims);
  fmt::print(
      "\n{} Holds, {} Fails, {} Undecided, {} HypothesisUnmet (in brackets: the conclusion)\n"
      "hypotheses: the largest C they hold with; needs: the constant of the conclusion\n",
      count_verdicts(report.claims, ClaimVerdict::holds),
      count_verdicts(report.claims, ClaimVerdict::fails),
      count_verdicts(report.claims, ClaimVerdict::undecided),
      count_verdicts(report.claims, ClaimVerdict::hypothesis_unmet));
}

void print_claim(const Claim& claim, Eigen::Index width) {
  fmt::print("\n{}  {}  ({})\n", claim.id, claim.name, claim.place);
  print_wrapped("verdict",
                word_of(claim.verdict) + (claim.verdict == ClaimVerdict::hypothesis_unmet
                                              ? "; the conclusion: " + word_of(claim.finding.seen)
                                              : ""));
  if (!claim.finding.reason.empty()) print_wrapped("because", claim.finding.reason);
  if (claim.proved) {
    print_wrapped("proved", fmt::format("{} from step {} on (latetime prove, docs/proofs.md)",
                                        claim.proved->holds ? "the conclusion" : "the contrary",
                                        claim.proved->from_step));
  }
  print_wrapped("says", claim.conclusion);
  if (!claim.criterion.empty()) print_wrapped("counts when", claim.criterion);
  for (const Hypothesis& hypothesis : claim.hypotheses) {
    std::string text = fmt::format("{} {}: {}", hypothesis.met ? "met  " : "UNMET", hypothesis.name,
                                   hypothesis.statement);
    if (!std::isnan(hypothesis.largest_constant)) {
      text += fmt::format("; largest C: {}", constant_text(hypothesis.largest_constant));
    }
    if (!hypothesis.detail.empty()) text += "; " + hypothesis.detail;
    print_wrapped("condition", text);
  }
  if (!std::isnan(claim.constant)) {
    print_wrapped("needs", fmt::format("{} = {}", claim.constant_name, brief(claim.constant, 6)));
  }
  for (const Measured& measured : claim.measured) {
    print_wrapped("measured", measured.quantity);
    const Range& range = measured.range;
    print_wrapped("  least", fmt::format("{}  {}", brief(range.least.value, 8),
                                         describe(range.least.at, width)));
    print_wrapped("  most", fmt::format("{}  {}", brief(range.most.value, 8),
                                        describe(range.most.at, width)));
  }
  for (const Figure& figure : claim.figures) {
    print_wrapped("figure", fmt::format("{}: {}", figure.name, brief(figure.value, 10)));
  }
}

/// Prints the claims that were asked for; a name may be an identifier or stand in a claim's place
/// ("B.1").
void print_claims(const ClaimReport& report, const std::vector<std::string>& wanted) {
  print_header(report);
  for (const Claim& claim : report.claims) {
    const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
      return claim_is_named(claim, name);
    });
    if (wanted.empty() ? claim.applies : named) print_claim(claim, report.width);
  }
}

void require_known(const std::vector<Claim>& claims, const std::vector<std::string>& wanted) {
  std::vector<std::string> ids;
  for (const Claim& claim : claims) ids.push_back(claim.id);
  for (const std::string& name : wanted) {
    if (std::any_of(claims.begin(), claims.end(),
                    [&](const Claim& claim) { return claim_is_named(claim, name); })) {
      continue;
    }
    throw InputError("--claim",
                     fmt::format("there is no claim \"{}\"; the nearest is {}, all are {}", name,
                                 nearest_name(name, ids), join(ids)));
  }
}

ClaimReport checked(const CheckArguments& arguments) {
  CheckSettings settings = arguments.settings;
  settings.observe.keep_going = [] { return !stop_requested(); };
  std::error_code error;
  if (std::filesystem::is_directory(arguments.target, error)) {
    if (!arguments.set.empty()) {
      throw InputError("--set", "changes a configuration; name a .toml file to check");
    }
    return check_run(arguments.target, settings);
  }
  if (!std::filesystem::exists(arguments.target, error)) {
    throw InputError(arguments.target,
                     "does not exist; name the folder of a run or a configuration file (.toml)");
  }
  return check_config(read_config(arguments.target, arguments.set), arguments.target, settings);
}

/// "5.4, B.4 and 3 more", within `room` characters.
std::string shortened(const std::vector<std::string>& ids, std::size_t room) {
  if (ids.empty()) return "none";
  for (std::size_t kept = ids.size(); kept > 0; --kept) {
    const std::vector<std::string> first(ids.begin(),
                                         ids.begin() + static_cast<std::ptrdiff_t>(kept));
    const std::string rest =
        kept < ids.size() ? fmt::format(" and {} more", ids.size() - kept) : "";
    if (join(first).size() + rest.size() <= room) return join(first) + rest;
  }
  return fmt::format("{} claims", ids.size());
}

void print_suite(const std::vector<SuiteResult>& results) {
  fmt::print("  {:<24}{:>7}{:>7}{:>7}{:>7}   {}\n", "configuration", "holds", "fails", "undec.",
             "unmet", "as expected");
  for (const SuiteResult& result : results) {
    const std::vector<Claim>& claims = result.report.claims;
    fmt::print("  {:<24}{:>7}{:>7}{:>7}{:>7}   {}\n", result.what->name,
               count_verdicts(claims, ClaimVerdict::holds),
               count_verdicts(claims, ClaimVerdict::fails),
               count_verdicts(claims, ClaimVerdict::undecided),
               count_verdicts(claims, ClaimVerdict::hypothesis_unmet),
               result.unexpected.empty() ? "yes" : "NO");
    fmt::print("      {}\n", result.what->why);
    const auto line = [](const char* what, const std::vector<std::string>& expected,
                         const std::vector<std::string>& seen) {
      if (expected.empty() && seen.empty()) return;
      fmt::print("      {}: expected {}, seen {}\n", what, shortened(expected, 24),
                 shortened(seen, 24));
    };
    std::vector<std::string> fails;
    for (const Claim& claim : claims) {
      if (claim.applies && claim.verdict == ClaimVerdict::fails) fails.push_back(claim.id);
    }
    line("fails", result.what->fails, fails);
    line("breaks beyond", result.what->breaks, broken_conclusions(claims));
    for (const std::string& text : result.unexpected) fmt::print("      unexpected: {}\n", text);
  }
  fmt::print(
      "\nholds: hypotheses met, conclusion seen. unmet: a hypothesis is not met;\n"
      "\"breaks beyond\" names those whose conclusion then fails.\n"
      "One case in full: latetime check CONFIG.toml.\n");
}

int check_suite(const CheckArguments& arguments) {
  if (!arguments.claims.empty()) {
    throw InputError("--claim", "prints one claim on one run; leave it out with --suite");
  }
  CheckSettings settings = arguments.settings;
  settings.observe.keep_going = [] { return !stop_requested(); };
  const auto results = run_suite(settings, default_threads());
  if (stop_requested()) {
    fmt::print(stderr, "latetime: stopped on request\n");
    return interrupted;
  }
  if (arguments.json) {
    fmt::print("{}", suite_json(results));
  } else {
    print_suite(results);
  }
  const bool as_expected = std::all_of(
      results.begin(), results.end(), [](const auto& result) { return result.unexpected.empty(); });
  if (as_expected) return done;
  fmt::print(stderr, "latetime: the suite was not as expected\n");
  return stopped_early;
}

int check(const CheckArguments& arguments) {
  if (arguments.suite) {
    if (!arguments.target.empty()) {
      throw InputError("--suite", "has configurations of its own; leave out " + arguments.target);
    }
    watch_signals();
    return check_suite(arguments);
  }
  if (arguments.target.empty()) {
    throw InputError("check", "name the folder of a run or a configuration (.toml)");
  }
  const auto lock = holds_run(arguments.target) ? hold_results_folder(arguments.target) : nullptr;
  watch_signals();
  const ClaimReport report = checked(arguments);
  if (stop_requested()) {
    fmt::print(stderr, "latetime: stopped on request\n");
    return interrupted;
  }
  require_known(report.claims, arguments.claims);
  const std::string json = claims_json(report);
  if (arguments.json) {
    fmt::print("{}", json);
  } else if (arguments.verbose || !arguments.claims.empty()) {
    print_claims(report, arguments.claims);
  } else {
    print_table(report);
  }
  if (!holds_run(arguments.target)) return done;
  std::fflush(stdout);  // what was found stands there even if the folder takes no files
  replace_file(RunDirectory::open(arguments.target).file("claims.json"), json);
  const std::string page = renew_report(arguments.target);
  if (!page.empty() && !arguments.json) fmt::print("each with all that was measured: {}\n", page);
  return done;
}

}  // namespace

void declare_check(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* command =
      app.add_subcommand("check", "Check every theorem and lemma of the paper on a run");
  command->add_option("TARGET", arguments->target,
                      "folder of a run, or a configuration (.toml), which is run in memory");
  command->add_option("--set", arguments->set, "section.key=value: change one key (repeatable)")
      ->take_all()
      ->expected(1);
  command
      ->add_option("--claim", arguments->claims, "print all about one claim: 5.4, B.1 (repeatable)")
      ->take_all()
      ->expected(1);
  command->add_flag("--verbose,-v", arguments->verbose, "print all about every claim");
  command->add_flag("--suite", arguments->suite,
                    "instead of a run: configurations that meet and violate the hypotheses");
  command->add_flag("--json", arguments->json, "print JSON");
  command->add_option("--delta", arguments->settings.thresholds.failure_probability,
                      "failure probability of the statements on initial weights");
  command->add_option("--steps", arguments->settings.observe.most_steps,
                      "look at no more single steps than this (and at times beyond them)");
  command->add_option("--large", arguments->settings.thresholds.large,
                      "a hypothesis is met when it holds with this C");
  command->add_option("--moderate", arguments->settings.thresholds.moderate,
                      "constants of conclusions are accepted between 1/this and this");
  command->footer(
      "Holds, Fails, Undecided: what the run shows where the hypotheses are met. HypothesisUnmet:\n"
      "they are not; the conclusion is measured all the same. docs/claims explains each claim.\n"
      "A check of a folder also writes DIR/claims.json and makes DIR/report.html anew.");
  command->callback([arguments, &action] { action = [arguments] { return check(*arguments); }; });
}

}  // namespace latetime::cli
