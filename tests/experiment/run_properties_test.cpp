// What must not change in a run, from its first step to its limit, when the problem is written down
// differently: random small problems from a fixed list of seeds, in memory.

#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <ostream>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 20};
constexpr std::uint64_t slow_seeds[] = {7, 24};  // many exact steps, in double arithmetic twice

/// Of a step's sums in another order, over all steps until the rows compared.
constexpr double rounding = 1e-9;

struct Row {
  LogTime time;
  EngineKind engine;
  std::array<double, 4> values;  ///< log loss and stable ranks
  double estimate;
};

struct Told {
  StopReason reason;
  LogTime end;
  std::vector<Row> rows;
  std::optional<LimitReport> limit;
};

/// Gaussian samples; of every four seeds, one has duplicates, one x and −x with opposite labels,
/// one with equal labels.
RunProblem problem_of(std::uint64_t seed) {
  RandomStream random(seed, RandomPurpose::test);
  const auto n = static_cast<Eigen::Index>(2 + random.below(5));
  const auto d = static_cast<Eigen::Index>(1 + random.below(8));
  const auto m = static_cast<Eigen::Index>(1 + random.below(3));
  constexpr std::array slopes = {0.0, 0.0, 0.1, 0.5, 1.0};
  const double slope = slopes[random.below(slopes.size())];
  Matrix x(n, d);
  for (double& value : x.reshaped()) value = random.normal();
  Dataset data;
  for (Eigen::Index i = 0; i < n; ++i) data.classes.push_back(static_cast<int>(random.below(2)));
  for (Eigen::Index i = 0; seed % 4 != 0 && i + n / 2 < n; ++i) {
    const auto twin = static_cast<std::size_t>(i + n / 2), first = static_cast<std::size_t>(i);
    if (i >= n / 2) break;
    x.row(i + n / 2) = seed % 4 == 1 ? x.row(i).eval() : (-x.row(i)).eval();
    data.classes[twin] = seed % 4 == 2 ? 1 - data.classes[first] : data.classes[first];
  }
  data.x = Samples(std::move(x));
  const NetworkShape shape{.groups = 2, .width = m, .dim = d, .slope = slope};
  Network initial{shape, Matrix(2 * m, d)};
  for (double& weight : initial.weights.reshaped()) weight = 0.1 * random.normal();
  RunConfig config;
  config.data = {.source = DataSource::file, .d = 0, .x = "X.npy", .y = "y.npy"};
  config.network.width = m;
  config.network.slope = slope;
  config.network.initial_weights = "W0.npy";
  config.descent.learning_rate =
      std::pow(10.0, -1.0 + 1.5 * random.uniform()) / data.x.rowwise().squaredNorm().mean();
  config.descent.until = "1e30";
  config.descent.tolerance = 1e-6;
  return {config, std::move(data), std::move(initial)};
}

Told told_by(const RunProblem& problem) {
  Told told;
  const RunSettings settings{.recorded = [&](const TrainingState&, const Record& record) {
    const Measures& m = record.measures;
    told.rows.push_back(
        {record.time,
         record.engine,
         {m.log_loss, m.stable_ranks[0].value, m.stable_ranks[1].value, m.stable_ranks[2].value},
         record.error_estimate});
  }};
  RunMemory memory;
  const RunSummary summary = carry_out_run(problem, memory, settings);
  told.reason = summary.outcome.reason;
  told.end = summary.outcome.time;
  told.limit = summary.limit;
  return told;
}

/// Where things are found in the problem as it is written down differently.
struct Places {
  std::function<Eigen::Index(Eigen::Index)> sample = [](Eigen::Index i) { return i; };
  std::function<Eigen::Index(Eigen::Index)> neuron = [](Eigen::Index k) { return k; };
  std::array<std::size_t, 4> value = {0, 1, 2, 3};  ///< of Row::values
  double scale = 1.0;                               ///< of samples
};

/// The same rows within what both are known to; returns how many of them were known at all.
int expect_same_rows(const Told& a, const Told& b, const Places& places) {
  int known = 0;
  for (const Row& row : a.rows) {
    for (const Row& other : b.rows) {
      if (!(row.time == other.time)) continue;
      const double bound = rounding + row.estimate + other.estimate;
      known += std::isfinite(bound);
      for (std::size_t v = 0; v < 4; ++v) {
        const double x = row.values[v], y = other.values[places.value[v]];
        if (std::isnan(x) && std::isnan(y)) continue;
        EXPECT_LE(std::abs(x - y), bound)
            << "value " << v << " at t = " << to_string(row.time) << ", " << text_of(row.engine)
            << " and " << text_of(other.engine) << ": " << x << ", " << y;
      }
    }
  }
  return known;
}

void expect_same_limit(const Told& a, const Told& b, const Places& places, Eigen::Index neurons) {
  EXPECT_EQ(word_of(a.reason), word_of(b.reason));
  ASSERT_EQ(a.limit.has_value(), b.limit.has_value());
  if (!a.limit) return;
  const Limit &x = a.limit->limit, &y = b.limit->limit;
  EXPECT_EQ(word_of(x.status), word_of(y.status)) << x.message << "; " << y.message;
  if (!a.limit->has_direction() || !b.limit->has_direction()) return;
  const double scale = x.multipliers.cwiseAbs().maxCoeff();
  for (Eigen::Index i = 0; i < x.multipliers.size(); ++i) {
    EXPECT_NEAR(x.multipliers[i], y.multipliers[places.sample(i)], 1e-6 * scale) << "sample " << i;
    for (Eigen::Index k = 0; k < neurons; ++k) {
      EXPECT_EQ(x.verdict(k, i), y.verdict(places.neuron(k), places.sample(i)))
          << "neuron " << k << ", sample " << i;
    }
  }
  const double margin = y.normalized_margin / places.scale;
  EXPECT_NEAR(x.normalized_margin, margin, 1e-8 * std::abs(margin));
}

class RunProperty : public testing::TestWithParam<std::uint64_t> {
 protected:
  const RunProblem problem = problem_of(GetParam());
  const Eigen::Index neurons = problem.initial.shape.neurons();

  /// Compares the run of `other`, the same problem in other words.
  void expect_the_same(const RunProblem& other, const Places& places = {}) const {
    const Told a = told_by(problem), b = told_by(other);
    EXPECT_GT(expect_same_rows(a, b, places), 4);
    expect_same_limit(a, b, places, neurons);
  }

  RunProblem scaled(double c) const {
    RunProblem other = problem;
    other.data.x = Samples(Matrix(c * problem.data.x));
    other.initial.weights /= c;
    other.config.descent.learning_rate /= c * c;
    return other;
  }
};

TEST_P(RunProperty, ScalingSamplesByAPowerOfTwoChangesNoBit) {
  const Told a = told_by(problem);
  for (const int k : {-17, -6, 1, 9, 17}) {
    SCOPED_TRACE(k);
    const double c = std::ldexp(1.0, k);
    const Told b = told_by(scaled(c));
    expect_same_limit(a, b, {.scale = c}, neurons);
    ASSERT_EQ(a.rows.size(), b.rows.size());
    for (std::size_t r = 0; r < a.rows.size(); ++r) {
      SCOPED_TRACE(to_string(a.rows[r].time) + " " + word_of(a.rows[r].engine));
      EXPECT_EQ(a.rows[r].engine, b.rows[r].engine);
      EXPECT_EQ(a.rows[r].estimate, b.rows[r].estimate);
      for (std::size_t v = 0; v < 4; ++v) {
        if (std::isnan(a.rows[r].values[v]) && std::isnan(b.rows[r].values[v])) continue;
        EXPECT_EQ(a.rows[r].values[v], b.rows[r].values[v]);
      }
    }
  }
}

TEST_P(RunProperty, ScalingSamplesChangesNothing) {
  for (const double c : {1e-5, 1e5}) {
    SCOPED_TRACE(c);
    expect_the_same(scaled(c), {.scale = c});
  }
}

TEST_P(RunProperty, TheOrderOfSamplesChangesNothing) {
  RunProblem other = problem;
  const Eigen::Index n = problem.data.size();
  const Places places{.sample = [n](Eigen::Index i) { return n - 1 - i; }};
  Matrix x(n, problem.data.dim());
  for (Eigen::Index i = 0; i < n; ++i) {
    x.row(places.sample(i)) = problem.data.x.row(i);
    other.data.classes[static_cast<std::size_t>(places.sample(i))] =
        problem.data.classes[static_cast<std::size_t>(i)];
  }
  other.data.x = Samples(std::move(x));
  expect_the_same(other, places);
}

TEST_P(RunProperty, TheOrderOfNeuronsChangesNothing) {
  RunProblem other = problem;
  const Eigen::Index m = neurons / 2;
  const Places places{.neuron = [m](Eigen::Index k) { return k / m * m + (k % m + 1) % m; }};
  for (Eigen::Index k = 0; k < neurons; ++k) {
    other.initial.weights.row(places.neuron(k)) = problem.initial.weights.row(k);
  }
  expect_the_same(other, places);
}

TEST_P(RunProperty, NamingTheClassesTheOtherWayRoundChangesNothing) {
  RunProblem other = problem;
  const Eigen::Index m = neurons / 2;
  const Places places{.neuron = [m](Eigen::Index k) { return (k + m) % (2 * m); },
                      .value = {0, 2, 1, 3}};
  for (int& c : other.data.classes) c = 1 - c;
  for (Eigen::Index k = 0; k < neurons; ++k) {
    other.initial.weights.row(places.neuron(k)) = problem.initial.weights.row(k);
  }
  expect_the_same(other, places);
}

// To the last bit: neither exact steps nor those of a flow ask when they are looked at.
TEST_P(RunProperty, FurtherRecordedTimesChangeNoOtherRow) {
  RunProblem other = problem;
  other.config.record.at = {"7", "123", "4567", "76543", "1234567", "3e9", "7e14", "2e20", "5e28"};
  const Told a = told_by(problem), b = told_by(other);
  EXPECT_GT(expect_same_rows(a, b, {}), 4);
  expect_same_limit(a, b, {}, neurons);
  for (const Row& row : a.rows) {
    const auto same = std::find_if(b.rows.begin(), b.rows.end(),
                                   [&](const Row& r) { return r.time == row.time; });
    if (same == b.rows.end()) continue;
    EXPECT_EQ(row.engine, same->engine) << to_string(row.time);
    EXPECT_EQ(row.estimate, same->estimate) << to_string(row.time);
    for (std::size_t v = 0; v < 4; ++v) {
      if (std::isnan(row.values[v]) && std::isnan(same->values[v])) continue;
      EXPECT_EQ(row.values[v], same->values[v]) << to_string(row.time);
    }
  }
  if (a.reason == StopReason::reached_end) {
    EXPECT_EQ(b.rows.size(), a.rows.size() + other.config.record.at.size());
  }
}

TEST_P(RunProperty, TakingEverySampleTwiceChangesNothing) {
  RunProblem other = problem;
  const Eigen::Index n = problem.data.size();
  Matrix x(2 * n, problem.data.dim());
  x << problem.data.x, problem.data.x;
  other.data.x = Samples(std::move(x));
  other.data.classes.insert(other.data.classes.end(), problem.data.classes.begin(),
                            problem.data.classes.end());
  const Told a = told_by(problem), b = told_by(other);
  EXPECT_GT(expect_same_rows(a, b, {}), 4);
  expect_same_limit(a, b, {}, neurons);
  expect_same_limit(a, b, {.sample = [n](Eigen::Index i) { return n + i; }}, neurons);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RunProperty, testing::ValuesIn(seeds));
INSTANTIATE_TEST_SUITE_P(SlowSeeds, RunProperty, testing::ValuesIn(slow_seeds));

}  // namespace
}  // namespace latetime
