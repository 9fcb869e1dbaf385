// What multipliers do to weights, from the samples themselves.

#include "latetime/dynamics/features.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"

namespace latetime {
namespace {

/// Three samples of one class: any x, −q x but for a part `off` of its norm, and another.
FlowProblem nearly_contradicting(double off, std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::test);
  Dataset data{.x = Matrix(3, 6), .classes = {0, 0, 0}};
  for (Eigen::Index i = 0; i < 3; ++i) {
    for (Eigen::Index c = 0; c < 6; ++c) data.x.edit()(i, c) = stream.normal();
  }
  const Eigen::RowVectorXd first = data.x.row(0), other = data.x.row(1);
  data.x.edit().row(1) =
      -0.5 * first +
      off * first.norm() / other.norm() * (other - other.dot(first) / first.squaredNorm() * first);
  return FlowProblem({data, {{.groups = 2, .width = 2, .dim = 6, .slope = 1.0}, {}}, 0.1});
}

std::vector<NeuronMode> linear_modes(const FlowProblem& problem) {
  NeuronMode mode;
  mode.active.assign(static_cast<std::size_t>(problem.samples()), 1);
  return std::vector<NeuronMode>(static_cast<std::size_t>(problem.neurons()), mode);
}

const Vector balance = Vector{{0.5, 1.0, 0.0}};

TEST(Pushes, AreThoseOfTheSamples) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const FlowProblem problem = nearly_contradicting(0.3, seed);
    const Vector lambda{{0.2, 0.7, 1.1}};
    const Vector found = pushes(problem, linear_modes(problem), lambda);
    const double expected = (problem.x.transpose() * lambda).norm();
    for (const double push : found) EXPECT_NEAR(push, expected, 1e-14 * expected);
  }
}

TEST(Pushes, AreNothingToRoundingAndWhatIsLeftBeyond) {
  for (const double off : {1e-11, 1e-9, 1e-7, 1e-5}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const FlowProblem problem = nearly_contradicting(off, seed);
      const Vector left = problem.x.transpose() * balance;
      for (const double push : pushes(problem, linear_modes(problem), balance)) {
        EXPECT_NEAR(push, left.norm(), 1e-15 * problem.x.norm()) << off;
        EXPECT_GT(push, 0.0);
      }
    }
  }
  const FlowProblem exact = nearly_contradicting(0.0, 1);
  EXPECT_TRUE(pushes(exact, linear_modes(exact), balance).isZero(0.0));
}

TEST(MovesNoWeights, TellsWhatAGramMatrixCannot) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const FlowProblem exact = nearly_contradicting(0.0, seed);
    EXPECT_TRUE(moves_no_weights(exact, linear_modes(exact), balance));
    EXPECT_FALSE(moves_no_weights(exact, linear_modes(exact), Vector{{0.5, 1.0, 0.1}}));
    for (const double off : {1e-11, 1e-9, 1e-7}) {
      const FlowProblem near = nearly_contradicting(off, seed);
      EXPECT_FALSE(moves_no_weights(near, linear_modes(near), balance)) << off;
    }
  }
}

TEST(MovesNoWeights, LooksAtActivePairsAlone) {
  const FlowProblem near = nearly_contradicting(1e-9, 1);
  FlowProblem relu = near;
  relu.shape.slope = 0.0;
  std::vector<NeuronMode> modes = linear_modes(relu);
  for (NeuronMode& mode : modes) mode.active = {0, 0, 1};
  EXPECT_TRUE(moves_no_weights(relu, modes, balance));  // no neuron feels either of them
  EXPECT_TRUE(pushes(relu, modes, balance).isZero(0.0));
}

}  // namespace
}  // namespace latetime
