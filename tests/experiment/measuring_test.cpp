#include <cmath>

#include <gtest/gtest.h>

#include "dynamics/problems.hpp"
#include "latetime/measure/measures.hpp"

namespace latetime {
namespace {

// A few dozen roundings of sums over neurons and samples.
constexpr double rounding = 1e-13;

/// What `measure` must give, from the weights themselves and with no shared coordinates.
void expect_direct_measures(const Measures& m, const Spectra& spectra, const TrainingState& state,
                            const testing_support::TestProblem& problem) {
  const NetworkShape& shape = problem.initial.shape;
  const Matrix& w = state.weights;
  std::vector<Matrix> parts;
  for (int k = 0; k < shape.groups; ++k) {
    parts.emplace_back(w.middleRows(k * shape.width, shape.width));
  }
  parts.push_back(w);
  ASSERT_EQ(m.stable_ranks.size(), parts.size());
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const Vector values = singular_values(parts[part]);
    ASSERT_EQ(spectra[part].size(), values.size());
    EXPECT_LT((spectra[part] - values).cwiseAbs().maxCoeff(), rounding * values[0] + 1e-300);
    const StableRank rank = stable_rank(values);
    ASSERT_EQ(std::isnan(m.stable_ranks[part].value), std::isnan(rank.value));
    if (std::isnan(rank.value)) continue;  // the zero matrix
    // The spectrum's own error, a rounding of the top in each value.
    const double tolerance = rounding * (rank.excess + std::sqrt(rank.excess) + rounding);
    EXPECT_NEAR(m.stable_ranks[part].excess, rank.excess, tolerance);
    EXPECT_NEAR(m.stable_ranks[part].value, rank.value, tolerance + 1e-15);
  }
  EXPECT_NEAR(m.norm_w, w.norm(), rounding * w.norm());
  const Vector norms = w.rowwise().norm();
  EXPECT_NEAR(m.neuron_norm_min, norms.minCoeff(), rounding * norms.maxCoeff());
  EXPECT_NEAR(m.neuron_norm_mean, norms.mean(), rounding * norms.maxCoeff());
  EXPECT_NEAR(m.neuron_norm_max, norms.maxCoeff(), rounding * norms.maxCoeff());
  const Matrix outputs = group_outputs(state.preactivations, shape);
  const KktResidual kkt =
      kkt_residual({shape, w}, state.preactivations, problem.data.x, outputs, problem.data.classes);
  ASSERT_EQ(std::isnan(m.kkt.residual), std::isnan(kkt.residual));
  if (std::isnan(kkt.residual)) return;
  EXPECT_NEAR(m.kkt.stationarity, kkt.stationarity, rounding);
  EXPECT_NEAR(m.kkt.complementarity, kkt.complementarity, rounding);
}

class Measuring : public ::testing::TestWithParam<testing_support::TestProblem> {};

TEST_P(Measuring, FromCoefficientsOrWeightsIsAsFromTheWeightsAlone) {
  const testing_support::TestProblem& problem = GetParam();
  const Measurer measurer(problem.data, problem.initial);
  CoefficientEngine engine(problem, 1);
  DenseEngine dense(problem, 0, 1, 1);
  for (const std::uint64_t steps : {0u, 1u, 9u, 490u}) {
    SCOPED_TRACE(steps);
    engine.advance(steps);
    const TrainingState whole = engine.state(), lean = engine.state(false);
    EXPECT_EQ(lean.weights.size(), 0);
    expect_direct_measures(measurer.measure(lean), measurer.spectra(measurer.inside(lean)), whole,
                           problem);
    expect_direct_measures(measurer.measure(whole), measurer.spectra(measurer.inside(whole)), whole,
                           problem);
    dense.advance(steps);
    const TrainingState held = dense.state(false);
    expect_direct_measures(measurer.measure(held), measurer.spectra(measurer.inside(held)), held,
                           problem);
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, Measuring, ::testing::ValuesIn(testing_support::problems()),
                         [](const auto& problem) { return problem.param.name; });

}  // namespace
}  // namespace latetime
