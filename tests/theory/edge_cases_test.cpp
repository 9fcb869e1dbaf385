// Runs at the edges of what claims can be asked of: no crash, no guess.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "theory/runs.hpp"

namespace latetime {
namespace {

using namespace testing_support;

Dataset with_labels(Dataset data, int first_class) {
  std::fill(data.classes.begin(), data.classes.end(), first_class);
  return data;
}

Dataset duplicates() {
  Dataset data = gaussian_mixture(6, 20, 0.01, 1.0, 3);
  for (Eigen::Index i = 0; i < data.size(); i += 2) {
    data.x.edit().row(i + 1) = data.x.row(i).eval();
    data.classes[static_cast<std::size_t>(i)] = 0;
    data.classes[static_cast<std::size_t>(i) + 1] = 1;
  }
  return data;
}

struct Edge {
  const char* name;
  Dataset data;
  Eigen::Index width;
  double init_std = 1e-3;
  double learning_rate = 0.1;
};

std::vector<Edge> edges() {
  std::vector<Edge> list;
  list.push_back({"one sample", gaussian_mixture(1, 10, 0.01, 1.0, 1), 5});
  list.push_back({"one class", with_labels(gaussian_mixture(4, 30, 0.01, 1.0, 2), 1), 5});
  list.push_back({"one neuron", gaussian_mixture(4, 30, 0.01, 1.0, 3), 1});
  list.push_back({"opposite duplicates", duplicates(), 4});
  list.push_back({"d < n", gaussian_mixture(8, 3, 0.5, 1.0, 4), 6});
  list.push_back({"zero weights", orthogonal_data(4, 6, 1.0), 3, 0.0});
  list.push_back({"huge weights", gaussian_mixture(4, 30, 0.01, 1.0, 5), 5, 100.0});
  list.push_back({"huge steps", gaussian_mixture(4, 30, 0.01, 1.0, 6), 5, 1e-3, 1e4});
  return list;
}

TEST(EdgeCases, SlowAreJudgedWithoutAGuess) {
  for (const Edge& edge : edges()) {
    for (const double slope : {0.0, 0.2, 1.0}) {
      const ClaimSetting setting =
          setting_on(edge.data, edge.width, slope, edge.init_std, edge.learning_rate);
      RunTrace run = observe(setting, 12.0, 2e5);
      const auto claims = check_claims(run);
      EXPECT_EQ(claims.size(), 33u);
      for (const Claim& claim : claims) {
        const std::string name =
            std::string(edge.name) + ", slope " + std::to_string(slope) + ": " + claim.id;
        if (claim.verdict == ClaimVerdict::undecided) {
          EXPECT_NE(claim.finding.reason, "") << name;
        }
        if (claim.verdict == ClaimVerdict::fails) {
          // What needs no condition on the data, and can fail: a draw, and open questions.
          EXPECT_THAT(claim.id, testing::AnyOf("A.1", "A.2", "7.1", "7.2"))
              << name << ": " << claim.finding.reason;
        }
      }
    }
  }
}

TEST(EdgeCases, ARunThatEndsEarly) {
  const ClaimSetting setting = setting_on(orthogonal_data(4, 200, 1.0), 150, 0.2, 1e-3);
  for (const double decades : {0.0, 1.0, 3.0}) {
    for (const Claim& claim : check_claims(observe(setting, decades))) {
      if (claim.id == "4.1.1" || claim.id == "4.1.2" || claim.id == "5.6" || claim.id == "7.1") {
        EXPECT_EQ(word_of(claim.verdict), "Undecided") << claim.id;
        EXPECT_NE(claim.finding.reason, "") << claim.id;
      }
      EXPECT_NE(word_of(claim.verdict), "Fails") << claim.id << ": " << claim.finding.reason;
    }
  }
  const Claim claim = claim_of(observe(setting, 3.0), "7.1");
  EXPECT_THAT(claim.finding.reason, testing::HasSubstr("before late time"));
}

// ReLU neurons of a class without samples stay where they are, with the rank of the initial
// weights.
TEST(EdgeCases, AClassWithoutSamplesMeetsNoHypothesisOnItsNorms) {
  const ClaimSetting setting =
      setting_on(with_labels(orthogonal_data(2, 200, 1.0), 0), 120, 0.0, 1e-3);
  const RunTrace run = observe(setting, 30.0, 1e6);
  for (const std::string id : {"4.3.1", "F.1"}) {
    const Claim claim = claim_of(run, id);
    EXPECT_EQ(word_of(claim.verdict), "HypothesisUnmet") << id;
    for (const Hypothesis& hypothesis : claim.hypotheses) {
      EXPECT_EQ(hypothesis.met, hypothesis.name != "both classes") << id << hypothesis.name;
    }
  }
  EXPECT_EQ(word_of(claim_of(run, "4.3.2").verdict), "Holds");
}

// In the first steps coefficients grow like |x_i|^2, so that c1 of the balance lemmas is c / R^2.
TEST(EdgeCases, NormsThatDifferByAFactorAreBalancedToItsSquare) {
  Dataset data = orthogonal_data(4, 60, 1.0);
  data.x.edit().row(0) *= 30.0;
  for (const double slope : {0.0, 0.5}) {
    const ClaimSetting setting = setting_on(data, 40, slope, 1e-4, 1e-2);
    RunTrace run = observe(setting, 30.0, 1e6);
    const auto ids = slope > 0.0 ? std::vector<std::string>{"5.4", "B.2", "B.4"}
                                 : std::vector<std::string>{"5.5"};
    for (const std::string& id : ids) {
      const Claim claim = claim_of(run, id);
      EXPECT_LT(claim.measured.at(0).range.least.value, 2.0 / 900.0) << id;
      EXPECT_EQ(word_of(claim.finding.seen), "holds") << id << ": " << claim.finding.reason;
    }
    for (Snapshot& snapshot : run.snapshots) snapshot.coefficients.col(0) *= 1e-10;
    for (const std::string& id : ids) {
      EXPECT_EQ(word_of(claim_of(run, id).finding.seen), "fails") << id;
    }
  }
}

TEST(EdgeCases, MiniBatchesAndFlowMeetNoHypothesisOnSteps) {
  const ClaimSetting base = setting_on(orthogonal_data(4, 200, 1.0), 150, 0.2, 1e-3);
  for (const Method method : {Method::stochastic, Method::flow}) {
    const ClaimSetting setting(
        base.problem,
        method == Method::flow ? ClaimDescent::gradient_flow : ClaimDescent::mini_batches, 1e-3);
    DescentOptions options{.method = method, .batch_size = 2, .until = LogTime(2000)};
    const RunTrace run = observe_run(setting, options, {});
    EXPECT_FALSE(run.steps.looked);
    for (const Claim& claim : check_claims(run)) {
      if (!claim.applies) continue;
      if (claim.id == "5.2" || claim.id == "5.4" || claim.id == "4.1.2") {
        EXPECT_EQ(word_of(claim.verdict), "HypothesisUnmet") << claim.id;
      }
      EXPECT_NE(word_of(claim.verdict), "Fails") << claim.id << ": " << claim.finding.reason;
    }
  }
}

TEST(EdgeCases, StoppedOnRequest) {
  const ClaimSetting setting = setting_on(orthogonal_data(4, 200, 1.0), 50, 0.2, 1e-3);
  ObserveOptions how;
  int asked = 0;
  how.keep_going = [&asked] { return ++asked < 3; };
  const RunTrace run = observe_run(setting, {.until = LogTime(1000)}, how);
  EXPECT_LE(run.steps.last, 3u);
  for (const Claim& claim : check_claims(run)) {
    EXPECT_NE(word_of(claim.verdict), "Fails") << claim.id << ": " << claim.finding.reason;
  }
}

}  // namespace
}  // namespace latetime
