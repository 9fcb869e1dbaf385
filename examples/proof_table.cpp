// How often a theorem about a run can be proved: the table of docs/proofs.md.
//
//   build/release/examples/proof_table [--seeds 20] [--level B] [--only "relu m 20"]
//       [--most-steps 1e7] [--loss exponential] [--keep DIR]
//
// Gaussian samples and weights of `latetime run`'s defaults, η = 0.1, σ0 = 10⁻³. Exact steps are
// taken to half decades from 10³ on, and the first from which there is a proof counts. --keep
// writes the certificates into DIR, for tools/check_certificate.py.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/prove/run_proof.hpp"

namespace {

using namespace latetime;
using Clock = std::chrono::steady_clock;

struct Case {
  const char* name;
  double slope;
  int n, d, width, seeds;
};

constexpr Case cases[] = {{"slope 0.5 m 20", 0.5, 10, 784, 20, 20},
                          {"slope 0.1 m 100", 0.1, 10, 784, 100, 20},
                          {"relu m 20", 0.0, 10, 784, 20, 20},
                          {"relu m 100", 0.0, 10, 784, 100, 20},
                          {"slope 0.5 n 40", 0.5, 40, 2000, 50, 5}};

struct Settings {
  int seeds = 20;
  bool from_start = false;
  LossName loss = LossName::logistic;
  std::string only, keep;
  double most_steps = 1e7;
};

struct Row {
  int proved = 0, runs = 0;
  std::vector<double> steps, radii, switching, seconds, replays;
  std::vector<std::string> open;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string range(std::vector<double> values, int digits) {
  if (values.empty()) return "-";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least == *most) return fmt::format("{:.{}g}", *least, digits);
  return fmt::format("{:.{}g} … {:.{}g}", *least, digits, *most, digits);
}

void prove_one(const Case& of, int seed, const Settings& settings, Row& row) {
  RunConfig config;
  config.seed = seed;
  config.data.n = of.n;
  config.data.d = of.d;
  config.network.width = of.width;
  config.network.slope = of.slope;
  config.descent.loss = settings.loss;
  const Problem problem = load_problem(config).descent();
  ExactDescent descent(problem, 1, true);
  DescentReplay replay(problem);
  ++row.runs;
  std::string reason;
  for (double decade = 3.0; decade <= std::log10(settings.most_steps) + 1e-9; decade += 0.5) {
    const auto step = static_cast<std::uint64_t>(std::llround(std::pow(10.0, decade)));
    descent.advance(step - descent.step());
    const Matrix weights = descent.state().weights;
    auto start = Clock::now();
    ProofOptions options;
    auto proof = prove_run(problem, weights, step, options);
    const double took = seconds_since(start);
    if (is_proved(proof) && settings.from_start) {
      start = Clock::now();
      const auto distance = replay.distance(step, weights);
      if (!is_proved(distance)) {
        reason = std::get<NotProved>(distance).reason;
        break;  // no later step is proved either
      }
      options.start_distance = std::get<double>(distance);
      proof = prove_run(problem, weights, step, options);
      row.replays.push_back(seconds_since(start));
    }
    if (!is_proved(proof)) {
      reason = std::get<NotProved>(proof).reason;
      continue;
    }
    const auto& theorem = std::get<RunTheorem>(proof);
    ++row.proved;
    row.steps.push_back(static_cast<double>(step));
    row.radii.push_back(theorem.radius);
    row.switching.push_back(static_cast<double>(theorem.limit.switching.size()));
    row.seconds.push_back(took);
    if (!settings.keep.empty()) {
      std::filesystem::create_directories(settings.keep);
      std::ofstream(fmt::format("{}/{}-{}.txt", settings.keep, of.name, seed))
          << theorem.certificate;
    }
    return;
  }
  row.open.push_back(fmt::format("seed {}: {}", seed, reason));
}

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--seeds") {
      settings.seeds = std::stoi(value);
    } else if (name == "--level") {
      settings.from_start = value == "C";
    } else if (name == "--loss") {
      settings.loss = choice_named<LossName>(name, value);
    } else if (name == "--only") {
      settings.only = value;
    } else if (name == "--most-steps") {
      settings.most_steps = std::stod(value);
    } else if (name == "--keep") {
      settings.keep = value;
    } else {
      throw InputError(name, "is no option; the comment at the top of proof_table.cpp lists all");
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = settings_of(argc, argv);
    fmt::print("| case | proved | T | R | pairs proved to switch | a proof, s |{}\n",
               settings.from_start ? " replay, s |" : "");
    fmt::print("|---|---|---|---|---|---|{}\n", settings.from_start ? "---|" : "");
    for (const Case& of : cases) {
      if (!settings.only.empty() && settings.only != of.name) continue;
      Row row;
      for (int seed = 1; seed <= std::min(settings.seeds, of.seeds); ++seed) {
        prove_one(of, seed, settings, row);
      }
      fmt::print("| {} | {} of {} | {} | {} | {} | {} |", of.name, row.proved, row.runs,
                 range(row.steps, 4), range(row.radii, 2), range(row.switching, 4),
                 range(row.seconds, 2));
      fmt::print("{}\n", settings.from_start ? fmt::format(" {} |", range(row.replays, 2)) : "");
      for (const std::string& open : row.open) fmt::print(stderr, "  {}: {}\n", of.name, open);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "proof_table: {}\n", error.what());
    return 2;
  }
}
