#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/store/record.hpp"
#include "limit_text.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

using nlohmann::ordered_json;

struct LimitArguments {
  std::string directory;
  bool json = false;
  std::optional<double> effort;
};

constexpr PairVerdict all_verdicts[] = {PairVerdict::active, PairVerdict::inactive,
                                        PairVerdict::switches, PairVerdict::undecided};
constexpr const char* verdict_names[] = {"inactive", "active", "switching", "undecided"};

std::size_t code(PairVerdict verdict) {
  return static_cast<std::size_t>(verdict);
}

std::vector<std::size_t> support_of(const std::vector<bool>& flags) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) list.push_back(i);
  }
  return list;
}

/// At most twelve numbers, then how many more there are.
template <class Number, class Text>
std::string abbreviated(const std::vector<Number>& list, const Text& text) {
  constexpr std::size_t most = 12;
  std::string line;
  for (std::size_t i = 0; i < std::min(most, list.size()); ++i) line += " " + text(list[i]);
  if (list.size() > most) line += fmt::format(" … {} more", list.size() - most);
  return line.empty() ? "none" : line.substr(1);
}

std::string origin_text(const RunLimit& run) {
  if (run.stored) return "the run, stored in result.h5";
  return fmt::format("computed now from the {} engine's state at {}", text_of(run.engine),
                     time_text(run.start));
}

/// What a limit from that state does not promise; empty when nothing is to be said.
std::string caution(const RunLimit& run) {
  if (run.undecided_events > 0) {
    return fmt::format(
        "{} events on the way were closer than the late-time flow's error; descent "
        "itself may lead to another limit",
        run.undecided_events);
  }
  if (run.stored || run.engine == EngineKind::flow) return "";
  std::string text =
      "taken for a late state although the run ended before late time was checked; exact steps may "
      "still lead to another limit";
  if (run.mini_batches) text += "; followed as full-batch descent, not in mini-batches";
  return text;
}

std::string followed_text(const RunLimit& run) {
  const LogTime until = LogTime::from_log10(run.report.log10_followed());
  const Limit& limit = run.report.limit;
  return fmt::format("until t = {}, {}", decades_text(until),
                     limit.settled ? "where its multipliers are those of the limit"
                                   : "without coming near the limit");
}

void print_pairs(const PairCounts& pairs) {
  fmt::print("\n  {:<12}{:>12}{:>12}{:>12}{:>12}\n", "pairs", "active", "inactive", "switching",
             "undecided");
  const auto line = [](const char* name, const std::array<Eigen::Index, 4>& counts) {
    fmt::print("  {:<12}", name);
    for (const PairVerdict verdict : all_verdicts) fmt::print("{:>12}", counts[code(verdict)]);
    fmt::print("\n");
  };
  line("own-class", pairs.own);
  line("other-class", pairs.other);
  if (pairs.other_total() > 0) {
    print_row("switching for ever", fmt::format("{} % of the other-class pairs",
                                                brief(100 * pairs.switching_share(), 4)));
  }
}

std::string boundary_text(const LinearComparison& linear) {
  switch (linear.boundary) {
    case Boundary::linear:
      return "linear (proved, to the accuracy of the limit)";
    case Boundary::not_linear:
      return "not linear (some x and -x fall into the same class)";
    case Boundary::undecided:
      return "undecided: neither proof works";
  }
  return "";
}

void print_linear(const RunLimit& run) {
  const LinearComparison& linear = run.linear;
  const MaxMarginResult& svm = linear.svm;
  fmt::print("\n{}\n", inked(Ink::bold, "beside the linear classifier of largest margin", stdout));
  if (svm.verdict != Separability::separable) {
    print_row("samples", svm.verdict == Separability::not_separable
                             ? "not linearly separable through the origin"
                             : "linear separability undecided " + linear.svm_problem);
  } else {
    print_row("its margin, support",
              fmt::format("{},  {} samples, {} of them also above", brief(svm.margin, 8),
                          support_of(svm.support).size(), linear.common_support));
    print_row("angle to odd part of f",
              fmt::format("{} rad  (cosine {})", brief(linear.angle, 4), brief(linear.cosine, 10)));
  }
  print_row("margin of odd part", brief(linear.odd_margin, 8));
  print_row("even part of f",
            fmt::format("{} of f on the samples, {} where the odd", brief(linear.even_part, 3),
                        brief(linear.even_on_boundary, 3)));
  print_row("", "part vanishes");
  print_row("spread in a class", brief(linear.spread, 3));
  print_row("boundary of f", boundary_text(linear));
}

void print_table(const RunLimit& run) {
  const Limit& limit = run.report.limit;
  fmt::print("{}: {}\n", inked(Ink::bold, "limit t = infinity", stdout), word_of(limit.status));
  print_wrapped("from", origin_text(run));
  if (!caution(run).empty()) print_wrapped("caution", caution(run));
  print_wrapped("flow followed", followed_text(run));
  if (!limit.message.empty()) print_wrapped("", limit.message);
  print_limit_measures(run.report);
  print_row("strictness", brief(limit.strictness, 3));
  const auto support = support_of(limit.support);
  print_row(run.shape.groups > 2 ? "support margins" : "support samples",
            fmt::format("{} of {}", support.size(), limit.support.size()));
  print_wrapped("", abbreviated(support, [](std::size_t i) { return fmt::format("{}", i); }));
  std::vector<double> multipliers;
  for (const std::size_t i : support) {
    multipliers.push_back(limit.multipliers[static_cast<Eigen::Index>(i)]);
  }
  print_wrapped("their multipliers",
                abbreviated(multipliers, [](double value) { return brief(value, 4); }));
  print_pairs(run.pairs);
  if (run.shape.groups == 2) print_linear(run);
  if (run.report.optimality) {
    fmt::print("\n{}\n",
               inked(Ink::bold, "beside the least norm of all weights with margins >= 1", stdout));
    print_optimality(*run.report.optimality);
  }
}

ordered_json numbers(const Vector& values) {
  return std::vector<double>(values.begin(), values.end());
}

ordered_json summary(const Matrix& values, int groups) {
  return {{"shape", {groups, values.rows() / groups, values.cols()}},
          {"min", values.minCoeff()},
          {"max", values.maxCoeff()},
          {"mean", values.mean()},
          {"norm", values.norm()}};
}

ordered_json pairs_json(const std::array<Eigen::Index, 4>& counts) {
  ordered_json report;
  for (const PairVerdict verdict : all_verdicts) {
    report[verdict_names[code(verdict)]] = counts[code(verdict)];
  }
  return report;
}

ordered_json linear_json(const LinearComparison& linear) {
  ordered_json report{{"separability", word_of(linear.svm.verdict)}};
  if (!linear.svm_problem.empty()) report["problem"] = linear.svm_problem;
  if (linear.svm.verdict == Separability::separable) {
    report["svm_margin"] = linear.svm.margin;
    report["svm_support"] = support_of(linear.svm.support);
    report["svm_multipliers"] = numbers(linear.svm.multipliers);
    report["common_support"] = linear.common_support;
    report["cosine"] = linear.cosine;
    report["angle"] = linear.angle;
  }
  report["odd_margin"] = linear.odd_margin;
  report["even_part"] = linear.even_part;
  report["even_on_boundary"] = linear.even_on_boundary;
  report["spread"] = linear.spread;
  report["boundary"] = word_of(linear.boundary);
  return report;
}

/// Enters what is listed as members.
struct JsonMembers {
  ordered_json& json;

  template <class Value>
  void operator()(const char* name, const Value& value) const {
    json[name] = value;
  }
  void operator()(const char* name, const OptimalityVerdict& verdict) const {
    list_verdict(verdict, JsonMembers{json[name]});
  }
};

ordered_json json_report(const RunLimit& run) {
  const LimitReport& report = run.report;
  const Limit& limit = report.limit;
  ordered_json json{{"status", word_of(limit.status)}, {"message", limit.message}};
  json["stored"] = run.stored;
  json["computed_from"] = {{"engine", text_of(run.engine)}, {"time", to_string(run.start)}};
  json["caution"] = caution(run);
  json["log10_followed"] = report.log10_followed();
  json["settled"] = limit.settled;
  if (limit.ray.size() > 0) json["ray"] = numbers(limit.ray);
  if (!report.has_direction()) return json;
  const int groups = run.shape.groups;
  std::vector<std::string> parts = group_names(groups);
  parts.emplace_back("all");
  for (std::size_t part = 0; part < parts.size(); ++part) {
    json["stable_rank"][parts[part]] = report.stable_ranks[part].value;
    json["stable_rank_excess"][parts[part]] = report.stable_ranks[part].excess;
  }
  json["normalized_margin"] = limit.normalized_margin;
  json["kkt_residual"] = limit.kkt_residual;
  json["strictness"] = limit.strictness;
  json["multipliers"] = numbers(limit.multipliers);
  json["margins"] = numbers(limit.margins);
  json["support"] = support_of(limit.support);
  json["coefficients"] = summary(limit.coefficients, groups);
  json["slopes"] = summary(limit.slopes, groups);
  json["pairs"] = {{"own", pairs_json(run.pairs.own)}, {"other", pairs_json(run.pairs.other)}};
  json["switching_share"] = run.pairs.switching_share();
  if (groups == 2) json["linear"] = linear_json(run.linear);
  if (report.collapse) {
    for (const CollapseMeasure& one : collapse_measures) {
      json["collapse"][one.name] = *report.collapse.*one.value;
    }
  }
  if (report.errors) list_errors(*report.errors, JsonMembers{json["errors"]});
  if (report.optimality) list_optimality(*report.optimality, JsonMembers{json["optimality"]});
  return json;
}

int limit(const LimitArguments& arguments) {
  watch_signals();
  const RunLimit run = limit_of_run(
      arguments.directory, [](double) { return !stop_requested(); }, arguments.effort);
  if (stop_requested()) {
    fmt::print(stderr, "latetime: stopped on request\n");
    return interrupted;
  }
  const bool found = run.problem.empty() && run.report.limit.status == LimitStatus::found;
  if (arguments.json) {
    fmt::print("{}\n", run.problem.empty()
                           ? json_report(run).dump(2)
                           : ordered_json{{"status", "none"}, {"message", run.problem}}.dump(2));
  } else if (found) {
    print_table(run);
  }
  if (found) return done;
  const std::string reason =
      run.problem.empty()
          ? fmt::format("{}: {}", word_of(run.report.limit.status), run.report.limit.message)
          : run.problem;
  fmt::print(stderr, "latetime: {}: no limit, {}\n", arguments.directory, reason);
  return stopped_early;
}

}  // namespace

void declare_limit(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<LimitArguments>();
  CLI::App* command = app.add_subcommand("limit", "Show what a run converges to as t -> infinity");
  command->add_option("DIR", arguments->directory, "folder of a run")->required();
  command->add_flag("--json", arguments->json, "print JSON, with every number");
  command
      ->add_option("--effort", arguments->effort,
                   "search this much for the least norm, times the default; 0: a first look")
      ->check(CLI::Range(0.0, 1e6));
  command->footer(
      "W(t) = V log t + ... : V solves the KKT conditions of min |V|^2/2 with all margins >= 1. A\n"
      "run that reached late time has stored V; from any other one V is computed from its last\n"
      "state, taken for a late one. Nothing in DIR is changed.\n"
      "pairs: activations of (neuron, sample) that stay on, stay off, or switch for ever.\n"
      "odd, even part of f: (f(x) - f(-x))/2, which is linear, and (f(x) + f(-x))/2.\n"
      "spread: how far the neurons of a class are from multiples of one vector.\n"
      "global, local optimum: whether V is the least-norm point of all weights, or of those near\n"
      "it: proved, estimated or undecided (docs/optimality.md).\n"
      "Exit codes: 0 found; 3 no limit, with the reason; 2 no run there, or a damaged one.");
  command->callback([arguments, &action] { action = [arguments] { return limit(*arguments); }; });
}

}  // namespace latetime::cli
