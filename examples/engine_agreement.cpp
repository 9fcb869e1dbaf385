// How far apart are the dense and the coefficient engine, and both from stored trajectories?
//
//   build/release/examples/engine_agreement FILE.npz… [--steps N]
//
// Each file holds X (n × d), y, W0 (2, m, d), a slope and a learning rate; trajectories from other
// programs may add the loss of every step. Prints a row a file.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/model/loss.hpp"

namespace {

using namespace latetime;

double number(const std::string& file, const std::string& name, const std::string& other_name) {
  try {
    return read_array(file + ":" + name).values.at(0);
  } catch (const InputError&) {
    return read_array(file + ":" + other_name).values.at(0);
  }
}

double log_loss(const TrainingState& state, const Network& network, const Dataset& data) {
  return log_mean_loss(group_outputs(state.preactivations, network.shape), data.classes);
}

struct Row {
  double loss = 0.0;       // largest relative difference of the loss, over all steps
  double weights = 0.0;    // largest difference of an entry of W
  double reference = 0.0;  // coefficient engine against the stored loss
  std::uint64_t switches = 0;
  bool same_switches = true;
};

Row compare(const std::string& file, std::uint64_t steps) {
  const NumericArray initial = read_array(file + ":W0");
  const Dataset data = make_dataset(read_matrix(file + ":X"), read_vector(file + ":y"), file + ":X",
                                    file + ":y", file);
  const Network network{
      {.groups = 2,
       .width = static_cast<Eigen::Index>(initial.shape.at(1)),
       .dim = data.dim(),
       .slope = number(file, "gamma", "slope")},
      Eigen::Map<const Matrix>(initial.values.data(),
                               2 * static_cast<Eigen::Index>(initial.shape.at(1)), data.dim())};
  const double rate = number(file, "lr", "learning_rate");
  std::vector<double> stored;
  try {
    stored = read_array(file + ":loss").values;
  } catch (const InputError&) {
    // Not every file has it; the column then reads 0.
  }
  const Problem problem{data, network, rate};
  DenseEngine dense(problem, 0, 1, 1);
  CoefficientEngine coefficient(problem, 1);
  Row row;
  for (std::uint64_t step = 0; step <= steps; ++step) {
    const TrainingState a = dense.state(), b = coefficient.state();
    const double loss = log_loss(b, network, data);
    row.loss = std::max(row.loss, std::abs(log_loss(a, network, data) - loss));
    row.weights = std::max(row.weights, (a.weights - b.weights).cwiseAbs().maxCoeff());
    if (step < stored.size()) {
      row.reference = std::max(row.reference, std::abs(loss - std::log(stored[step])));
    }
    row.same_switches = row.same_switches && a.switches.own == b.switches.own &&
                        a.switches.other == b.switches.other;
    row.switches = b.switches.own + b.switches.other;
    if (step < steps) {
      dense.advance(1);
      coefficient.advance(1);
    }
  }
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t steps = 2000;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--steps" && i + 1 < argc) {
      steps = std::strtoull(argv[++i], nullptr, 10);
    } else {
      files.push_back(argv[i]);
    }
  }
  if (files.empty()) {
    fmt::print(stderr, "usage: engine_agreement FILE.npz… [--steps N]\n");
    return 2;
  }
  fmt::print("dense against coefficient engine over {} steps: largest differences\n", steps);
  fmt::print("{:<24}{:>12}{:>14}{:>16}{:>10}  {}\n", "file", "loss, rel.", "weights",
             "loss to stored", "switches", "all seen by both");
  try {
    for (const auto& file : files) {
      const Row row = compare(file, steps);
      fmt::print("{:<24}{:>12.1e}{:>14.1e}{:>16.1e}{:>10}  {}\n",
                 std::filesystem::path(file).stem().string(), row.loss, row.weights, row.reference,
                 row.switches, row.same_switches ? "yes" : "NO");
    }
  } catch (const InputError& error) {
    fmt::print(stderr, "engine_agreement: {}\n", error.what());
    return 2;
  }
  return 0;
}
