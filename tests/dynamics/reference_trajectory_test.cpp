// Trajectories that other programs computed, reproduced by both engines: the small 40-digit ones of
// tests/reference/ (make_reference.py), and larger ones that the build makes (make_trajectories.py,
// with NumPy).

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "latetime/data/array_file.hpp"
#include "problems.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// The arrays of one .npz file.
struct Reference {
  std::string path;

  std::vector<double> array(const std::string& name) const {
    return read_array(path + ":" + name).values;
  }
  double number(const std::string& name) const { return array(name).at(0); }
  /// Any array seen as rows of `columns`.
  Matrix matrix(const std::string& name, Eigen::Index columns) const {
    const std::vector<double> values = array(name);
    return Eigen::Map<const Matrix>(values.data(),
                                    static_cast<Eigen::Index>(values.size()) / columns, columns);
  }
};

TestProblem problem_from(const Reference& reference, const std::string& slope_name,
                         const std::string& rate_name) {
  const std::vector<std::size_t> shape = read_array(reference.path + ":W0").shape;
  const auto width = static_cast<Eigen::Index>(shape.at(1)),
             dim = static_cast<Eigen::Index>(shape.at(2));
  const std::vector<double> labels = reference.array("y");
  TestProblem problem;
  problem.name = reference.path;
  problem.data = make_dataset(
      reference.matrix("X", dim),
      Eigen::Map<const Vector>(labels.data(), static_cast<Eigen::Index>(labels.size())), "X", "y",
      "reference");
  problem.initial = {
      {.groups = 2, .width = width, .dim = dim, .slope = reference.number(slope_name)},
      reference.matrix("W0", dim)};
  problem.learning_rate = reference.number(rate_name);
  return problem;
}

struct EngineKind {
  std::string name;
  Engine (*make)(const TestProblem& problem);
};
const std::vector<EngineKind> engine_kinds{
    {"dense", [](const TestProblem& p) { return dense(p); }},
    {"coefficient", [](const TestProblem& p) { return coefficient(p); }}};

/// ‖A‖_F² / ‖A‖₂² by the eigenvalues of A Aᵀ.
double stable_rank(const Matrix& a) {
  const Eigen::MatrixXd square = a * a.transpose();
  return square.trace() / dense_math::eigenvalues(square).maxCoeff();
}

// Both sides round W once a step (or Z, which makes up for it at each fold), T ≤ 2·10^4 steps: T·u
// is 2e-12 of the scale when all errors agree and √T·u = 2e-14 when they do not. The reference
// programs were found within 5e-15 of 40 digits. Everything below is smooth in W, with factors of
// order one.
constexpr double tolerance = 1e-12;

// ---- the project's own 40-digit trajectories ---------------------------------------------------

class OwnReference : public testing::TestWithParam<std::tuple<std::string, EngineKind>> {};

TEST_P(OwnReference, IsReproduced) {
  const Reference reference{std::string(LATETIME_TEST_DATA) + "/" + std::get<0>(GetParam())};
  const TestProblem problem = problem_from(reference, "slope", "learning_rate");
  const Eigen::Index dim = problem.data.dim(), neurons = problem.initial.shape.neurons();
  const auto steps = reference.array("steps");
  const Matrix high = reference.matrix("W_hi", dim), low = reference.matrix("W_lo", dim);
  const auto log_loss_high = reference.array("log_loss_hi"),
             log_loss_low = reference.array("log_loss_lo");
  const auto own = reference.array("own_switches"), other = reference.array("other_switches");
  // 200 steps at unit roundoff 1.1e-16, and n, d, m below ten: 200·u = 2.2e-14 of the scale. No
  // sign hangs on it: the smallest |z| is far above.
  constexpr double rounding = 2.2e-14;
  for (const double z : reference.array("min_abs_z")) ASSERT_GT(z, 1e6 * rounding);
  Engine engine = std::get<1>(GetParam()).make(problem);
  Eigen::Index snapshot = 0;
  for (std::size_t step = 0; step < log_loss_high.size(); ++step) {
    const TrainingState state = engine.state();
    const double difference = (log_loss(state, problem) - log_loss_high[step]) - log_loss_low[step];
    ASSERT_LE(std::abs(difference), rounding * preactivation_scale(state, problem.data)) << step;
    ASSERT_EQ(static_cast<double>(state.switches.own), own[step]) << step;
    ASSERT_EQ(static_cast<double>(state.switches.other), other[step]) << step;
    if (snapshot < static_cast<Eigen::Index>(steps.size()) &&
        static_cast<double>(step) == steps[static_cast<std::size_t>(snapshot)]) {
      const Matrix error = (state.weights - high.middleRows(snapshot * neurons, neurons)) -
                           low.middleRows(snapshot * neurons, neurons);
      ASSERT_LE(largest(error), rounding * largest(state.weights)) << step;
      ++snapshot;
    }
    engine.advance(1);
  }
  EXPECT_EQ(snapshot, static_cast<Eigen::Index>(steps.size()));
}

INSTANTIATE_TEST_SUITE_P(Engines, OwnReference,
                         testing::Combine(testing::Values("gd_slope_0.npz", "gd_slope_0.3.npz"),
                                          testing::ValuesIn(engine_kinds)),
                         [](const auto& instance) {
                           const std::string& file = std::get<0>(instance.param);
                           return std::get<1>(instance.param).name +
                                  (file == "gd_slope_0.npz" ? "_relu" : "_leaky");
                         });

// ---- the larger set ----------------------------------------------------------------------------

struct LargeCase {
  std::string file;
  std::string label;
  bool has_40_digits = false;
  std::uint64_t dense_steps = UINT64_MAX;  ///< the dense engine stops here
};

class LargeReference : public testing::TestWithParam<std::tuple<LargeCase, EngineKind>> {
 protected:
  void SetUp() override {
    const LargeCase& large = std::get<0>(GetParam());
    const std::filesystem::path path =
        std::filesystem::path(LATETIME_REFERENCE_DIR) / (large.file + ".npz");
    if (!std::filesystem::exists(path)) {
      GTEST_SKIP() << "no reference trajectory at " << path << "; make_trajectories.py needs NumPy";
    }
    reference_.path = path.string();
    problem_ = problem_from(reference_, "gamma", "lr");
    loss_ = reference_.array("loss");
    active_ = reference_.array("n_active");
    flips_ = reference_.array("flips");
    steps_ = reference_.array("steps");
    ranks_ = reference_.matrix("sr", 3);
    // Case b keeps W and Z of its last step alone.
    const bool all = read_array(reference_.path + ":W").shape.at(0) == steps_.size();
    steps_of_weights_ = all ? steps_ : reference_.array("steps_of_W_and_Z");
    weights_ = reference_.matrix("W", problem_.data.dim());
    preactivations_ = reference_.matrix("Z", problem_.data.size());
    if (large.has_40_digits) {
      exact_high_ = reference_.matrix("mp_W_hi", problem_.data.dim());
      exact_low_ = reference_.matrix("mp_W_lo", problem_.data.dim());
      exact_loss_ = reference_.array("mp_loss");
    }
  }

  void compare_loss_and_pattern(const TrainingState& state, std::size_t step) {
    const double log_l = log_loss(state, problem_);
    ASSERT_NEAR(log_l, std::log(loss_[step]), tolerance) << "step " << step;
    if (!exact_loss_.empty()) {
      ASSERT_NEAR(log_l, std::log(exact_loss_[step]), tolerance) << "step " << step;
    }
    ASSERT_EQ(static_cast<double>((state.preactivations.array() >= 0.0).count()), active_[step])
        << "step " << step;
    const std::uint64_t switches = state.switches.own + state.switches.other;
    ASSERT_EQ(static_cast<double>(switches - switches_), flips_[step]) << "step " << step;
    switches_ = switches;
  }

  void compare_ranks(const Matrix& w, Eigen::Index row) const {
    const Eigen::Index width = problem_.initial.shape.width;
    EXPECT_NEAR(stable_rank(w.topRows(width)), ranks_(row, 0), tolerance * ranks_(row, 0));
    EXPECT_NEAR(stable_rank(w.bottomRows(width)), ranks_(row, 1), tolerance * ranks_(row, 1));
    EXPECT_NEAR(stable_rank(w), ranks_(row, 2), tolerance * ranks_(row, 2));
  }

  void compare_weights(const TrainingState& state, Eigen::Index snapshot) const {
    const Eigen::Index neurons = problem_.initial.shape.neurons();
    const auto block = [&](const Matrix& all) {
      return all.middleRows(snapshot * neurons, neurons);
    };
    EXPECT_LE(largest(state.weights - block(weights_)), tolerance * largest(state.weights));
    EXPECT_LE(largest(state.preactivations - block(preactivations_)),
              tolerance * preactivation_scale(state, problem_.data));
    if (exact_high_.size() > 0) {
      const Matrix error = (state.weights - block(exact_high_)) - block(exact_low_);
      EXPECT_LE(largest(error), tolerance * largest(state.weights));
    }
  }

  Reference reference_;
  TestProblem problem_;
  std::vector<double> loss_, active_, flips_, steps_, steps_of_weights_, exact_loss_;
  Matrix ranks_, weights_, preactivations_, exact_high_, exact_low_;
  std::uint64_t switches_ = 0;
};

/// Position of `step` among `steps`, or −1.
Eigen::Index place(const std::vector<double>& steps, std::size_t step) {
  const auto found = std::find(steps.begin(), steps.end(), static_cast<double>(step));
  return found == steps.end() ? -1 : found - steps.begin();
}

TEST_P(LargeReference, SlowIsReproduced) {
  const auto& [large, kind] = GetParam();
  std::size_t last = loss_.size() - 1;
  if (kind.name == "dense") last = std::min<std::size_t>(last, large.dense_steps);
  Engine engine = kind.make(problem_);
  for (std::size_t step = 0; step <= last; ++step) {
    if (step > 0) engine.advance(1);
    const TrainingState state = engine.state();
    compare_loss_and_pattern(state, step);
    if (HasFatalFailure()) return;
    SCOPED_TRACE("step " + std::to_string(step));
    if (const auto row = place(steps_, step); row >= 0) compare_ranks(state.weights, row);
    if (const auto row = place(steps_of_weights_, step); row >= 0) compare_weights(state, row);
  }
}

std::vector<LargeCase> large_cases() {
  std::vector<LargeCase> cases;
  for (const std::string slope : {"0", "0.1", "0.5"}) {
    const std::string label = slope == "0" ? "_relu" : slope == "0.1" ? "_leaky_1" : "_leaky_5";
    cases.push_back({.file = "a_n6_d20_m8_g" + slope, .label = 'a' + label, .has_40_digits = true});
    cases.push_back(
        {.file = "b_n10_d784_m100_g" + slope, .label = 'b' + label, .dense_steps = 2000});
    cases.push_back({.file = "c_orth_n8_d32_m25_g" + slope, .label = 'c' + label});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Engines, LargeReference,
                         testing::Combine(testing::ValuesIn(large_cases()),
                                          testing::ValuesIn(engine_kinds)),
                         [](const auto& instance) {
                           return std::get<0>(instance.param).label + "_" +
                                  std::get<1>(instance.param).name;
                         });

}  // namespace
}  // namespace latetime
