// What must not change when the problem is written down differently. Fifty random problems, each
// with both engines.

#include <numeric>

#include <gtest/gtest.h>

#include "problems.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

using namespace testing_support;

constexpr std::uint64_t steps = 150;

TestProblem random_problem(std::uint64_t index) {
  RandomStream stream(21, RandomPurpose::test, index);
  const auto n = static_cast<Eigen::Index>(1 + stream.below(40));
  const auto d = static_cast<Eigen::Index>(1 + stream.below(60));
  const auto width = static_cast<Eigen::Index>(1 + stream.below(40));
  const double slopes[] = {0.0, 0.1, 0.5, 1.0};
  const double slope = slopes[stream.below(4)];
  const double init_std = std::pow(10.0, -4.0 * stream.uniform());
  const int classes = stream.below(3) == 0 ? 3 : 2;
  Dataset data = gaussian_mixture(n, d, 0.3, 1.0, index);
  if (classes > 2) data = with_class_count(std::move(data), classes);
  return problem_on("random", std::move(data), width, slope, init_std, 0.3 * stream.uniform());
}

using Maker = Engine (*)(const TestProblem&);
Engine make_dense(const TestProblem& p) {
  return dense(p);
}
Engine make_coefficient(const TestProblem& p) {
  return coefficient(p);
}

TrainingState final_state(const TestProblem& problem, Maker make) {
  Engine engine = make(problem);
  engine.advance(steps);
  return engine.state();
}

class Metamorphic : public testing::TestWithParam<std::uint64_t> {
 protected:
  Metamorphic() : problem_(random_problem(GetParam())) {}

  /// Runs the problem and its transform with each engine.
  template <class Compare>
  void compare_with(const TestProblem& transformed, const Compare& compare) const {
    for (const Maker make : {&make_dense, &make_coefficient}) {
      compare(final_state(problem_, make), final_state(transformed, make));
    }
  }

  void expect_near(const Matrix& a, const Matrix& b, double scale) const {
    ASSERT_EQ(a.rows(), b.rows());
    ASSERT_EQ(a.cols(), b.cols());
    EXPECT_LE(largest(a - b), run_rounding * scale)
        << "n = " << problem_.data.size() << ", d = " << problem_.data.dim()
        << ", m = " << problem_.initial.shape.width << ", slope " << problem_.initial.shape.slope
        << ", K = " << problem_.initial.shape.groups;
  }
  void expect_near_z(const Matrix& a, const Matrix& b, const TrainingState& state) const {
    expect_near(a, b, preactivation_scale(state, problem_.data));
  }

  std::vector<std::uint32_t> order(Eigen::Index size) const {
    return RandomStream(22, RandomPurpose::test, GetParam())
        .permutation(static_cast<std::uint32_t>(size));
  }

  TestProblem problem_;
};

TEST_P(Metamorphic, BothEnginesFollowTheSameDescent) {
  const TrainingState a = final_state(problem_, make_dense);
  const TrainingState b = final_state(problem_, make_coefficient);
  expect_near(a.weights, b.weights, largest(a.weights));
  expect_near_z(a.preactivations, b.preactivations, a);
  EXPECT_TRUE(same_counts(a.switches, b.switches));
}

TEST_P(Metamorphic, RotatingSamplesAndWeightsLeavesPreactivations) {
  const Eigen::Index d = problem_.data.dim();
  RandomStream stream(23, RandomPurpose::test, GetParam());
  Eigen::MatrixXd gaussian(d, d);
  for (double& entry : gaussian.reshaped()) entry = stream.normal();
  const Eigen::MatrixXd rotation = dense_math::orthonormal(gaussian);
  TestProblem rotated = problem_;
  rotated.data.x = problem_.data.x * rotation;
  rotated.initial.weights = problem_.initial.weights * rotation;
  compare_with(rotated, [&](const TrainingState& a, const TrainingState& b) {
    expect_near_z(a.preactivations, b.preactivations, a);
    expect_near(a.weights * rotation, b.weights, largest(a.weights));
    EXPECT_TRUE(same_counts(a.switches, b.switches));
  });
}

TEST_P(Metamorphic, PermutingNeuronsOfAGroupPermutesRows) {
  const Eigen::Index width = problem_.initial.shape.width;
  const auto places = order(width);
  const auto permuted = [&](const Matrix& rows) {
    Matrix result = rows;
    for (int group = 0; group < problem_.initial.shape.groups; ++group) {
      for (Eigen::Index r = 0; r < width; ++r) {
        result.row(group * width + r) =
            rows.row(group * width + places[static_cast<std::size_t>(r)]);
      }
    }
    return result;
  };
  TestProblem other = problem_;
  other.initial.weights = permuted(problem_.initial.weights);
  compare_with(other, [&](const TrainingState& a, const TrainingState& b) {
    expect_near(permuted(a.weights), b.weights, largest(a.weights));
    EXPECT_TRUE(same_counts(a.switches, b.switches));
  });
}

TEST_P(Metamorphic, PermutingSamplesPermutesColumns) {
  const auto places = order(problem_.data.size());
  TestProblem other = problem_;
  for (std::size_t i = 0; i < places.size(); ++i) {
    other.data.x.edit().row(static_cast<Eigen::Index>(i)) = problem_.data.x.row(places[i]);
    other.data.classes[i] = problem_.data.classes[places[i]];
  }
  compare_with(other, [&](const TrainingState& a, const TrainingState& b) {
    expect_near(a.weights, b.weights, largest(a.weights));
    Matrix permuted = a.coefficients;
    for (std::size_t i = 0; i < places.size(); ++i) {
      permuted.col(static_cast<Eigen::Index>(i)) = a.coefficients.col(places[i]);
    }
    expect_near(permuted, b.coefficients, largest(a.coefficients));
    EXPECT_TRUE(same_counts(a.switches, b.switches));
  });
}

/// With two classes this flips f and every label; the margins stay.
TEST_P(Metamorphic, RenumberingClassesRenumbersGroups) {
  const int groups = problem_.initial.shape.groups;
  const Eigen::Index width = problem_.initial.shape.width;
  const auto renumbered = [groups](int group) { return (group + 1) % groups; };
  TestProblem other = problem_;
  for (int& c : other.data.classes) c = renumbered(c);
  for (int group = 0; group < groups; ++group) {
    other.initial.weights.middleRows(renumbered(group) * width, width) =
        problem_.initial.weights.middleRows(group * width, width);
  }
  compare_with(other, [&](const TrainingState& a, const TrainingState& b) {
    for (int group = 0; group < groups; ++group) {
      expect_near(a.weights.middleRows(group * width, width),
                  b.weights.middleRows(renumbered(group) * width, width), largest(a.weights));
    }
    EXPECT_TRUE(same_counts(a.switches, b.switches));
  });
}

/// Two copies of each neuron: F is the same mean. A neuron's gradient carries 1/m, so that with 2m
/// neurons twice the learning rate moves it as before.
TEST_P(Metamorphic, SplittingEachNeuronAtTwiceTheLearningRateLeavesTheOutputs) {
  const NetworkShape& shape = problem_.initial.shape;
  TestProblem split = problem_;
  split.initial.shape.width = 2 * shape.width;
  split.learning_rate = 2 * problem_.learning_rate;
  const auto doubled = [&](const Matrix& rows) {
    Matrix result(2 * rows.rows(), rows.cols());
    for (int group = 0; group < shape.groups; ++group) {
      for (int copy = 0; copy < 2; ++copy) {
        result.middleRows((2 * group + copy) * shape.width, shape.width) =
            rows.middleRows(group * shape.width, shape.width);
      }
    }
    return result;
  };
  split.initial.weights = doubled(problem_.initial.weights);
  compare_with(split, [&](const TrainingState& a, const TrainingState& b) {
    expect_near(doubled(a.weights), b.weights, largest(a.weights));
    expect_near_z(group_outputs(a.preactivations, shape),
                  group_outputs(b.preactivations, split.initial.shape), a);
    EXPECT_EQ(2 * a.switches.own, b.switches.own);
    EXPECT_EQ(2 * a.switches.other, b.switches.other);
  });
}

/// The mean over the samples does not see that each stands there twice.
TEST_P(Metamorphic, TakingEverySampleTwiceChangesNothing) {
  const Eigen::Index n = problem_.data.size();
  TestProblem twice = problem_;
  twice.data.x = Matrix(2 * n, problem_.data.dim());
  twice.data.x.edit() << problem_.data.x, problem_.data.x;
  twice.data.classes.insert(twice.data.classes.end(), problem_.data.classes.begin(),
                            problem_.data.classes.end());
  compare_with(twice, [&](const TrainingState& a, const TrainingState& b) {
    expect_near(a.weights, b.weights, largest(a.weights));
    EXPECT_EQ(2 * a.switches.own, b.switches.own);
    EXPECT_EQ(2 * a.switches.other, b.switches.other);
  });
}

/// Samples times 2, weights over 2, η over 4: the same Z. Powers of two round nothing.
TEST_P(Metamorphic, RescalingByPowersOfTwoChangesNoBitOfThePreactivations) {
  TestProblem scaled = problem_;
  scaled.data.x.edit() *= 2.0;
  scaled.initial.weights /= 2.0;
  scaled.learning_rate /= 4.0;
  compare_with(scaled, [&](const TrainingState& a, const TrainingState& b) {
    EXPECT_TRUE(same_bits(a.preactivations, b.preactivations));
    EXPECT_TRUE(same_bits(a.weights / 2.0, b.weights));
    EXPECT_TRUE(same_bits(a.coefficients / 4.0, b.coefficients));
  });
}

INSTANTIATE_TEST_SUITE_P(RandomProblems, Metamorphic, testing::Range<std::uint64_t>(0, 50));

}  // namespace
}  // namespace latetime
