// L.1: the limit of symmetric data is the linear classifier of largest margin.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/data/symmetry.hpp"
#include "theory/runs.hpp"

namespace latetime {
namespace {

using namespace testing_support;

const Hypothesis& hypothesis_of(const Claim& claim, const std::string& name) {
  return *std::ranges::find_if(claim.hypotheses, [&](const auto& h) { return h.name == name; });
}

TEST(SymmetricData, IsToldFromOthers) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Dataset data = symmetric_separable_data(8, 5, 0.3, 1.0, seed);
    EXPECT_TRUE(is_symmetric(data));
    Dataset turned = data;
    std::swap(turned.classes[2], turned.classes[3]);  // a pair of opposite labels still
    EXPECT_TRUE(is_symmetric(turned));
    turned.classes[3] = turned.classes[2];
    EXPECT_FALSE(is_symmetric(turned));
    Dataset off = data;
    off.x.edit()(4, 1) = std::nextafter(off.x(4, 1), 100.0);
    EXPECT_FALSE(is_symmetric(off));
    Dataset twice = data;  // sample 0 twice, its mirror image once
    twice.x.edit().row(2) = data.x.row(0);
    twice.classes[2] = data.classes[0];
    EXPECT_FALSE(is_symmetric(twice));
    twice.x.edit().row(3) = data.x.row(1);
    twice.classes[3] = data.classes[1];
    EXPECT_TRUE(is_symmetric(twice));
  }
  EXPECT_FALSE(is_symmetric(gaussian_mixture(6, 20, 0.01, 1.0, 1)));
}

TEST(SymmetricClaim, HoldsOnSymmetricData) {
  int seen = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    for (const double slope : {0.1, 0.5, 0.9}) {
      for (const Eigen::Index d : {2, 6, 40}) {
        const ClaimSetting setting =
            setting_on(symmetric_separable_data(8, d, 0.5, 1.0, seed), 10, slope, 1e-3, 0.1, seed);
        const RunTrace run = observe(setting, 100.0, 2e5);
        const Claim claim = claim_of(run, "L.1");
        SCOPED_TRACE(std::to_string(seed) + ", slope " + std::to_string(slope) + ", d " +
                     std::to_string(d) + ": " + claim.finding.reason);
        EXPECT_TRUE(claim.hypotheses_met());
        EXPECT_NE(word_of(claim.verdict), "Fails");
        seen += claim.verdict == ClaimVerdict::holds ? 1 : 0;
        if (claim.verdict != ClaimVerdict::holds) continue;
        // What the limit is off by, the claim sees.
        for (const auto& [off, verdict] :
             {std::pair{1e-3, "Fails"}, std::pair{1e-7, "Undecided"}}) {
          RunTrace changed = run;
          Matrix& c = changed.limit->coefficients;
          c.row(0) *= 1.0 + off;
          EXPECT_EQ(word_of(claim_of(changed, "L.1").verdict), verdict) << off;
        }
      }
    }
  }
  EXPECT_GE(seen, 30);  // of 36
}

TEST(SymmetricClaim, FailsWhereTheLimitIsNotLinear) {
  for (const Eigen::Index n : {2, 4, 5}) {
    const ClaimSetting setting = setting_on(orthogonal_data(n, 20, 1.0), 10, 0.1, 1e-3);
    const Claim claim = claim_of(observe(setting, 100.0, 2e5), "L.1");
    EXPECT_EQ(word_of(claim.verdict), "HypothesisUnmet");
    EXPECT_FALSE(hypothesis_of(claim, "symmetric data").met);
    EXPECT_TRUE(hypothesis_of(claim, "linearly separable").met);
    EXPECT_EQ(word_of(claim.finding.seen), "fails") << claim.finding.reason;
  }
}

TEST(SymmetricClaim, NamesTheHypothesisThatIsNotMet) {
  const auto claim_on = [](const Dataset& data, double slope, double init_std) {
    return claim_of(observe(setting_on(data, 6, slope, init_std), 3.0, 2e5), "L.1");
  };
  const Dataset data = symmetric_separable_data(6, 5, 0.5, 1.0, 1);
  EXPECT_FALSE(claim_on(data, 0.0, 1e-3).applies);
  EXPECT_FALSE(claim_on(data, 1.0, 1e-3).applies);
  const Claim large = claim_on(data, 0.2, 10.0);
  EXPECT_EQ(word_of(large.verdict), "HypothesisUnmet");
  EXPECT_FALSE(hypothesis_of(large, "small initial outputs").met);
  Dataset turned = data;
  std::swap(turned.classes[0], turned.classes[1]);
  turned.x.edit().row(2) = 2.0 * data.x.row(0);
  turned.x.edit().row(3) = 2.0 * data.x.row(1);
  const Claim inseparable = claim_on(turned, 0.2, 1e-3);
  EXPECT_TRUE(hypothesis_of(inseparable, "symmetric data").met);
  EXPECT_FALSE(hypothesis_of(inseparable, "linearly separable").met);
  EXPECT_EQ(word_of(inseparable.verdict), "HypothesisUnmet");
}

}  // namespace
}  // namespace latetime
