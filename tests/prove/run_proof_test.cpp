// Level B: theorems about runs, against real steps, the solver's limit and wrong problems.

#include "latetime/prove/run_proof.hpp"

#include <cmath>
#include <sstream>

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "latetime/data/generators.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

struct Case {
  double slope;
  Eigen::Index n, d, width;
  std::uint64_t seed, step;
};

constexpr double learning_rate = 0.1;

struct Trained {
  Problem problem;
  std::unique_ptr<CoefficientEngine> engine;

  Matrix weights() const { return engine->state().weights; }
};

Trained trained(const Case& with, const Loss& loss = logistic, double rate = learning_rate) {
  Problem problem{gaussian_mixture(with.n, with.d, 0.01, 1.0, with.seed),
                  gaussian_network({2, with.width, with.d, with.slope}, 1e-3, with.seed), rate,
                  loss};
  auto engine = std::make_unique<CoefficientEngine>(problem, 1);
  engine->advance(with.step);
  return {std::move(problem), std::move(engine)};
}

constexpr Case cases[] = {{0.5, 6, 300, 5, 1, 10'000},  {0.5, 10, 784, 10, 2, 3'162},
                          {0.1, 6, 300, 6, 3, 31'623},  {0.1, 8, 500, 10, 4, 100'000},
                          {0.0, 5, 300, 5, 5, 100'000}, {0.0, 6, 400, 8, 6, 100'000},
                          {0.0, 8, 784, 10, 1, 316'228}};

double log_loss(const Problem& problem, const Matrix& z) {
  const Dataset& data = problem.data;
  const NetworkShape& shape = problem.shape();
  double sum = 0.0;
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    double margin = 0.0;
    for (Eigen::Index k = 0; k < z.rows(); ++k) {
      margin += (k < shape.width ? 1.0 : -1.0) * activation(z(k, i), shape.slope);
    }
    const double x = std::exp(-data.label(i) * margin / static_cast<double>(shape.width));
    sum += problem.loss == logistic ? std::log1p(x) : x;
  }
  return std::log(sum / static_cast<double>(data.size()));
}

double stable_rank(const Matrix& weights) {
  const Vector values = Eigen::JacobiSVD<Eigen::MatrixXd>(weights).singularValues();
  return values.squaredNorm() / (values[0] * values[0]);
}

// Real steps from T on, at times that the theorem encloses: what is proved must hold them, but for
// the rounding of the steps themselves.
class RunProofOfLoss : public ::testing::TestWithParam<LossName> {};
INSTANTIATE_TEST_SUITE_P(Losses, RunProofOfLoss,
                         ::testing::Values(LossName::logistic, LossName::exponential));

TEST_P(RunProofOfLoss, HoldsWhatRealStepsShow) {
  int proved = 0;
  std::size_t switching = 0;
  for (const Case& with : cases) {
    SCOPED_TRACE(::testing::Message() << "slope " << with.slope << " seed " << with.seed);
    Trained run = trained(with, loss_named(GetParam()));
    ProofOptions options;
    for (const double factor : {1.0, 1.5, 3.0, 6.0, 10.0}) {
      options.log_times.push_back(std::log(std::round(factor * static_cast<double>(with.step))));
    }
    const auto proof = prove_run(run.problem, run.weights(), with.step, options);
    if (!is_proved(proof)) {
      EXPECT_FALSE(std::get<NotProved>(proof).reason.empty());
      continue;
    }
    ++proved;
    const auto& theorem = std::get<RunTheorem>(proof);
    switching += theorem.limit.switching.size();
    ASSERT_EQ(theorem.enclosures.size(), options.log_times.size());
    for (const RunEnclosure& at : theorem.enclosures) {
      const auto step = static_cast<std::uint64_t>(std::llround(std::exp(at.log_time)));
      run.engine->advance(step - run.engine->step());
      const TrainingState state = run.engine->state();
      constexpr double rounding = 1e-9;
      const double loss = log_loss(run.problem, state.preactivations);
      EXPECT_GE(loss, at.log_loss.lower - rounding);
      EXPECT_LE(loss, at.log_loss.upper + rounding);
      EXPECT_GE(state.weights.norm(), at.norm.lower - rounding);
      EXPECT_LE(state.weights.norm(), at.norm.upper + rounding);
      const Eigen::Index m = with.width;
      const double ranks[] = {stable_rank(state.weights.topRows(m)),
                              stable_rank(state.weights.bottomRows(m)), stable_rank(state.weights)};
      for (std::size_t part = 0; part < 3; ++part) {
        ASSERT_TRUE(at.stable_ranks[part]);
        EXPECT_GE(ranks[part], at.stable_ranks[part]->lower - rounding);
        EXPECT_LE(ranks[part], at.stable_ranks[part]->upper + rounding);
        // A proof that encloses everything would be none.
        EXPECT_LT(at.stable_ranks[part]->upper - at.stable_ranks[part]->lower, 0.1);
      }
    }
  }
  EXPECT_GE(proved, 5);
  EXPECT_GT(switching, 10U);
}

TEST(RunProof, TubeIsWiderLaterAndItsLastRadiusIsTheTheorems) {
  const Trained run = trained(cases[0]);
  const auto proof = prove_run(run.problem, run.weights(), cases[0].step);
  ASSERT_TRUE(is_proved(proof)) << std::get<NotProved>(proof).reason;
  const auto& theorem = std::get<RunTheorem>(proof);
  ASSERT_FALSE(theorem.tube.empty());
  for (std::size_t i = 1; i < theorem.tube.size(); ++i) {
    EXPECT_GT(theorem.tube[i].log_time, theorem.tube[i - 1].log_time);
    EXPECT_GE(theorem.tube[i].radius, theorem.tube[i - 1].radius);
  }
  EXPECT_EQ(theorem.tube.back().radius, theorem.radius);
  EXPECT_DOUBLE_EQ(theorem.tube.front().log_time, std::log(static_cast<double>(cases[0].step)));
  EXPECT_EQ(theorem.certificate.substr(0, 23), "latetime-certificate 2\n");
  EXPECT_EQ(theorem.certificate.substr(theorem.certificate.size() - 5), "\nend\n");
}

/// Own-class pairs (neuron, sample) whose slope the reference of a certificate changes.
std::vector<std::pair<Eigen::Index, Eigen::Index>> crossings_of(const std::string& certificate,
                                                                const Problem& problem) {
  std::vector<std::pair<Eigen::Index, Eigen::Index>> pairs;
  std::istringstream lines(certificate);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    Eigen::Index k = 0, i = 0;
    if (words >> kind >> k >> i && kind == "set" && problem.own(k, i)) pairs.emplace_back(k, i);
  }
  return pairs;
}

// The run crosses before the reference or after it: either way within what is proved, and the pair
// is not called settled before it is.
TEST(RunProof, OwnPairsMayCrossAfterTheStep) {
  constexpr std::uint64_t step = 1000, last = 20'000;
  int crossed = 0, seen = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const double slope = seed % 2 == 0 ? 0.3 : 0.1;
    const Problem problem{gaussian_mixture(3, 16, 0.01, 1.0, seed),
                          gaussian_network({2, 4, 16, slope}, 0.5, seed), learning_rate};
    CoefficientEngine engine(problem, 1);
    engine.advance(step);
    const auto proof = prove_run(problem, engine.state().weights, step);
    if (!is_proved(proof)) continue;
    const auto& theorem = std::get<RunTheorem>(proof);
    const auto pairs = crossings_of(theorem.certificate, problem);
    if (pairs.empty()) continue;
    ++crossed;
    ASSERT_FALSE(theorem.slope_changes.empty());
    ASSERT_TRUE(theorem.settled_from);
    EXPECT_GT(*theorem.settled_from, theorem.slope_changes.back());
    const Matrix start = engine.state().preactivations;
    Matrix before = start;
    for (; engine.step() < last; engine.advance(1)) {
      const Matrix z = engine.state(false).preactivations;
      const bool is_settled = std::log(static_cast<double>(engine.step())) > *theorem.settled_from;
      for (const auto& [k, i] : pairs) {
        EXPECT_FALSE(theorem.keeps_sign[static_cast<std::size_t>(k * z.cols() + i)]);
        if ((z(k, i) >= 0.0) == (before(k, i) >= 0.0)) continue;
        ++seen;
        EXPECT_FALSE(is_settled) << "neuron " << k << " at sample " << i;
      }
      before = z;
    }
  }
  EXPECT_GE(crossed, 2);
  EXPECT_GE(seen, 1);
}

// V does not depend on the learning rate. The way there does: weights of a run with half the rate
// are a worse start for descent with all of it.
TEST(RunProof, IsOfTheLearningRate) {
  const Trained run = trained(cases[0]);
  const auto own = prove_run(run.problem, run.weights(), cases[0].step);
  Problem faster = run.problem;
  faster.learning_rate *= 2.0;
  const auto other = prove_run(faster, run.weights(), cases[0].step);
  ASSERT_TRUE(is_proved(own));
  ASSERT_TRUE(is_proved(other));
  EXPECT_TRUE(
      std::get<RunTheorem>(own).limit.norm.holds(std::get<RunTheorem>(other).limit.norm.lower));
  EXPECT_GT(std::get<RunTheorem>(other).radius, 1.5 * std::get<RunTheorem>(own).radius);
}

// Level C: exact descent from the initial weights is where the engine's doubles are, to rounding,
// and the theorem about it is hardly wider than the one about descent from these doubles.
TEST_P(RunProofOfLoss, BeginsAtTheInitialWeights) {
  for (const std::size_t index : {0U, 2U, 4U}) {
    Case with = cases[index];
    with.step = std::min<std::uint64_t>(with.step, 10'000);
    // Multipliers of the exponential loss begin at twice those of the logistic one.
    const double rate = GetParam() == LossName::logistic ? learning_rate : learning_rate / 2;
    const Trained run = trained(with, loss_named(GetParam()), rate);
    DescentReplay replay(run.problem);
    const Matrix weights = run.weights();
    const auto distance = replay.distance(with.step, weights);
    ASSERT_TRUE(is_proved(distance)) << std::get<NotProved>(distance).reason;
    EXPECT_LT(std::get<double>(distance), 1e-12);
    EXPECT_GT(std::get<double>(distance), 0.0);
    // Other weights are as far as they are.
    Matrix moved = weights;
    moved(0, 0) += 0.25;
    const auto other = replay.distance(with.step, moved);
    ASSERT_TRUE(is_proved(other));
    EXPECT_NEAR(std::get<double>(other), 0.25, 1e-6);
    ProofOptions options;
    const auto from_step = prove_run(run.problem, weights, with.step, options);
    options.start_distance = std::get<double>(distance);
    const auto from_start = prove_run(run.problem, weights, with.step, options);
    ASSERT_EQ(is_proved(from_step), is_proved(from_start));
    if (!is_proved(from_start)) continue;
    const auto& theorem = std::get<RunTheorem>(from_start);
    EXPECT_TRUE(theorem.start_distance);
    EXPECT_NE(theorem.certificate.find("\nw0 "), std::string::npos);
    EXPECT_NEAR(theorem.radius, std::get<RunTheorem>(from_step).radius, 1e-3 * theorem.radius);
    // From weights that are far away nothing is proved that holds so narrowly.
    options.start_distance = 0.25;
    const auto from_far = prove_run(run.problem, weights, with.step, options);
    if (is_proved(from_far)) {
      EXPECT_GT(std::get<RunTheorem>(from_far).radius, 0.25);
    }
  }
}

TEST(RunProof, ReplayKnowsWhatItCannotFollow) {
  const Trained run = trained(cases[4]);
  const Matrix& initial = run.problem.initial.weights;
  Problem zero = run.problem;
  zero.initial.weights.setZero();
  EXPECT_FALSE(is_proved(DescentReplay(zero).distance(10, initial)));
  Problem fast = run.problem;
  fast.learning_rate = 1e3;
  EXPECT_FALSE(is_proved(DescentReplay(fast).distance(10, initial)));
  // Margins far below zero have multipliers that rounding is not bounded for.
  const Trained steep = trained(cases[4], exponential, 0.01);
  EXPECT_TRUE(is_proved(DescentReplay(steep.problem).distance(10, initial)));
  Problem wrong = steep.problem;
  for (int& of : wrong.data.classes) of = 1 - of;
  wrong.initial.weights = steep.weights() * 3.0;
  wrong.learning_rate = 1e-6;
  EXPECT_FALSE(is_proved(DescentReplay(wrong).distance(10, initial)));
  const auto end =
      DescentReplay(run.problem).distance(1000, initial, [](std::uint64_t) { return false; });
  ASSERT_FALSE(is_proved(end));
  EXPECT_EQ(std::get<NotProved>(end).reason, "stopped");
}

TEST(RunProof, RefusesWhatItCannotProveWithAReason) {
  const Trained run = trained(cases[0]);
  const Matrix weights = run.weights();
  const auto refused = [](const Proof<RunTheorem>& proof) {
    return is_proved(proof) ? std::string() : std::get<NotProved>(proof).reason;
  };
  Problem linear = run.problem;
  linear.initial.shape.slope = 1.0;
  EXPECT_NE(refused(prove_run(linear, weights, 1000)).find("linear"), std::string::npos);
  EXPECT_NE(refused(prove_run(run.problem, weights, 3)).find("step 10"), std::string::npos);
  Problem still = run.problem;
  still.learning_rate = 0.0;
  EXPECT_NE(refused(prove_run(still, weights, 1000)).find("learning rate"), std::string::npos);
  Matrix broken = weights;
  broken(0, 0) = std::nan("");
  EXPECT_NE(refused(prove_run(run.problem, broken, 1000)).find("finite"), std::string::npos);
  EXPECT_FALSE(refused(prove_run(run.problem, Matrix::Zero(10, 300), 1000)).empty());
  Problem twice = run.problem;
  Matrix x = run.problem.data.x;
  x.row(1) = x.row(0);
  twice.data.x = Samples(x);
  EXPECT_FALSE(refused(prove_run(twice, weights, 1000)).empty());
  ProofOptions stop;
  stop.keep_going = [] { return false; };
  EXPECT_EQ(refused(prove_run(run.problem, weights, cases[0].step, stop)), "stopped");
  EXPECT_THROW(prove_run(run.problem, Matrix::Zero(10, 299), 1000), std::invalid_argument);
}

TEST(OutwardText, NeverPrintsLessThanTheBounds) {
  for (int draw = 0; draw < 2000; ++draw) {
    const double middle = std::exp(std::sin(draw) * 20.0) * (draw % 2 == 0 ? 1.0 : -1.0);
    const Enclosure bounds{middle - 1e-13 * std::abs(middle), middle + 1e-13 * std::abs(middle)};
    for (const int digits : {3, 8, 12}) {
      const std::string text = outward_text(bounds, digits);
      const std::size_t comma = text.find(", ");
      ASSERT_NE(comma, std::string::npos) << text;
      EXPECT_LE(std::stod(text.substr(1)), bounds.lower);
      EXPECT_GE(std::stod(text.substr(comma + 2)), bounds.upper);
    }
  }
  EXPECT_EQ(outward_text({1.0, 1.0}), "1");
  EXPECT_GE(std::stod(upward_text(1.00000049)), 1.00000049);
}

}  // namespace
}  // namespace latetime
