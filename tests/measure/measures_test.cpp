#include "latetime/measure/measures.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "latetime/data/generators.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

Matrix outputs_of(const Network& network, const Matrix& x) {
  return group_outputs(preactivations(network.weights, x), network.shape);
}

TEST(Kkt, AMaxMarginSolutionHasNoResidual) {
  // Linear network (γ = 1) on orthogonal samples: W = Σ y_i a_k x_i is the max-margin solution, all
  // margins are equal, and −∇L is parallel to W.
  const Dataset data = orthogonal_data(4, 6, 2.0);
  Network network{{.groups = 2, .width = 3, .dim = 6, .slope = 1.0}, Matrix::Zero(6, 6)};
  for (Eigen::Index k = 0; k < 6; ++k) {
    for (Eigen::Index i = 0; i < 4; ++i) {
      network.weights.row(k) += (k < 3 ? 1.0 : -1.0) * data.label(i) * data.x.row(i);
    }
  }
  const KktResidual kkt = kkt_residual(network, preactivations(network.weights, data.x), data.x,
                                       outputs_of(network, data.x), data.classes);
  EXPECT_NEAR(kkt.stationarity, 0.0, 1e-15);
  EXPECT_NEAR(kkt.complementarity, 0.0, 1e-15);
}

TEST(Kkt, SeesATurnedNetworkAndUnequalMargins) {
  const Dataset data = orthogonal_data(2, 3, 1.0);
  // Class +1 neuron along x_0, class −1 neuron along x_1, plus a part of size 0.3 outside the data.
  Network network{{.groups = 2, .width = 1, .dim = 3, .slope = 0.0}, Matrix::Zero(2, 3)};
  network.weights.row(0) << 1.0, -1.0, 0.3;
  network.weights.row(1) << -1.0, 1.0, 0.0;
  const Matrix z = preactivations(network.weights, data.x);
  const KktResidual kkt =
      kkt_residual(network, z, data.x, outputs_of(network, data.x), data.classes);
  // −∇L moves w_0 along x_0 and w_1 along x_1 with equal multipliers: the best fit leaves the other
  // three entries of W.
  const double norm2 = 4.0 + 0.09;
  EXPECT_NEAR(kkt.stationarity, std::sqrt((1.0 + 1.0 + 0.09) / norm2), 1e-15);
  EXPECT_NEAR(kkt.complementarity, 0.0, 1e-15);

  network.weights.row(1) *= 2.0;  // margins 1 and 2
  const double g0 = 1.0 / (1.0 + std::exp(1.0)), g1 = 1.0 / (1.0 + std::exp(2.0));
  const KktResidual slack = kkt_residual(network, preactivations(network.weights, data.x), data.x,
                                         outputs_of(network, data.x), data.classes);
  EXPECT_NEAR(slack.complementarity, g1 * (2.0 - 1.0) / (g0 * 1.0 + g1 * 2.0), 1e-15);
}

TEST(Kkt, TakesTheSlopesOfSlidingPairs) {
  // w_1 stays at z = 0 on x_0: descent moves it along x_1 − α x_0 with the α that keeps it there.
  const Dataset data = [] {
    Dataset made = orthogonal_data(2, 2, 1.0);
    made.x.edit() << 1.0, 0.0, 0.5, 1.0;
    return made;
  }();
  Network network{{.groups = 2, .width = 1, .dim = 2, .slope = 0.0}, Matrix::Zero(2, 2)};
  network.weights << 1.0, -0.5, 0.0, 1.0;  // margins 1 and 1; z = (1, 0; 0, 1)
  const Matrix z = preactivations(network.weights, data.x), outputs = outputs_of(network, data.x);
  const Matrix slopes{{1.0, 0.5}, {0.5, 1.0}};
  // −∇L ~ w_0: x_0 − x_1/2 = (0.75, −0.5); w_1: x_1 − x_0/2 = (0, 1).
  const KktResidual sliding = kkt_residual(network, z, data.x, outputs, data.classes, &slopes);
  const double cosine = (0.75 + 0.25 + 1.0) / std::sqrt(2.25 * (0.5625 + 0.25 + 1.0));
  EXPECT_NEAR(sliding.stationarity, std::sqrt(1 - cosine * cosine), 1e-14);
  const Matrix none;
  const KktResidual by_sign = kkt_residual(network, z, data.x, outputs, data.classes);
  EXPECT_EQ(kkt_residual(network, z, data.x, outputs, data.classes, &none).residual,
            by_sign.residual);
  EXPECT_GT(by_sign.stationarity, sliding.stationarity + 0.1);

  TrainingState state;
  state.weights = network.weights;
  state.preactivations = z;
  state.coefficients = Matrix::Zero(2, 2);
  EXPECT_EQ(Measurer(data, network).measure(state).kkt.residual, by_sign.residual);
  state.slopes = slopes;
  EXPECT_EQ(Measurer(data, network).measure(state).kkt.residual, sliding.residual);
}

TEST(Kkt, DoesNotExistBeforeSeparation) {
  const Dataset data = orthogonal_data(2, 2, 1.0);
  const Network network{{.groups = 2, .width = 1, .dim = 2, .slope = 0.0}, -Matrix::Identity(2, 2)};
  const KktResidual kkt = kkt_residual(network, preactivations(network.weights, data.x), data.x,
                                       outputs_of(network, data.x), data.classes);
  EXPECT_TRUE(std::isnan(kkt.residual));
}

TEST(Kkt, SurvivesMultipliersBelowTheSmallestDouble) {
  const Dataset data = orthogonal_data(2, 2, 1.0);
  Network network{{.groups = 2, .width = 1, .dim = 2, .slope = 0.0}, Matrix::Zero(2, 2)};
  // Margins 1000: e^{−1000} is not a double. The other-class pairs are inactive (0 would be
  // active).
  network.weights << 1000.0, -1e-13, -1e-13, 1000.0;
  const KktResidual kkt = kkt_residual(network, preactivations(network.weights, data.x), data.x,
                                       outputs_of(network, data.x), data.classes);
  EXPECT_NEAR(kkt.residual, 0.0, 1e-15);
}

TEST(Measurer, AgreesWithPlainLoops) {
  const Dataset data = gaussian_mixture(5, 12, 0.3, 1.0, 3);
  const Network initial =
      gaussian_network({.groups = 2, .width = 4, .dim = 12, .slope = 0.2}, 0.1, 3);
  TrainingState state;
  state.time = 17;
  state.coefficients = Matrix::Random(8, 5);
  state.weights = initial.weights + state.coefficients * data.x;
  state.preactivations = state.weights * data.x.transpose();
  const Measures m = Measurer(data, initial).measure(state);

  double loss = 0.0, smallest = 1e300;
  for (Eigen::Index i = 0; i < 5; ++i) {
    double f = 0.0;
    int active = 0;
    double own_rho = 0.0;
    for (Eigen::Index k = 0; k < 8; ++k) {
      const double z = state.weights.row(k).dot(data.x.row(i));
      f += (k < 4 ? 1.0 : -1.0) * (z >= 0 ? z : 0.2 * z) / 4.0;
      const bool own = (k < 4) == (data.label(i) == 1);
      active += own && z >= 0;
      if (own) own_rho += state.coefficients(k, i) * data.x.row(i).squaredNorm() / 4.0;
    }
    EXPECT_EQ(m.active_own[i], active);
    EXPECT_NEAR(m.rho_own_mean[i], own_rho, 1e-13 * std::abs(own_rho));
    loss += std::log1p(std::exp(-data.label(i) * f)) / 5.0;
    smallest = std::min(smallest, data.label(i) * f);
  }
  EXPECT_NEAR(m.log_loss, std::log(loss), 1e-13);
  EXPECT_NEAR(m.min_margin, smallest, 1e-13);
  EXPECT_NEAR(m.norm_w, state.weights.norm(), 1e-13);
  EXPECT_NEAR(m.normalized_margin, smallest / state.weights.norm(), 1e-13);
  EXPECT_NEAR(m.neuron_norm_max, state.weights.rowwise().norm().maxCoeff(), 1e-13);
  const Vector upper = singular_values(state.weights.topRows(4));
  EXPECT_NEAR(m.stable_ranks[0].value, upper.squaredNorm() / (upper[0] * upper[0]), 1e-13);
}

TEST(Measurer, KeepsFiniteNumbersForHugeWeights) {
  const Dataset data = orthogonal_data(2, 3, 1.0);
  Network network{{.groups = 2, .width = 1, .dim = 3, .slope = 0.0}, Matrix::Zero(2, 3)};
  network.weights << 1e300, -1e300, 0.0, -1e300, 1e300, 0.0;  // squares overflow
  const TrainingState state{.time = 1,
                            .weights = network.weights,
                            .preactivations = preactivations(network.weights, data.x),
                            .coefficients = Matrix::Zero(2, 2),
                            .switches = {},
                            .switched_since_record = {}};
  const Measures m = Measurer(data, network).measure(state);
  EXPECT_NEAR(m.norm_w / 2e300, 1.0, 1e-15);
  EXPECT_NEAR(m.neuron_norm_max / (std::sqrt(2.0) * 1e300), 1.0, 1e-15);
  EXPECT_NEAR(m.normalized_margin, 0.5, 1e-15);
  EXPECT_NEAR(m.kkt.stationarity, std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(m.kkt.complementarity, 0.0, 1e-15);
}

TEST(Measurer, CountsDeadNeurons) {
  const Dataset data = orthogonal_data(2, 2, 1.0);
  const Network initial{{.groups = 2, .width = 2, .dim = 2, .slope = 0.0}, Matrix::Zero(4, 2)};
  TrainingState state{.time = 1,
                      .weights = Matrix(4, 2),
                      .preactivations = {},
                      .coefficients = Matrix::Zero(4, 2),
                      .switches = {},
                      .switched_since_record = {}};
  state.weights << -1, -1, 1, -1, -1, -2, 0,
      -1;  // rows 0 and 2 are active nowhere; 0 counts as active
  state.preactivations = state.weights;
  EXPECT_EQ(Measurer(data, initial).measure(state).dead_neurons, 2);
}

TEST(Coefficients, AreScaledBySquaredNorms) {
  const Matrix x{{3.0, 4.0}, {0.0, 2.0}};
  const Matrix c{{1.0, 1.0}};
  EXPECT_EQ(data_correlated_coefficients(c, x), (Matrix{{25.0, 4.0}}));
}

}  // namespace
}  // namespace latetime
