#include "latetime/model/loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"

namespace latetime {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon();

struct Sample {
  Matrix outputs;
  std::vector<int> classes;
};

Sample random_sample(Eigen::Index n, int groups, double size, std::uint64_t index) {
  RandomStream stream(12, RandomPurpose::test, index);
  Sample sample{Matrix(n, groups), {}};
  for (double& entry : sample.outputs.reshaped()) entry = size * stream.normal();
  for (Eigen::Index i = 0; i < n; ++i) {
    sample.classes.push_back(static_cast<int>(stream.below(static_cast<std::uint64_t>(groups))));
  }
  return sample;
}

class LossOfGroups : public testing::TestWithParam<int> {};

/// pulls = −n ∂L/∂F, and ∂L/∂F = L ∂(log L)/∂F.
TEST_P(LossOfGroups, PullsAreMinusTheFiniteDifferencesOfTheLoss) {
  const int groups = GetParam();
  for (std::uint64_t index = 0; index < 20; ++index) {
    const Sample sample = random_sample(4, groups, 2.0, index);
    Matrix pulls(4, groups);
    loss_pulls(sample.outputs, sample.classes, pulls);
    const double loss = std::exp(log_mean_loss(sample.outputs, sample.classes));
    // Central difference: |L'''| h²/6 ≤ h²/6 for one sample of n, and rounding of L, a few units of
    // it, divided by h. With h = 1e-5 both are near 1e-11.
    const double h = 1e-5;
    const double tolerance = h * h + 4 * 16 * unit * std::max(1.0, loss) / h;
    for (Eigen::Index i = 0; i < 4; ++i) {
      for (int k = 0; k < groups; ++k) {
        Matrix up = sample.outputs, down = sample.outputs;
        up(i, k) += h;
        down(i, k) -= h;
        const double slope = (std::exp(log_mean_loss(up, sample.classes)) -
                              std::exp(log_mean_loss(down, sample.classes))) /
                             (2 * h);
        EXPECT_NEAR(pulls(i, k), -4 * slope, tolerance);
      }
    }
  }
}

TEST_P(LossOfGroups, PullsOfASampleSumToZeroAndPullTheOwnGroupUp) {
  const int groups = GetParam();
  for (const double size : {0.1, 3.0, 30.0}) {
    const Sample sample = random_sample(50, groups, size, 77);
    Matrix pulls(50, groups);
    loss_pulls(sample.outputs, sample.classes, pulls);
    for (Eigen::Index i = 0; i < 50; ++i) {
      const double largest = sample.outputs.row(i).cwiseAbs().maxCoeff();
      EXPECT_NEAR(pulls.row(i).sum(), 0.0, 8 * unit * std::max(1.0, largest));
      for (int k = 0; k < groups; ++k) {
        EXPECT_TRUE(k == sample.classes[static_cast<std::size_t>(i)] ? pulls(i, k) > 0
                                                                     : pulls(i, k) <= 0);
      }
    }
  }
}

TEST_P(LossOfGroups, LogLossIsTheSoftmaxCrossEntropy) {
  const int groups = GetParam();
  const Sample sample = random_sample(30, groups, 3.0, 78);
  const Vector logs = log_sample_losses(sample.outputs, sample.classes);
  long double mean = 0.0L;
  for (Eigen::Index i = 0; i < 30; ++i) {
    long double sum = 0.0L;
    const auto own = sample.classes[static_cast<std::size_t>(i)];
    for (int k = 0; k < groups; ++k) {
      if (k == own) continue;
      sum += std::exp(static_cast<long double>(sample.outputs(i, k)) - sample.outputs(i, own));
    }
    const long double loss = std::log1p(sum);
    mean += loss / 30;
    // Outputs up to 12 cancel in the margin: a few units of them, absolute in log ℓ.
    EXPECT_NEAR(logs[i], static_cast<double>(std::log(loss)), 64 * unit);
  }
  EXPECT_NEAR(log_mean_loss(sample.outputs, sample.classes), static_cast<double>(std::log(mean)),
              64 * unit);
}

TEST_P(LossOfGroups, MarginIsTheLeadOverTheBestOtherGroup) {
  const int groups = GetParam();
  const Sample sample = random_sample(30, groups, 3.0, 79);
  const Vector u = margins(sample.outputs, sample.classes);
  ASSERT_EQ(u.size(), 30);
  for (Eigen::Index i = 0; i < 30; ++i) {
    const int own = sample.classes[static_cast<std::size_t>(i)];
    double lead = std::numeric_limits<double>::infinity();
    for (int k = 0; k < groups; ++k) {
      if (k != own) lead = std::min(lead, sample.outputs(i, own) - sample.outputs(i, k));
    }
    EXPECT_EQ(u[i], lead);
  }
}

TEST_P(LossOfGroups, StaysFiniteWhereTheLossUnderflows) {
  const int groups = GetParam();
  Matrix outputs = Matrix::Zero(2, groups);
  outputs(0, 1) = 1e6;
  outputs(1, 0) = 1e6;  // sample 1 is wrong by as much
  const std::vector<int> first{1}, both{1, 1};
  const double others = std::log(static_cast<double>(groups - 1));
  EXPECT_NEAR(log_mean_loss(outputs.topRows(1), first), -1e6 + others, 4e6 * unit);
  EXPECT_NEAR(log_mean_loss(outputs, both), std::log(1e6) - std::log(2.0), 8 * unit * 14);
  Matrix pulls(2, groups);
  loss_pulls(outputs, both, pulls);
  EXPECT_TRUE(pulls.allFinite());
  EXPECT_EQ(pulls(0, 1), 0.0);
  EXPECT_EQ(pulls(1, 1), 1.0);
  EXPECT_NEAR(pulls(1, 0), -1.0, 4e6 * unit);
}

TEST_P(LossOfGroups, RelativePullsAreThePullsOverTheLargestMultiplier) {
  const int groups = GetParam();
  const Sample sample = random_sample(20, groups, 3.0, 80);
  Matrix pulls(20, groups);
  loss_pulls(sample.outputs, sample.classes, pulls);
  const Matrix relative = relative_loss_pulls(sample.outputs, sample.classes);
  // The exponent of a multiplier is good to a few units of the outputs, 12 at most.
  EXPECT_LE((relative * pulls.maxCoeff() - pulls).cwiseAbs().maxCoeff(), 128 * unit);
  EXPECT_NEAR(relative.maxCoeff(), 1.0, 4 * unit);
}

TEST_P(LossOfGroups, RelativePullsSurviveTheUnderflowOfEveryMultiplier) {
  const int groups = GetParam();
  Matrix outputs = Matrix::Zero(2, groups);
  outputs(0, 0) = 5000.0;
  outputs(1, 0) = 5001.0;
  const std::vector<int> classes{0, 0};
  const Matrix relative = relative_loss_pulls(outputs, classes);
  EXPECT_EQ(relative(0, 0), 1.0);
  EXPECT_NEAR(relative(1, 0), std::exp(-1.0), 5000 * 4 * unit);
  for (int k = 1; k < groups; ++k) {
    EXPECT_NEAR(relative(0, k), -1.0 / (groups - 1), 5000 * 4 * unit);
  }
}

INSTANTIATE_TEST_SUITE_P(Groups, LossOfGroups, testing::Values(2, 3, 5));

TEST(Loss, OfTwoGroupsIsTheLogisticLossOfTheMargin) {
  const std::vector<int> own{0};
  for (double u = -30.0; u <= 30.0; u += 0.37) {
    Matrix outputs(1, 2);
    outputs << u, 0.0;
    const long double loss = std::log1p(std::exp(-static_cast<long double>(u)));
    const long double multiplier = 1 / (1 + std::exp(static_cast<long double>(u)));
    Matrix pulls(1, 2);
    loss_pulls(outputs, own, pulls);
    EXPECT_EQ(margins(outputs, own)[0], u);
    EXPECT_NEAR(log_sample_losses(outputs, own)[0], static_cast<double>(std::log(loss)),
                128 * unit);
    EXPECT_NEAR(pulls(0, 0), static_cast<double>(multiplier), 4 * unit * pulls(0, 0));
    EXPECT_EQ(pulls(0, 1), -pulls(0, 0));
  }
}

class NamedLoss : public testing::TestWithParam<LossName> {
 protected:
  const Loss& loss() const { return loss_named(GetParam()); }
};

/// ℓ, g = −ℓ', −g' and their logarithms, by central differences in long double of what is exact.
TEST_P(NamedLoss, IsWhatItsDerivativesSay) {
  EXPECT_EQ(loss().name, text_of(GetParam()));
  const bool plain = GetParam() == LossName::exponential;
  const auto exact = [plain](long double u) {
    return plain ? std::exp(-u) : std::log1p(std::exp(-u));
  };
  for (double u = -25.0; u <= 30.0; u += 0.31) {
    const long double h = 1e-4L;
    const long double first = (exact(u - h) - exact(u + h)) / (2 * h);
    const long double second = (exact(u + h) - 2 * exact(u) + exact(u - h)) / (h * h);
    const double g = loss().multiplier(u);
    // h²/6 of the third and h²/12 of the fourth derivative, at most those of e^{−u}; and rounding.
    const double scale = plain ? std::exp(-u) : std::exp(-std::max(u, 0.0));
    EXPECT_NEAR(g, static_cast<double>(first), 1e-8 * scale);
    EXPECT_NEAR(curvatures(Vector::Constant(1, g), loss())[0], static_cast<double>(second),
                1e-7 * scale + 1e-10);
    EXPECT_NEAR(loss().log_multiplier(u), std::log(g), 64 * unit * (1.0 + std::abs(u)));
    EXPECT_NEAR(loss().log_value(u), static_cast<double>(std::log(exact(u))),
                64 * unit * (1.0 + std::abs(u)));
  }
}

TEST_P(NamedLoss, HasTheTailOfTheExponential) {
  for (const double u : {40.0, 1e3, 1e6, 1e200}) {
    EXPECT_EQ(loss().log_value(u), -u);
    EXPECT_EQ(loss().log_multiplier(u), -u);
  }
}

TEST_P(NamedLoss, PullsOfAnyNumberOfGroupsAreMinusTheFiniteDifferences) {
  for (const int groups : {2, 3, 6}) {
    const Sample sample = random_sample(4, groups, 1.5, 81);
    Matrix pulls(4, groups);
    loss_pulls(sample.outputs, sample.classes, pulls, loss());
    const Matrix relative = relative_loss_pulls(sample.outputs, sample.classes, loss());
    const double h = 1e-5, top = pulls.cwiseAbs().maxCoeff();
    const auto mean = [&](const Matrix& outputs) {
      return std::exp(log_mean_loss(outputs, sample.classes, loss()));
    };
    for (Eigen::Index i = 0; i < 4; ++i) {
      const auto own = sample.classes[static_cast<std::size_t>(i)];
      EXPECT_NEAR(pulls.row(i).sum(), 0.0, 64 * unit * top);
      for (int k = 0; k < groups; ++k) {
        Matrix up = sample.outputs, down = sample.outputs;
        up(i, k) += h;
        down(i, k) -= h;
        EXPECT_NEAR(pulls(i, k), -4 * (mean(up) - mean(down)) / (2 * h),
                    (h * h + 64 * unit / h) * (1.0 + 4 * mean(sample.outputs)));
        EXPECT_TRUE(k == own ? pulls(i, k) > 0 : pulls(i, k) <= 0);
      }
    }
    EXPECT_LE((relative * pulls.maxCoeff() - pulls).cwiseAbs().maxCoeff(), 512 * unit * top);
  }
}

TEST_P(NamedLoss, OfMarginsIsThatOfTwoGroups) {
  const Sample sample = random_sample(30, 2, 4.0, 82);
  const Vector u = margins(sample.outputs, sample.classes);
  EXPECT_EQ(log_mean_loss(u, loss()), log_mean_loss(sample.outputs, sample.classes, loss()));
  Matrix pulls(30, 2);
  loss_pulls(sample.outputs, sample.classes, pulls, loss());
  const Vector g = multipliers(u, loss());
  for (Eigen::Index i = 0; i < 30; ++i) {
    EXPECT_EQ(pulls(i, sample.classes[static_cast<std::size_t>(i)]), g[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, NamedLoss,
                         testing::Values(LossName::logistic, LossName::exponential),
                         [](const auto& p) { return word_of(p.param); });

TEST(Loss, WithoutANameIsRefusedWhereMoreThanAStepIsAskedOf) {
  const Loss other{"other", log_logistic_loss, multiplier, log_multiplier};
  EXPECT_THROW(require_named(other, "who"), std::invalid_argument);
  EXPECT_NO_THROW(require_named(logistic, "who"));
  EXPECT_NO_THROW(require_named(exponential, "who"));
}

}  // namespace
}  // namespace latetime
