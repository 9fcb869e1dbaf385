// The limit t = ∞ that a run stores, against closed forms, an SVD, and the run at finite times.

#include "latetime/experiment/limit_report.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::HasSubstr;

// The limit is a few solves with small, well-conditioned matrices: some hundred roundings.
constexpr double rounding = 1e-13;

// n orthogonal samples of norm R, m neurons a class.
constexpr double n = 6, m = 5, norm = 3.0, rate = 0.1;
const double q = rate / (n * m);

RunSummary run_into(const std::string& out, std::vector<std::string> overrides,
                    const RunSettings& settings = {}) {
  for (const char* key : {"data.n=6", "data.d=9", "network.width=5", "record.per_decade=1"}) {
    overrides.insert(overrides.begin(), key);
  }
  return carry_out_run(parse_config("", "test", ".", overrides), out, settings);
}

std::vector<std::string> orthogonal(const std::string& slope, const std::string& until) {
  return {"data.source=orthogonal", "data.sample_norm=3", "descent.engine=flow",
          "network.slope=" + slope, "descent.until=" + until};
}

/// KKT with every own pair active and every other one inactive: c = q λ on own pairs, −γ q λ on
/// the others, margin q λ R² (1 + γ²) = 1.
TEST(LimitReport, OrthogonalLeakyDataGiveTheClosedForm) {
  const TemporaryFolder folder;
  const double slope = 0.3;
  const RunSummary summary = run_into(folder / "a", orthogonal("0.3", "1e30"));
  ASSERT_TRUE(summary.limit);
  const RunLimit run = limit_of_run(folder / "a");
  EXPECT_TRUE(run.stored);
  const Limit& limit = run.report.limit;
  EXPECT_EQ(limit.status, LimitStatus::found);
  EXPECT_TRUE(limit.settled);
  const double lambda = 1.0 / (q * norm * norm * (1 + slope * slope));
  for (Eigen::Index i = 0; i < 6; ++i) {
    EXPECT_NEAR(limit.multipliers[i], lambda, rounding * lambda);
    EXPECT_NEAR(limit.margins[i], 1.0, rounding);
    EXPECT_TRUE(limit.support[static_cast<std::size_t>(i)]);
    for (Eigen::Index k = 0; k < 10; ++k) {
      const bool own = (k < 5) == (i % 2 == 0);  // labels alternate from +1
      EXPECT_NEAR(limit.coefficients(k, i), q * lambda * (own ? 1.0 : -slope),
                  rounding * q * lambda);
      EXPECT_EQ(limit.slopes(k, i), own ? 1.0 : slope);
      EXPECT_EQ(limit.verdict(k, i), own ? PairVerdict::active : PairVerdict::inactive);
    }
  }
  EXPECT_NEAR(limit.normalized_margin, norm * std::sqrt((1 + slope * slope) / (n * m)), rounding);
  // Each class has rank one; v_+ and v_− have equal norms and the cosine −2γ/(1 + γ²).
  EXPECT_LT(run.report.stable_ranks[0].excess, rounding * rounding);
  EXPECT_LT(run.report.stable_ranks[1].excess, rounding * rounding);
  const double singular_ratio = (1 - slope) / (1 + slope);
  EXPECT_NEAR(run.report.stable_ranks[2].excess, singular_ratio * singular_ratio, rounding);
  EXPECT_EQ(run.pairs.own[1], 30);
  EXPECT_EQ(run.pairs.other[0], 30);
  EXPECT_EQ(run.pairs.switching_share(), 0.0);
}

/// ReLU: own pairs that are off stay off; a sample with |S_i| active neurons has the margin
/// (|S_i|/m) q λ_i R² = 1, and other-class pairs get no coefficient at all.
TEST(LimitReport, OrthogonalReluDataGiveTheClosedForm) {
  const TemporaryFolder folder;
  run_into(folder / "a", orthogonal("0", "1e30"));
  const Limit limit = limit_of_run(folder / "a").report.limit;
  ASSERT_EQ(limit.status, LimitStatus::found);
  double least = 10, most = 0;
  for (Eigen::Index i = 0; i < 6; ++i) {
    double active = 0;
    for (Eigen::Index k = 0; k < 10; ++k) {
      const bool own = (k < 5) == (i % 2 == 0);
      if (own && limit.verdict(k, i) == PairVerdict::active) ++active;
      if (!own) {
        EXPECT_EQ(limit.coefficients(k, i), 0.0);
      }
    }
    const double lambda = m / (q * norm * norm * active);
    EXPECT_NEAR(limit.multipliers[i], lambda, rounding * lambda);
    least = std::min(least, active);
    most = std::max(most, active);
  }
  EXPECT_GT(most, least);  // samples differ, so that |S_i| is tested
}

TEST(LimitReport, StableRanksAreThoseOfAnSvdOfTheWeights) {
  RandomStream stream(3, RandomPurpose::initial_weights);
  for (const Eigen::Index d : {4, 12}) {  // fewer and more dimensions than samples
    Matrix x(7, d), coefficients(8, 7);
    for (double& entry : x.reshaped()) entry = stream.normal();
    for (double& entry : coefficients.reshaped()) entry = stream.normal();
    const auto ranks = limit_stable_ranks(coefficients, x);
    const Matrix v = coefficients * x;
    const Matrix parts[] = {v.topRows(4), v.bottomRows(4), v};
    for (std::size_t part = 0; part < 3; ++part) {
      EXPECT_NEAR(ranks[part].excess, stable_rank(singular_values(parts[part])).excess, 1e-12);
    }
  }
}

TEST(LimitReport, AClassWithoutDirectionHasNoStableRank) {
  Matrix coefficients = Matrix::Zero(2, 2);
  coefficients.row(0) << 1.0, 2.0;
  const auto ranks = limit_stable_ranks(coefficients, Matrix::Identity(2, 3));
  EXPECT_EQ(ranks[0].excess, 0.0);
  EXPECT_TRUE(std::isnan(ranks[1].value));
  EXPECT_LT(ranks[2].excess, rounding);
}

/// What the run does at 10^300 is O(1/log t) from its limit.
TEST(LimitReport, TheRunComesNearToItsLimit) {
  const TemporaryFolder folder;
  const RunSummary summary = run_into(folder / "a", {"network.slope=0", "descent.until=1e300",
                                                     "data.d=40", "seed=2", "descent.engine=flow"});
  ASSERT_TRUE(summary.limit);
  const double log_t = std::log(10.0) * 300;
  const Measures& last = summary.last.measures;
  EXPECT_NEAR(last.normalized_margin / summary.limit->limit.normalized_margin, 1.0, 10 / log_t);
  for (std::size_t part = 0; part < 3; ++part) {
    EXPECT_NEAR(last.stable_ranks[part].value, summary.limit->stable_ranks[part].value, 10 / log_t);
  }
}

TEST(LimitReport, ResumingToALaterTimeSolvesItAgain) {
  const TemporaryFolder folder;
  run_into(folder / "a", orthogonal("0.3", "1e20"));
  const RunLimit before = limit_of_run(folder / "a");
  EXPECT_NEAR(before.report.log10_followed(), 20.0, 1e-12);
  const RunSummary later = run_into(folder / "a", orthogonal("0.3", "1e40"), {.resume = true});
  ASSERT_TRUE(later.limit);
  const RunLimit after = limit_of_run(folder / "a");
  EXPECT_NEAR(after.report.log10_followed(), 40.0, 1e-12);
  EXPECT_EQ(after.start, LogTime::parse("1e40", "test"));
}

TEST(LimitReport, AnInterruptedRunStoresNone) {
  const TemporaryFolder folder;
  const RunSummary summary =
      run_into(folder / "a", orthogonal("0.3", "1e20"),
               {.pulse = [](const LogTime& time) { return time < LogTime(1'000'000); }});
  EXPECT_EQ(summary.outcome.reason, StopReason::interrupted);
  EXPECT_FALSE(summary.limit);
  EXPECT_FALSE(Hdf5Reader(folder / "a/result.h5").exists("/limit"));
  const RunLimit run = limit_of_run(folder / "a");  // computed from where it stopped
  EXPECT_FALSE(run.stored);
  EXPECT_EQ(run.report.limit.status, LimitStatus::found);
  // Resumed, it stores what an uninterrupted run does, to the bit.
  run_into(folder / "a", orthogonal("0.3", "1e20"), {.resume = true});
  run_into(folder / "whole", orthogonal("0.3", "1e20"));
  const Hdf5Reader parts(folder / "a/result.h5"), whole(folder / "whole/result.h5");
  for (const std::string& name : whole.numeric_datasets()) {
    if (name.starts_with("/limit/")) {
      EXPECT_EQ(parts.read_doubles(name), whole.read_doubles(name)) << name;
    }
  }
  EXPECT_TRUE(parts.exists("/limit/verdicts"));
}

/// From exact steps the same limit is computed that a late run finds.
TEST(LimitReport, ARunOfExactStepsHasTheLimitOfALateOne) {
  const TemporaryFolder folder;
  const std::vector<std::string> same{"network.slope=0.2", "data.source=near-orthogonal",
                                      "data.inner_product=0.02"};
  std::vector<std::string> exact = same, late = same;
  exact.insert(exact.end(), {"descent.engine=coefficient", "descent.until=20000"});
  late.insert(late.end(), {"descent.engine=flow", "descent.until=1e20"});
  EXPECT_FALSE(run_into(folder / "exact", exact).limit);
  run_into(folder / "late", late);
  const RunLimit a = limit_of_run(folder / "exact"), b = limit_of_run(folder / "late");
  EXPECT_FALSE(a.stored);
  EXPECT_EQ(a.engine, EngineKind::coefficient);
  EXPECT_EQ(a.start, LogTime(20000));
  EXPECT_TRUE(b.stored);
  ASSERT_EQ(a.report.limit.status, LimitStatus::found);
  EXPECT_LT((a.report.limit.multipliers - b.report.limit.multipliers).norm(),
            1e-11 * b.report.limit.multipliers.norm());
  EXPECT_EQ(a.report.limit.verdicts, b.report.limit.verdicts);
}

TEST(LimitReport, SaysWhenThereIsNone) {
  const TemporaryFolder folder;
  run_into(folder / "early", {"descent.until=20"});
  EXPECT_THAT(limit_of_run(folder / "early").problem, HasSubstr("too early"));
  const std::string x = folder.write("x.csv", "1,0\n1,0\n0,1\n0,1\n");
  const std::string y = folder.write("y.csv", "1\n-1\n1\n-1\n");
  carry_out_run(
      parse_config("", "test", ".",
                   std::vector<std::string>{"data.source=file", "data.x=" + x, "data.y=" + y,
                                            "network.width=2", "descent.until=1000"}),
      folder / "same", {});
  const RunLimit same = limit_of_run(folder / "same");
  EXPECT_EQ(same.report.limit.status, LimitStatus::not_separated);
  EXPECT_THAT(same.report.limit.message, HasSubstr("samples"));
  EXPECT_FALSE(same.report.has_direction());
}

LimitReport small_report() {
  LimitReport report;
  Limit& limit = report.limit;
  limit.status = LimitStatus::pattern_moves;
  limit.message = "words";
  limit.log_time = 7.0;
  limit.settled = true;
  limit.multipliers = Vector::LinSpaced(3, 0.0, 1.0);
  limit.margins = Vector::LinSpaced(3, 1.0, 2.0);
  limit.support = {false, true, true};
  limit.coefficients = Matrix::Random(4, 3);
  limit.slopes = Matrix::Random(4, 3);
  limit.verdicts.assign(12, PairVerdict::switches);
  limit.verdicts[5] = PairVerdict::undecided;
  limit.normalized_margin = 0.25;
  limit.kkt_residual = 1e-16;
  limit.strictness = 0.5;
  report.stable_ranks = {StableRank{1.5, 0.5}, {2.0, 1.0}, {1.0, 1e-30}};
  report.errors = Errors{.train = 0.0, .train_clean = 0.25, .test = 0.125, .test_zero = 0.0625};
  report.errors->population =
      PopulationError{.value = 0.1, .low = 0.05, .high = 0.15, .zero = 0.01, .draws = 200'000};
  return report;
}

void write_report(const std::string& path, const LimitReport& report) {
  Hdf5Writer writer(path);
  write_limit(writer, report, {.groups = 2, .width = 2, .dim = 3, .slope = 0.0}, 3);
  writer.close();
}

TEST(LimitReport, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const NetworkShape shape{.groups = 2, .width = 2, .dim = 3, .slope = 0.0};
  const LimitReport report = small_report();
  const std::string path = folder / "limit.h5";
  write_report(path, report);
  const LimitReport back = read_limit(Hdf5Reader(path), path, shape, 3);
  EXPECT_EQ(back.limit.status, report.limit.status);
  EXPECT_EQ(back.limit.message, report.limit.message);
  EXPECT_NEAR(back.limit.log_time, 7.0, 1e-15 * 7);
  EXPECT_TRUE(back.limit.settled);
  EXPECT_EQ(back.limit.multipliers, report.limit.multipliers);
  EXPECT_EQ(back.limit.margins, report.limit.margins);
  EXPECT_EQ(back.limit.support, report.limit.support);
  EXPECT_EQ(back.limit.coefficients, report.limit.coefficients);
  EXPECT_EQ(back.limit.slopes, report.limit.slopes);
  EXPECT_EQ(back.limit.verdicts, report.limit.verdicts);
  EXPECT_EQ(back.limit.normalized_margin, 0.25);
  EXPECT_EQ(back.limit.kkt_residual, 1e-16);
  EXPECT_EQ(back.limit.strictness, 0.5);
  EXPECT_EQ(back.stable_ranks[2].excess, 1e-30);
  ASSERT_TRUE(back.errors && back.errors->population);
  EXPECT_EQ(back.errors->train_clean, 0.25);
  EXPECT_EQ(back.errors->test, 0.125);
  EXPECT_EQ(back.errors->test_zero, 0.0625);
  EXPECT_EQ(back.errors->population->value, 0.1);
  EXPECT_EQ(back.errors->population->low, 0.05);
  EXPECT_EQ(back.errors->population->high, 0.15);
  EXPECT_EQ(back.errors->population->zero, 0.01);
  EXPECT_EQ(back.errors->population->draws, 200'000u);
  EXPECT_EQ(Hdf5Reader(path).shape("/limit/verdicts"), (ArrayShape{2, 2, 3}));
  EXPECT_EQ(Hdf5Reader(path).read_doubles("/limit/undecided"), std::vector<double>{1.0});
}

TEST(LimitReport, ReadsBackThatThereIsNoDirection) {
  const TemporaryFolder folder;
  const NetworkShape shape{.groups = 2, .width = 2, .dim = 3, .slope = 0.0};
  for (const LimitStatus status : {LimitStatus::not_separated, LimitStatus::pattern_moves,
                                   LimitStatus::not_solved, LimitStatus::not_separated_so_far}) {
    LimitReport report;
    report.limit.status = status;
    report.limit.message = "for the test";
    report.stable_ranks.assign(3, {std::nan(""), std::nan("")});
    if (status == LimitStatus::not_separated) report.limit.ray = Vector::Ones(3);
    const std::string path = folder / (word_of(status) + ".h5");
    write_report(path, report);
    const LimitReport back = read_limit(Hdf5Reader(path), path, shape, 3);
    EXPECT_EQ(back.limit.status, status);
    EXPECT_EQ(back.limit.message, "for the test");
    EXPECT_EQ(back.limit.ray, report.limit.ray);
    EXPECT_FALSE(back.has_direction());
  }
}

TEST(LimitReport, RefusesADamagedGroup) {
  const TemporaryFolder folder;
  const NetworkShape shape{.groups = 2, .width = 2, .dim = 3, .slope = 0.0};
  const std::string path = folder / "limit.h5";
  const auto refusal = [&](const LimitReport& report, Eigen::Index samples) {
    write_report(path, report);
    return error_of([&] { read_limit(Hdf5Reader(path), path, shape, samples); });
  };
  EXPECT_THAT(refusal(small_report(), 4),
              HasSubstr("limit.h5: /limit/multipliers has shape (3) where (4) is"));
  LimitReport wrong = small_report();
  wrong.limit.verdicts[2] = static_cast<PairVerdict>(9);
  EXPECT_THAT(refusal(wrong, 3), HasSubstr("/limit/verdicts has an entry above 3"));
}

}  // namespace
}  // namespace latetime
