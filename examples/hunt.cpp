// Hunts wrong answers: random small problems of many families, followed to t = 10^100 and compared
// with every real step.
//
//   build/release/examples/hunt [--seconds 60 | --runs COUNT] [--seed 1] [--first NUMBER]
//       [--threads 1] [--family NAME] [--only NUMBER] [--steps 1e6] [--keep DIR] [--near 0.3]
//       [--loss logistic|exponential] [--classes K]
//
// Records at quarter decades up to `steps` (less for larger problems, half a second's work) are
// held to real steps in plain double (tests/support/real_steps.hpp, which shares nothing with the
// library); gradient flow to small steps at three resolutions. A fault is a log loss or stable rank
// off by more than error_estimate + 1e-9, a run called not separated whose real steps separate, an
// end in a limit that contradicts the run, an InputError, a crash, or more than a minute of
// processor time. A first suspicion is looked at again in a wider arithmetic; where that differs,
// too, steps amplify rounding beyond both, and the run counts as unsure. Each faulty run prints a
// line, and --keep writes its arrays and config.toml into DIR/FAMILY-SEED-NUMBER for
// `latetime run`; --near does so, too, for runs of which a row of the flow comes as near to its
// estimate as that part, and for those without an answer that real steps separate. Exit code 1 when
// there was a fault.
//
// The problems are the same ones for either loss. With --classes K, K ≥ 3, labels are of as many
// classes and real steps those of tests/support/class_steps.hpp, half a second's work of them. A
// run is drawn from the seed and its number alone, so a long hunt goes in pieces: --first says
// where the next one begins. One that is stopped (Ctrl-C, SIGTERM) still tells of what it has done.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "hunt_problems.hpp"
#include "latetime/base/error.hpp"
#include "support/class_steps.hpp"
#include "support/real_steps.hpp"

namespace {

using namespace latetime;
using Clock = std::chrono::steady_clock;

constexpr double slack = 1e-9;
constexpr double most_seconds = 60.0;
constexpr unsigned patience = 300;  // seconds without a new run, where not even a pulse comes
constexpr double step_work = 4e8;   // of n²·neurons, most that real steps of a run may take
constexpr double flow_resolution = 2e-4;
constexpr std::uint64_t most_flow_steps = 1'000'000;

struct Settings {
  std::optional<double> seconds;  // 60 where there is no `runs`
  double steps = 1e6;
  std::uint64_t seed = 1;
  unsigned threads = 1;
  std::string family, keep;
  LossName loss = LossName::logistic;
  int classes = 2;
  std::optional<std::uint64_t> only, runs;
  std::uint64_t first = 0;
  double near = std::numeric_limits<double>::infinity();
};

struct Row {
  double log10_time;
  std::optional<std::uint64_t> step;
  bool of_flow;
  real_steps::Answer answer;
  double estimate;
};

/// What the library says of a problem.
struct Told {
  std::vector<Row> rows;
  StopReason reason = StopReason::reached_end;
  std::string message, refusal;
  std::optional<LimitReport> limit;
  double seconds = 0.0;
};

struct Finding {
  std::uint64_t number = 0;
  std::string family, end, limit, fault;
  bool unsure = false;
  bool separated = false;            // by real steps
  double asked = 0.0, judged = 0.0;  // seconds
  std::vector<double> ratios;        // error / (estimate + slack) of rows of the flow
  std::size_t too_fine = 0;          // rows of the flow whose estimate is less than the truth's own
};

/// Processor time of this thread: what counts on a machine that others use, too.
double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

real_steps::Answer answer_of(double log_loss, const std::vector<StableRank>& ranks) {
  real_steps::Answer answer{.log_loss = log_loss, .ranks = {}};
  for (const StableRank& rank : ranks) answer.ranks.push_back(rank.value);
  return answer;
}

Told ask(const RunProblem& problem) {
  Told told;
  const double begin = thread_seconds();
  const auto spent = [&] { return thread_seconds() - begin; };
  const RunSettings settings{
      .recorded =
          [&](const TrainingState&, const Record& record) {
            const Measures& m = record.measures;
            const auto& ranks = m.stable_ranks;
            told.rows.push_back({record.time.log10(), record.time.step(),
                                 record.engine == EngineKind::flow, answer_of(m.log_loss, ranks),
                                 record.error_estimate});
          },
      .pulse = [&](const LogTime&) { return spent() < most_seconds; }};
  try {
    RunMemory memory;
    RunSummary summary = carry_out_run(problem, memory, settings);
    told.reason = summary.outcome.reason;
    told.message = summary.outcome.message;
    told.limit = std::move(summary.limit);
  } catch (const std::exception& error) {
    told.refusal = error.what();
    if (told.refusal.empty()) told.refusal = "an exception without words";
  }
  told.seconds = spent();
  return told;
}

/// Quarter decades 10, 18, 32, 56, ... up to `last`.
std::vector<std::uint64_t> quarter_decades(double last) {
  std::vector<std::uint64_t> steps;
  for (int quarter = 4; std::pow(10.0, quarter / 4.0) <= last * (1 + 1e-12); ++quarter) {
    steps.push_back(static_cast<std::uint64_t>(std::llround(std::pow(10.0, quarter / 4.0))));
  }
  return steps;
}

using TrueRows = std::map<std::uint64_t, real_steps::Truth>;

TrueRows find_truth(const real_steps::Problem& problem, bool flow, double most_steps) {
  TrueRows rows;
  if (flow) {
    const auto steps = quarter_decades(most_steps);
    std::vector<double> times;
    for (const std::uint64_t step : steps) times.push_back(std::log10(static_cast<double>(step)));
    const auto truth = real_steps::flow_truth(problem, times, flow_resolution, most_flow_steps);
    for (std::size_t i = 0; i < truth.size(); ++i) rows[steps[i]] = truth[i];
    return rows;
  }
  const auto n = static_cast<double>(problem.samples()), k = static_cast<double>(problem.neurons());
  real_steps::Descent<double> descent(problem);
  for (const std::uint64_t step : quarter_decades(std::min(most_steps, step_work / (n * n * k)))) {
    descent.advance_to(step);
    rows[step] = {std::log10(static_cast<double>(step)), descent.answer()};
  }
  return rows;
}

real_steps::ClassProblem class_problem_of(const RunProblem& run) {
  return {.x = real_steps::Rows(run.data.x),
          .classes = run.data.classes,
          .groups = run.data.class_count,
          .weights = run.initial.weights,
          .slope = run.config.network.slope,
          .learning_rate = run.config.descent.learning_rate,
          .exponential = run.config.descent.loss == LossName::exponential};
}

TrueRows find_class_truth(const RunProblem& run, double most_steps) {
  TrueRows rows;
  const auto n = static_cast<double>(run.data.size());
  const auto k = static_cast<double>(run.initial.shape.neurons());
  real_steps::ClassDescent<double> descent(class_problem_of(run));
  for (const std::uint64_t step : quarter_decades(std::min(most_steps, step_work / (n * n * k)))) {
    descent.advance_to(step);
    rows[step] = {std::log10(static_cast<double>(step)), descent.answer()};
  }
  return rows;
}

/// Loss and ranks beyond which doubles hold nothing to compare.
bool comparable(const real_steps::Answer& truth) {
  return std::isfinite(truth.log_loss) && truth.log_loss > -600.0;
}

/// The truth at that step in wider arithmetic.
real_steps::Answer look_again(const RunProblem& run, std::uint64_t step) {
  const auto from = [&](auto descent) {
    descent.advance_to(step);
    return descent.answer();
  };
  namespace mp = boost::multiprecision;
  using Digits50 = mp::number<mp::cpp_bin_float<50>, mp::et_off>;
  if (run.data.class_count > 2) {
    const real_steps::ClassProblem problem = class_problem_of(run);
    return step <= 2000 ? from(real_steps::ClassDescent<Digits50>(problem))
                        : from(real_steps::ClassDescent<long double>(problem));
  }
  const real_steps::Problem problem = real_steps::problem_of(run);
  return step <= 2000 ? from(real_steps::Descent<Digits50>(problem))
                      : from(real_steps::Descent<long double>(problem));
}

void compare(const RunProblem& run, bool flow, const TrueRows& truth, const Told& told,
             Finding& finding) {
  for (const Row& row : told.rows) {
    const auto found = row.step ? truth.find(*row.step) : truth.end();
    if (found == truth.end() || !comparable(found->second.answer)) continue;
    const real_steps::Truth& known = found->second;
    const double off = std::max(0.0, row.answer.difference(known.answer) - known.uncertainty);
    const double bound = row.estimate + slack;
    if (row.of_flow && known.uncertainty > bound) {
      ++finding.too_fine;
    } else if (row.of_flow && std::isfinite(bound)) {
      finding.ratios.push_back(off / bound);
    }
    if (off <= bound || !finding.fault.empty()) continue;
    const std::string text = fmt::format("off by {:.2e} at step {} ({}), estimate {:.2e}", off,
                                         *row.step, row.of_flow ? "flow" : "exact", row.estimate);
    if (!flow) {
      const real_steps::Answer again = look_again(run, *row.step);
      const double doubt = again.difference(known.answer);
      if (!(row.answer.difference(again) > bound) || doubt > off / 4) {
        finding.unsure = true;
        continue;
      }
    }
    finding.fault = text;
  }
}

std::string end_of(const Told& told) {
  if (!told.refusal.empty()) return "refused";
  if (told.reason == StopReason::interrupted) return "hang";
  if (told.reason != StopReason::reached_end) return word_of(told.reason);
  return std::isfinite(told.rows.back().estimate) ? "answered" : "infinite";
}

/// Whether real steps have separated the samples, with room for a last oscillation.
bool separated(const TrueRows& truth, const RunProblem& run) {
  if (truth.empty()) return false;
  const double loss = truth.rbegin()->second.answer.log_loss;
  // Of a sample at zero, when all but one rival are beaten.
  const double at_zero = run.config.descent.loss == LossName::exponential ? 1.0 : std::log(2.0);
  return loss < std::log(at_zero / static_cast<double>(run.data.size())) - 1.0;
}

void judge_end(const Told& told, const TrueRows& truth, Finding& finding) {
  std::string& fault = finding.fault;
  if (finding.end == "refused") fault = told.refusal;
  if (finding.end == "hang") fault = fmt::format("still under way after {:.0f} s", told.seconds);
  if (!fault.empty()) return;
  const bool separates = finding.separated;
  const auto last = truth.empty() ? 0.0 : truth.rbegin()->second.answer.log_loss;
  if (told.reason == StopReason::not_separated && separates) {
    fault = fmt::format("called not separated, real log loss at step {} is {:.4f}",
                        truth.rbegin()->first, last);
  }
  if (!told.limit) return;
  const LimitStatus status = told.limit->limit.status;
  if (fault.empty() && status == LimitStatus::not_separated && separates) {
    fault = fmt::format("limit not-separated ({}), real log loss at step {} is {:.4f}",
                        told.limit->limit.message, truth.rbegin()->first, last);
  }
  if (fault.empty() && told.reason == StopReason::not_separated && status == LimitStatus::found) {
    fault = "called not separated, but a limit is found";
  }
  if (fault.empty() && finding.end == "answered" && status == LimitStatus::found &&
      told.rows.back().answer.log_loss > -1.0) {
    fault = fmt::format("a limit is found, but log loss is {:.4f} at 10^100",
                        told.rows.back().answer.log_loss);
  }
}

Finding carry_out(const Settings& settings, std::uint64_t number) {
  RunProblem run = hunt::make_problem(settings.seed, number, settings.classes);
  run.config.descent.loss = settings.loss;
  const auto names = hunt::family_names();
  Finding finding{.number = number, .family = names[number % names.size()]};
  const Told told = ask(run);
  const double judging = thread_seconds();
  const bool flow = run.config.descent.method == Method::flow;
  const TrueRows truth = run.data.class_count > 2
                             ? find_class_truth(run, settings.steps)
                             : find_truth(real_steps::problem_of(run), flow, settings.steps);
  finding.end = end_of(told);
  finding.limit = told.limit ? word_of(told.limit->limit.status) : "none";
  finding.separated = separated(truth, run);
  judge_end(told, truth, finding);
  compare(run, flow, truth, told, finding);
  finding.asked = told.seconds;
  finding.judged = thread_seconds() - judging;
  if (settings.only) {
    for (const Row& row : told.rows) {
      const auto found = row.step ? truth.find(*row.step) : truth.end();
      if (found == truth.end()) continue;
      fmt::print("{:>8} {:<5} log loss {:.12f}, off by {:.1e}, estimate {:.1e}\n", *row.step,
                 row.of_flow ? "flow" : "exact", row.answer.log_loss,
                 row.answer.difference(found->second.answer), row.estimate);
    }
    fmt::print("{} ({}), limit {} ({}), {:.2f} s\n", finding.end, told.message, finding.limit,
               told.limit ? told.limit->limit.message : "", told.seconds);
  }
  const double nearest = finding.ratios.empty() ? 0.0 : *std::ranges::max_element(finding.ratios);
  const bool unanswered = finding.separated && finding.end != "answered";
  const bool tells = nearest >= settings.near || (std::isfinite(settings.near) && unanswered);
  if (!finding.fault.empty() || settings.only || tells) {
    const RunConfig& config = run.config;
    const Dataset& data = run.data;
    const Network& initial = run.initial;
    fmt::print("{}-{}-{} n={} d={} m={} slope={:g} eta={:.3g} tol={:g} {}: {}\n", finding.family,
               settings.seed, number, data.size(), data.dim(), initial.shape.width,
               config.network.slope, config.descent.learning_rate, config.descent.tolerance,
               flow ? "gradient flow" : word_of(config.descent.engine),
               finding.fault.empty()
                   ? fmt::format("no fault, {}, as near as {:.2g}", finding.end, nearest)
                   : finding.fault);
    std::fflush(stdout);
    if (!settings.keep.empty()) {
      hunt::keep_problem(
          run, fmt::format("{}/{}-{}-{}", settings.keep, finding.family, settings.seed, number));
    }
  }
  return finding;
}

/// Counts of a family, and of all.
struct Counts {
  std::map<std::string, int> ends, limits;
  int runs = 0, faults = 0, unsure = 0, separated = 0, separated_answered = 0;
  double asked = 0.0, judged = 0.0;
  std::vector<double> ratios;
  std::size_t too_fine = 0;

  void add(const Finding& finding) {
    ++runs;
    ++ends[finding.end];
    ++limits[finding.limit];
    faults += !finding.fault.empty();
    unsure += finding.unsure;
    separated += finding.separated;
    separated_answered += finding.separated && finding.end == "answered";
    asked += finding.asked;
    judged += finding.judged;
    ratios.insert(ratios.end(), finding.ratios.begin(), finding.ratios.end());
    too_fine += finding.too_fine;
  }
  int count(const std::string& end) const {
    const auto found = ends.find(end);
    return found == ends.end() ? 0 : found->second;
  }
};

void print_table(const std::map<std::string, Counts>& families, const Counts& all) {
  constexpr const char* ends[] = {"answered",      "infinite",   "not-late",
                                  "not-separated", "not-finite", "flow-failed"};
  fmt::print("\n{:<24}{:>7}", "family", "runs");
  for (const char* end : ends) fmt::print("{:>14}", end);
  fmt::print("{:>8}{:>8}{:>10}\n", "unsure", "faults", "worst");
  const auto line = [&](const std::string& name, const Counts& counts) {
    fmt::print("{:<24}{:>7}", name, counts.runs);
    for (const char* end : ends) fmt::print("{:>14}", counts.count(end));
    double worst = 0.0;
    for (const double ratio : counts.ratios) worst = std::max(worst, ratio);
    fmt::print("{:>8}{:>8}{:>10.2g}\n", counts.unsure, counts.faults, worst);
  };
  for (const auto& [name, counts] : families) line(name, counts);
  line("all", all);
  fmt::print("\nlimits:");
  for (const auto& [status, count] : all.limits) fmt::print(" {} {}", status, count);
  fmt::print("\nreal steps separate the samples in {} runs, of which {} are answered ({:.1f} %)\n",
             all.separated, all.separated_answered,
             100.0 * all.separated_answered / std::max(1, all.separated));
}

void print_histogram(std::vector<double> ratios, std::size_t too_fine) {
  if (ratios.empty()) return;
  std::sort(ratios.begin(), ratios.end());
  std::map<int, std::size_t> decades;
  for (const double ratio : ratios) {
    ++decades[ratio < 1e-9 ? -9 : std::min(3, static_cast<int>(std::floor(std::log10(ratio))))];
  }
  fmt::print("\nerror / (estimate + 1e-9), {} rows of the flow\n", ratios.size());
  for (const auto& [decade, count] : decades) {
    fmt::print("  {:>6} to 1e{:<3}{:>10}  {:.4f} %\n",
               decade == -9 ? "0" : fmt::format("1e{}", decade), decade + 1, count,
               100.0 * static_cast<double>(count) / static_cast<double>(ratios.size()));
  }
  fmt::print("  median {:.2g}, maximum {:.3g}\n", ratios[ratios.size() / 2], ratios.back());
  fmt::print("  {} rows more have estimates below what small steps of gradient flow resolve\n",
             too_fine);
}

std::atomic<std::uint64_t> under_way{0};
std::atomic<bool> stopped{false};

void stop(int) {
  stopped = true;
}

/// Names the run that crashed or hangs, as far as several threads allow, and ends.
void tell_of_crash(int) {
  char text[] = "hunt: crashed or hangs at or near number                     \n";
  std::uint64_t number = under_way;
  for (std::size_t place = sizeof text - 3; number > 0; --place, number /= 10) {
    text[place] = static_cast<char>('0' + number % 10);
  }
  if (::write(2, text, sizeof text - 1) < 0) std::_Exit(4);
  std::_Exit(3);
}

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const char* value = i + 1 < argc ? argv[++i] : "";
    if (name == "--seconds") settings.seconds = std::strtod(value, nullptr);
    if (name == "--steps") settings.steps = std::strtod(value, nullptr);
    if (name == "--loss") settings.loss = choice_named<LossName>("--loss", value);
    if (name == "--classes") settings.classes = static_cast<int>(std::strtol(value, nullptr, 10));
    if (name == "--seed") settings.seed = std::strtoull(value, nullptr, 10);
    if (name == "--threads")
      settings.threads = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    if (name == "--family") settings.family = value;
    if (name == "--only") settings.only = std::strtoull(value, nullptr, 10);
    if (name == "--keep") settings.keep = value;
    if (name == "--near") settings.near = std::strtod(value, nullptr);
    if (name == "--first") settings.first = std::strtoull(value, nullptr, 10);
    if (name == "--runs") settings.runs = std::strtoull(value, nullptr, 10);
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  try {
    settings = settings_of(argc, argv);
  } catch (const InputError& error) {
    fmt::print(stderr, "hunt: {}\n", error.what());
    return 2;
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGALRM})
    std::signal(signal, tell_of_crash);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, stop);
  if (settings.only) return carry_out(settings, *settings.only).fault.empty() ? 0 : 1;
  const auto names = hunt::family_names();
  const auto begin = Clock::now();
  const double most =
      settings.seconds.value_or(settings.runs ? std::numeric_limits<double>::infinity() : 60.0);
  std::map<std::string, Counts> families;
  Counts all;
  std::mutex mutex;
  std::uint64_t last = settings.first;
  std::atomic<std::uint64_t> next{settings.first};
  const auto work = [&] {
    while (!stopped && std::chrono::duration<double>(Clock::now() - begin).count() < most) {
      const std::uint64_t number = next++;
      if (settings.runs && number - settings.first >= *settings.runs) return;
      if (!settings.family.empty() && names[number % names.size()] != settings.family) continue;
      under_way = number;
      ::alarm(patience);
      const Finding finding = carry_out(settings, number);
      const std::lock_guard lock(mutex);
      last = std::max(last, number);
      families[finding.family].add(finding);
      all.add(finding);
    }
  };
  std::vector<std::thread> workers;
  for (unsigned t = 1; t < settings.threads; ++t) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  print_table(families, all);
  print_histogram(all.ratios, all.too_fine);
  fmt::print(
      "{} runs from number {} to {}, {} faults; {:.0f} s in the library, {:.0f} s in real steps: "
      "{:.0f} runs an hour of "
      "processor time\n",
      all.runs, settings.first, last, all.faults, all.asked, all.judged,
      3600.0 * all.runs / (all.asked + all.judged));
  return all.faults ? 1 : 0;
}
