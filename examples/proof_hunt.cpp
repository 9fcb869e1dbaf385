// Hunts wrong theorems: random small problems of many families (those of `hunt`), proved wherever
// that can be done, and every proved number held against real steps.
//
//   build/release/examples/proof_hunt [--runs 200] [--seed 1] [--first NUMBER] [--only NUMBER]
//       [--from 1e5] [--steps 1e6] [--loss exponential] [--level C] [--keep DIR]
//       [--certificates DIR]
//
// From each problem exact steps are taken to half decades from 10^2.5 up to `from`; the first that
// gives a theorem is kept. Plain double steps from the same weights on, at level C from the initial
// ones, (tests/support/real_steps.hpp, which shares nothing with the library) go to `steps`, and
// at quarter decades log loss and stable ranks must lie within what is proved, but for the rounding
// of these steps. So must pairs that are proved to keep their sign at every t. A problem whose
// learning rate is changed after the steps were taken, or that has one label turned, must give
// another theorem or none. Exit code 1 when something proved is wrong; --keep writes such
// certificates into DIR.

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "hunt_problems.hpp"
#include "latetime/base/error.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/prove/run_proof.hpp"
#include "support/real_steps.hpp"

namespace {

using namespace latetime;

// Of double steps that are taken a million times, relative to numbers of order one.
constexpr double slack = 1e-8;
constexpr double earliest_decade = 2.5;

struct Settings {
  std::uint64_t runs = 200, seed = 1, first = 0;
  std::optional<std::uint64_t> only;
  double from = 1e5, steps = 1e6;
  LossName loss = LossName::logistic;
  bool from_start = false;
  std::string keep, certificates;
};

struct Counts {
  std::uint64_t runs = 0, skipped = 0, proved = 0, rows = 0, switching = 0, wrong = 0;
  double nearest = 0.0;  // largest distance from the middle of an enclosure, over half its width
  std::map<std::string, std::uint64_t> reasons;
};

struct Proved {
  Matrix weights;        // W_T
  std::uint64_t begins;  // step at which descent is said to begin: T, or 0
  RunTheorem theorem;
};

std::vector<double> log_times(double from, double until) {
  std::vector<double> times;
  for (double decade = std::log10(from); decade <= std::log10(until) + 1e-9; decade += 0.25) {
    times.push_back(std::log(std::round(std::pow(10.0, decade))));
  }
  return times;
}

Proof<RunTheorem> prove_at(const Problem& problem, const Matrix& weights, std::uint64_t step,
                           const Settings& settings, DescentReplay& replay) {
  ProofOptions options;
  options.log_times = log_times(static_cast<double>(step), settings.steps);
  auto proof = prove_run(problem, weights, step, options);
  if (!is_proved(proof) || !settings.from_start) return proof;
  const auto distance = replay.distance(step, weights);
  if (!is_proved(distance)) return std::get<NotProved>(distance);
  options.start_distance = std::get<double>(distance);
  return prove_run(problem, weights, step, options);
}

std::optional<Proved> prove(const Problem& problem, const Settings& settings, Counts& counts) {
  CoefficientEngine engine(problem, 1);
  DescentReplay replay(problem);
  std::string reason = "no step";
  for (double decade = earliest_decade; decade <= std::log10(settings.from) + 1e-9; decade += 0.5) {
    const auto step = static_cast<std::uint64_t>(std::llround(std::pow(10.0, decade)));
    engine.advance(step - engine.step());
    if (!engine.finite()) break;
    Matrix weights = engine.state().weights;
    auto proof = prove_at(problem, weights, step, settings, replay);
    if (is_proved(proof)) {
      return Proved{std::move(weights), settings.from_start ? 0 : step,
                    std::move(std::get<RunTheorem>(proof))};
    }
    reason = std::get<NotProved>(proof).reason;
  }
  // Reasons without their numbers.
  std::string kind;
  for (const char c : reason) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0 && c != '.') kind += c;
  }
  ++counts.reasons[kind.substr(0, 70)];
  return std::nullopt;
}

/// Empty, or what is wrong.
std::string contradiction(const RunProblem& problem, const Proved& proved, Counts& counts) {
  real_steps::Problem steps = real_steps::problem_of(problem);
  if (proved.begins > 0) steps.weights = proved.weights;
  real_steps::Descent<double> descent(steps);
  descent.advance_to(proved.theorem.step - proved.begins);
  const auto start = descent.preactivations();
  const auto n = static_cast<std::size_t>(problem.data.size());
  const std::size_t row = start.size() / n;
  for (const RunEnclosure& at : proved.theorem.enclosures) {
    const auto step = static_cast<std::uint64_t>(std::llround(std::exp(at.log_time)));
    descent.advance_to(step - proved.begins);
    const real_steps::Answer answer = descent.answer();
    ++counts.rows;
    const auto outside = [&](const Enclosure& bounds, double value) {
      const double half = (bounds.upper - bounds.lower) / 2 + slack;
      counts.nearest =
          std::max(counts.nearest, std::abs(value - (bounds.lower + bounds.upper) / 2) / half);
      return value < bounds.lower - slack * (1 + std::abs(value)) ||
             value > bounds.upper + slack * (1 + std::abs(value));
    };
    if (outside(at.log_loss, answer.log_loss)) {
      return fmt::format("log loss {:.12g} at step {}, proved to lie in {}", answer.log_loss, step,
                         outward_text(at.log_loss));
    }
    for (std::size_t part = 0; part < 3; ++part) {
      if (!at.stable_ranks[part] || !outside(*at.stable_ranks[part], answer.ranks[part])) continue;
      return fmt::format("stable rank {} is {:.12g} at step {}, proved to lie in {}", part,
                         answer.ranks[part], step, outward_text(*at.stable_ranks[part]));
    }
    const auto& now = descent.preactivations();
    for (std::size_t pair = 0; pair < proved.theorem.keeps_sign.size(); ++pair) {
      const std::size_t place = pair % n * row + pair / n;
      if (!proved.theorem.keeps_sign[pair] || (start[place] >= 0) == (now[place] >= 0)) continue;
      return fmt::format("neuron {} changes its sign at sample {} by step {}", pair / n, pair % n,
                         step);
    }
  }
  return "";
}

/// Whether another problem with the same weights is said to obey this theorem: to the last bit of
/// the radius, which everything goes into.
std::string confusion(const Problem& problem, const Proved& proved) {
  const auto is_same = [&](const Problem& other) {
    const auto proof = prove_run(other, proved.weights, proved.theorem.step);
    const auto* theorem = std::get_if<RunTheorem>(&proof);
    return theorem != nullptr && theorem->radius == proved.theorem.radius;
  };
  Problem turned = problem;
  turned.data.classes[0] = 1 - turned.data.classes[0];
  if (is_same(turned)) return "a label makes no difference";
  Problem slower = problem;
  slower.learning_rate *= 0.5;
  return is_same(slower) ? "the learning rate makes no difference" : "";
}

void look_at(std::uint64_t number, const Settings& settings, Counts& counts) {
  RunProblem problem = hunt::make_problem(settings.seed, number);
  problem.config.descent.loss = settings.loss;
  ++counts.runs;
  if (problem.config.descent.method != Method::gradient_descent ||
      !(problem.config.network.slope < 1.0)) {
    ++counts.skipped;
    return;
  }
  const auto proved = prove(problem.descent(), settings, counts);
  if (!proved) return;
  ++counts.proved;
  counts.switching += proved->theorem.limit.switching.size();
  if (!settings.certificates.empty()) {
    std::filesystem::create_directories(settings.certificates);
    std::ofstream(fmt::format("{}/{}-{}.txt", settings.certificates, settings.seed, number))
        << proved->theorem.certificate;
  }
  std::string wrong = contradiction(problem, *proved, counts);
  if (wrong.empty()) wrong = confusion(problem.descent(), *proved);
  if (wrong.empty()) return;
  ++counts.wrong;
  fmt::print("WRONG: --seed {} --only {}: {}\n", settings.seed, number, wrong);
  if (settings.keep.empty()) return;
  const std::string folder = fmt::format("{}/{}-{}", settings.keep, settings.seed, number);
  std::filesystem::create_directories(folder);
  hunt::keep_problem(problem, folder);
  std::ofstream(folder + "/certificate.txt") << proved->theorem.certificate;
}

std::uint64_t whole(const std::string& text) {
  return static_cast<std::uint64_t>(std::stod(text));
}

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--runs") {
      settings.runs = whole(value);
    } else if (name == "--seed") {
      settings.seed = whole(value);
    } else if (name == "--first") {
      settings.first = whole(value);
    } else if (name == "--only") {
      settings.only = whole(value);
    } else if (name == "--from") {
      settings.from = std::stod(value);
    } else if (name == "--steps") {
      settings.steps = std::stod(value);
    } else if (name == "--loss") {
      settings.loss = choice_named<LossName>(name, value);
    } else if (name == "--level") {
      settings.from_start = value == "C";
    } else if (name == "--keep") {
      settings.keep = value;
    } else if (name == "--certificates") {
      settings.certificates = value;
    } else {
      throw InputError(name, "is no option; the comment at the top of proof_hunt.cpp lists all");
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = settings_of(argc, argv);
    Counts counts;
    if (settings.only) {
      look_at(*settings.only, settings, counts);
    } else {
      for (std::uint64_t i = 0; i < settings.runs; ++i) {
        look_at(settings.first + i, settings, counts);
      }
    }
    fmt::print("{} problems, {} of them not of gradient descent with slope < 1\n", counts.runs,
               counts.skipped);
    fmt::print("{} proved, {} pairs that switch for ever; {} rows held to real steps\n",
               counts.proved, counts.switching, counts.rows);
    fmt::print(
        "{} wrong; farthest from the middle of what is proved, over half its width: {:.3g}\n",
        counts.wrong, counts.nearest);
    for (const auto& [reason, count] : counts.reasons) {
      fmt::print("  not proved {:>5}  {}\n", count, reason);
    }
    return counts.wrong == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "proof_hunt: {}\n", error.what());
    return 2;
  }
}
