// The averages over fast switching against the switching itself, carried out hop by hop.

#include "latetime/dynamics/switching_mean.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/LU>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

struct Sliding {
  FlowProblem problem;
  int group = 0;
  Vector lambda;
  NeuronMode mode;
};

/// `count` other-class samples that slide, held against the pull of three own-class ones.
Sliding sliding_pairs(Eigen::Index count, double slope, std::uint64_t seed) {
  const Eigen::Index n = count + 3, d = 2 * n;
  for (std::uint64_t index = 0;; ++index) {
    RandomStream stream(seed, RandomPurpose::test, index);
    Dataset data{.x = Matrix(n, d), .classes = std::vector<int>(static_cast<std::size_t>(n), 0)};
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index c = 0; c < d; ++c) data.x.edit()(i, c) = stream.normal();
      data.x.edit().row(i).array() += 0.5;
    }
    for (Eigen::Index i = 0; i < count; ++i) data.classes[static_cast<std::size_t>(i)] = 1;
    const NetworkShape shape{.groups = 2, .width = 2, .dim = d, .slope = slope};
    Sliding s{.problem = FlowProblem({data, {shape, {}}, 0.4}), .lambda = Vector(n)};
    for (Eigen::Index i = 0; i < n; ++i) s.lambda[i] = 0.5 + stream.uniform();
    s.mode.active.assign(static_cast<std::size_t>(n), 1);
    std::vector<Eigen::Index> at_zero;
    for (Eigen::Index i = 0; i < count; ++i) at_zero.push_back(i);
    resolve_mode(s.problem, s.group, s.lambda, at_zero, s.mode);
    if (static_cast<Eigen::Index>(s.mode.sliding.size()) == count) return s;
  }
}

/// Means of t · z_S and t · σ(z_S), and how far z_S goes to either side.
struct Hopped {
  Vector preactivation, activation, highest, lowest;
};

/// t · z_S under gradient descent with λ held fixed: every own sample pushes by q λ G, and of the
/// sliding ones those that are active, or all of them γ times as much.
Hopped hop(const Sliding& s, Vector z, int hops) {
  const Eigen::Index size = z.size(), n = s.lambda.size();
  Hopped mean{Vector::Zero(size), Vector::Zero(size), Vector::Zero(size), Vector::Zero(size)};
  Vector pull = Vector::Zero(size);
  for (Eigen::Index r = 0; r < size; ++r) {
    for (Eigen::Index l = size; l < n; ++l) {
      pull[r] += s.problem.rate * s.lambda[l] * s.problem.gram(l, r);
    }
  }
  const double slope = s.problem.shape.slope;
  for (int h = 0; h < hops; ++h) {
    Vector next = z + pull;
    for (Eigen::Index l = 0; l < size; ++l) {
      const double derivative = z[l] >= 0.0 ? 1.0 : slope;
      for (Eigen::Index r = 0; r < size; ++r) {
        next[r] -= s.problem.rate * derivative * s.lambda[l] * s.problem.gram(l, r);
      }
    }
    z = next;
    mean.preactivation += z;
    if (h > hops / 100) {  // on the torus
      mean.highest = mean.highest.cwiseMax(z);
      mean.lowest = mean.lowest.cwiseMin(z);
    }
    for (Eigen::Index l = 0; l < size; ++l) {
      mean.activation[l] += z[l] >= 0.0 ? z[l] : slope * z[l];
    }
  }
  mean.preactivation /= hops;
  mean.activation /= hops;
  return mean;
}

/// What z_l loses when its own pair is active rather than not: the width of what it hops in.
double hop_size(const Sliding& s, Eigen::Index l) {
  return s.problem.rate * (1.0 - s.problem.shape.slope) * s.lambda[l] * s.problem.gram(l, l);
}

constexpr int plain_hops = 1'000'000;

// A plain average over N hops of a rotation is off by the discrepancy of N points, about log N / N
// in one dimension and (log N)^k / N at most in k (Koksma–Hlawka); hop sizes are the unit.
constexpr double plain_error = 1e-4;

/// z_S, σ(z_S) and σ(−z_S) go no further from their means than `factor` times what is said, but for
/// `error` hops, nor is more said than they do.
void expect_spreads(const Sliding& s, const SwitchingMean& mean, const Hopped& plain, double factor,
                    double error) {
  const double slope = s.problem.shape.slope;
  const auto sigma = [&](double z) { return z >= 0.0 ? z : slope * z; };
  for (Eigen::Index l = 0; l < plain.highest.size(); ++l) {
    const double high = plain.highest[l], low = plain.lowest[l], tolerance = error * hop_size(s, l);
    const auto expect_spread = [&](double said, double lowest, double highest, double middle) {
      const double farthest = std::max(highest - middle, middle - lowest);
      EXPECT_LE(farthest, factor * said + tolerance);
      EXPECT_LE(said, farthest + tolerance);
    };
    const double middle = plain.preactivation[l], active = plain.activation[l];
    expect_spread(mean.spread[l], low, high, middle);
    expect_spread(mean.activation_spread[l], sigma(low), sigma(high), active);
    // The mean of σ(−z) is that of σ(z) less that of (1 + γ) z.
    expect_spread(mean.mirrored_spread[l], sigma(-high), sigma(-low),
                  active - (1.0 + slope) * middle);
  }
}

TEST(SwitchingMean, OfOnePairIsItsClosedForm) {
  for (const double slope : {0.0, 0.1, 0.5}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Sliding s = sliding_pairs(1, slope, seed);
      double pull = 0.0;
      for (Eigen::Index l = 1; l < 4; ++l) {
        pull += s.problem.rate * s.lambda[l] * s.problem.gram(l, 0);
      }
      const double hold = s.problem.rate * s.lambda[0] * s.problem.gram(0, 0);
      const double up = pull - slope * hold, down = hold - pull;
      ASSERT_GT(up, 0.0);
      ASSERT_GT(down, 0.0);
      // z is uniform in [−down, up): mean of z, and of max(z, γz).
      const double z = (up * up - down * down) / (2.0 * (up + down));
      const double activation = (up * up - slope * down * down) / (2.0 * (up + down));
      const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
      EXPECT_NEAR(mean.preactivation[0], z, 1e-14 * hold);
      EXPECT_NEAR(mean.activation[0], activation, 1e-14 * hold);
      if (seed > 3) continue;
      const Hopped plain = hop(s, Vector::Zero(1), plain_hops);
      EXPECT_NEAR(mean.preactivation[0], plain.preactivation[0], plain_error * hold);
      EXPECT_NEAR(mean.activation[0], plain.activation[0], plain_error * hold);
      expect_spreads(s, mean, plain, 1.0, plain_error);
    }
  }
}

// Averages of 4,096 hops, of functions that jump on the torus: no worse than for as many points at
// random, 1/64 of a hop, and the weights leave about a quarter of them to count.
constexpr double weighted_error = 1.0 / 32.0;

class Several : public testing::TestWithParam<Eigen::Index> {};

TEST_P(Several, PairsAreWherePlainHoppingHasThemOnAverage) {
  const Eigen::Index count = GetParam();
  for (const double slope : {0.0, 0.3}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const Sliding s = sliding_pairs(count, slope, seed);
      const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
      ASSERT_EQ(mean.preactivation.size(), count);
      // From anywhere within a hop or so of zero: the average is that of the torus.
      RandomStream stream(seed, RandomPurpose::test, 99);
      for (int start = 0; start < 2; ++start) {
        Vector z(count);
        for (Eigen::Index l = 0; l < count; ++l) z[l] = stream.normal() * hop_size(s, l);
        const Hopped plain = hop(s, z, plain_hops);
        for (Eigen::Index l = 0; l < count; ++l) {
          const double tolerance = weighted_error * hop_size(s, l);
          EXPECT_NEAR(mean.preactivation[l], plain.preactivation[l], tolerance);
          EXPECT_NEAR(mean.activation[l], plain.activation[l], tolerance);
        }
        // Some thousands of hops do not see the corners of the torus: estimates count them twice.
        expect_spreads(s, mean, plain, 2.0, weighted_error);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(SwitchingMean, Several, testing::Values(2, 3, 5),
                         [](const auto& instance) { return std::to_string(instance.param); });

/// The same with pair 0 active, or inactive, at that part of the steps: what holds it at zero is
/// what the own-class pairs push by, whatever its own multiplier.
Sliding with_rare_pair(Eigen::Index count, double slope, std::uint64_t seed, double part,
                       bool rarely_active) {
  Sliding s = sliding_pairs(count, slope, seed);
  const double held = sliding_multipliers(s.mode, s.lambda)[0];
  const FoldBounds bounds = fold_bounds(s.problem, s.group, 0, s.lambda);
  const double unit = 1.0 / s.lambda[0], above = bounds.above * unit, below = bounds.below * unit;
  s.lambda[0] = held / (below + (rarely_active ? part : 1.0 - part) * (above - below));
  return s;
}

/// What a hop of pair 0, and its own, may move z_l by.
double reach_of_hops(const Sliding& s, Eigen::Index l) {
  return hop_size(s, l) + hop_size(s, 0) * std::abs(s.problem.gram(l, 0)) / s.problem.gram(0, 0);
}

// What is extrapolated, and what others shake out of a pair once in ten thousand hops.
constexpr double rare_error = 1.0 / 16.0;

TEST(SwitchingMean, HoldsForPairsThatChangeSidesRarely) {
  for (const Eigen::Index count : {2, 3}) {
    for (const double part : {1e-2, 1e-3, 1e-4}) {
      for (const bool rarely_active : {true, false}) {
        for (std::uint64_t seed = 1; seed <= testing_support::fewer_if_sanitized(4u); ++seed) {
          // γ > 0: held from below, too, so that a pair may be active rarely with a hop of any
          // size.
          const Sliding s =
              with_rare_pair(count, seed % 2 == 0 ? 0.0 : 0.2, seed, part, rarely_active);
          const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
          const Hopped plain = hop(s, Vector::Zero(count), 2 * plain_hops);
          for (Eigen::Index l = 0; l < count; ++l) {
            const double tolerance = rare_error * reach_of_hops(s, l);
            EXPECT_NEAR(mean.preactivation[l], plain.preactivation[l], tolerance)
                << count << " pairs, " << part << ", seed " << seed << ", pair " << l;
            EXPECT_NEAR(mean.activation[l], plain.activation[l], tolerance);
            const double farthest = std::max(plain.highest[l] - plain.preactivation[l],
                                             plain.preactivation[l] - plain.lowest[l]);
            EXPECT_LE(farthest, 2.0 * mean.spread[l] + tolerance);
          }
        }
      }
    }
  }
}

// Multipliers of a moment may be such that nothing holds a pair any more: no number of hops may
// carry it off.
TEST(SwitchingMean, StaysWithinAHopWhereAPairIsAboutToLeave) {
  for (const double part : {1e-3, 1e-9, 0.0, -1e-9, -1e-3, -1e-2}) {
    for (const bool rarely_active : {true, false}) {
      const Sliding s = with_rare_pair(2, 0.2, 3, part, rarely_active);
      const Sliding at_limit = with_rare_pair(2, 0.2, 3, 0.0, rarely_active);
      const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
      const SwitchingMean limit =
          switching_mean(at_limit.problem, at_limit.group, at_limit.mode, at_limit.lambda);
      EXPECT_LE(std::abs(mean.preactivation[0]), hop_size(s, 0)) << part;
      EXPECT_LE(mean.spread[0], 1.2 * hop_size(s, 0)) << part;
      for (Eigen::Index l = 0; l < 2; ++l) {
        EXPECT_NEAR(mean.preactivation[l], limit.preactivation[l],
                    (rare_error + 2.0 * std::abs(part)) * reach_of_hops(s, l))
            << part;
      }
    }
  }
}

/// What the means do to the margins: with Δw_k = Σ_S x_l (G_SS⁻¹ z̄)_l, sample i sees σ'·⟨Δw_k,
/// x_i⟩, and a sliding sample the mean of its own activation.
TEST(SwitchingMean, OffsetOfTheMarginsIsThatOfTheMovedNeuron) {
  for (const double slope : {0.0, 0.3}) {
    const Sliding s = sliding_pairs(3, slope, 4);
    const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
    const Vector offset = Vector::Ones(6) + margin_offset(s.problem, s.group, s.mode, mean);
    const Eigen::MatrixXd block = s.problem.gram.topLeftCorner(3, 3);
    const Vector move = block.inverse() * mean.preactivation;
    for (Eigen::Index i = 0; i < 6; ++i) {
      const double z = s.problem.gram.row(i).head(3).dot(move);
      const double value = i < 3 ? -mean.activation[i] : z;  // other-class, or own and active
      EXPECT_NEAR(offset[i], 1.0 + value / 2.0, 1e-13) << "sample " << i;  // width 2
    }
  }
}

/// Two other-class samples that slide, and one in their span, which rides: of either class, and
/// counted as on either side by the mode.
Sliding with_rider(bool on_line, bool own, std::uint64_t seed) {
  const Eigen::Index n = 6, d = 12, rider = 2;
  for (std::uint64_t index = 0;; ++index) {
    RandomStream stream(seed, RandomPurpose::test, index);
    Dataset data{.x = Matrix(n, d), .classes = {1, 1, own ? 0 : 1, 0, 0, 0}};
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index c = 0; c < d; ++c) data.x.edit()(i, c) = 0.5 + stream.normal();
    }
    const double first = stream.normal(), second = on_line ? 0.0 : stream.normal();
    // Where the sample is on a line, it is so but for 1e-11.
    data.x.edit().row(rider) = first * data.x.row(0) + second * data.x.row(1) +
                               (on_line ? 1e-11 : 0.0) * data.x.row(rider);
    const NetworkShape shape{.groups = 2, .width = 2, .dim = d, .slope = 0.1};
    Sliding s{.problem = FlowProblem({data, {shape, {}}, 0.4}), .lambda = Vector(n)};
    for (Eigen::Index i = 0; i < n; ++i) s.lambda[i] = 0.5 + stream.uniform();
    s.lambda[rider] *= own ? 0.2 : 1.0;
    s.mode.active = {1, 1, static_cast<std::uint8_t>(stream.below(2)), 1, 1, 1};
    resolve_mode(s.problem, s.group, s.lambda, std::vector<Eigen::Index>{0, 1}, s.mode);
    if (s.mode.sliding.size() == 2) return s;
  }
}

/// Means of t z_0, t z_1, t σ(z_0), t σ(z_1), t σ(z_2) of descent with λ held fixed, the first
/// three samples beginning at zero.
Vector means_with_rider(const Sliding& s, int hops) {
  const Eigen::MatrixXd gram = s.problem.gram.topRows(3);
  Vector push = s.problem.rate * s.lambda;
  for (Eigen::Index l = 0; l < 6; ++l) push[l] *= s.problem.sign(s.group, l);
  Vector z = Vector::Zero(3), sums = Vector::Zero(5);
  for (int h = 0; h < hops; ++h) {
    Vector here = push;
    for (Eigen::Index l = 0; l < 3; ++l) here[l] *= z[l] >= 0.0 ? 1.0 : s.problem.shape.slope;
    z += gram * here;
    sums.head(2) += z.head(2);
    for (Eigen::Index l = 0; l < 3; ++l) {
      sums[2 + l] += z[l] >= 0.0 ? z[l] : s.problem.shape.slope * z[l];
    }
  }
  return sums / hops;
}

/// A pair that goes to and fro with the sliding ones pushes on its own; the mode counts it as on
/// one side for ever.
TEST(SwitchingMean, GoesAlongWithPairsThatRide) {
  int held = 0;
  for (const bool on_line : {false, true}) {
    for (const bool own : {false, true}) {
      for (std::uint64_t seed = 1; seed <= testing_support::fewer_if_sanitized(10u); ++seed) {
        Sliding s = with_rider(on_line, own, seed);
        s.mode.riding = {2};
        const SwitchingMean mean = switching_mean(s.problem, s.group, s.mode, s.lambda);
        const Vector plain = means_with_rider(s, plain_hops);
        // An own-class pair may be too strong for those that slide.
        if (own && plain.cwiseAbs().maxCoeff() > 3.0 * (hop_size(s, 0) + hop_size(s, 1))) continue;
        held += 1;
        ASSERT_EQ(mean.riders, std::vector<Eigen::Index>{2});
        const double tolerance = 0.01 * (hop_size(s, 0) + hop_size(s, 1));
        EXPECT_NEAR(mean.preactivation[0], plain[0], tolerance) << on_line << own << seed;
        EXPECT_NEAR(mean.preactivation[1], plain[1], tolerance) << on_line << own << seed;
        EXPECT_NEAR(mean.activation[0], plain[2], tolerance) << on_line << own << seed;
        EXPECT_NEAR(mean.activation[1], plain[3], tolerance) << on_line << own << seed;
        EXPECT_NEAR(mean.rider_activation[0], plain[4], tolerance) << on_line << own << seed;
        const Vector offset = margin_offset(s.problem, s.group, s.mode, mean);
        EXPECT_NEAR(offset[2], s.problem.sign(s.group, 2) * plain[4] / 2.0, tolerance);
      }
    }
  }
  EXPECT_GE(held, testing_support::fewer_if_sanitized(25));
}

/// Steps from the moment at which sample i would cross at `speed`, without shaking, to the first
/// one at which it is beyond zero: mean and deviation over random phases.
CrossingDelay plain_delay(const Sliding& s, Eigen::Index i, double speed, int trials) {
  const auto size = static_cast<Eigen::Index>(s.mode.sliding.size());
  const Vector weights =
      s.problem.gram.topLeftCorner(size, size).inverse() * s.problem.gram.col(i).head(size);
  RandomStream stream(5, RandomPurpose::test);
  Vector z = Vector::Zero(size);
  double sum = 0.0, squares = 0.0;
  for (int trial = 0; trial < trials; ++trial) {
    for (std::uint64_t skip = stream.below(50); skip > 0; --skip) z = hop(s, z, 1).preactivation;
    double moment = -200.0 + stream.uniform();
    const double side = speed > 0.0 ? 1.0 : -1.0;
    for (;; moment += 1.0) {
      z = hop(s, z, 1).preactivation;  // the mean of one hop is where it leads
      if (side * (speed * moment + weights.dot(z)) >= 0.0) break;
    }
    sum += moment;
    squares += moment * moment;
  }
  const double mean = sum / trials;
  return {mean, std::sqrt(squares / trials - mean * mean)};
}

TEST(CrossingDelay, WithoutSlidingPairsIsHalfAStep) {
  Sliding s = sliding_pairs(1, 0.0, 1);
  s.mode.sliding.clear();
  s.mode.inverse.resize(0, 0);
  s.mode.share.resize(0, s.lambda.size());
  const CrossingDelay delay = crossing_delay(s.problem, s.group, s.mode, s.lambda, 2, 0.01);
  EXPECT_NEAR(delay.mean, 0.5, 1e-12);  // phases (p + ½)/256
  EXPECT_NEAR(delay.deviation, std::sqrt(1.0 / 12.0), 1e-3);
}

TEST(CrossingDelay, IsThatOfShakenPreactivations) {
  for (const Eigen::Index count : {1, 2, 3}) {
    for (const double part : {0.02, 0.1, 1.0, -0.05}) {
      const Sliding s = sliding_pairs(count, 0.0, 7);
      const Eigen::Index i = count;  // an own-class sample
      const double speed = part * hop_size(s, 0);
      const CrossingDelay delay = crossing_delay(s.problem, s.group, s.mode, s.lambda, i, speed);
      const CrossingDelay plain = plain_delay(s, i, speed, 600);
      // 256 phases against random ones: eight standard errors, as they are not independent.
      const double tolerance = 8.0 * plain.deviation / std::sqrt(256.0) + 0.05;
      EXPECT_NEAR(delay.mean, plain.mean, tolerance) << count << " pairs, speed " << part;
      EXPECT_NEAR(delay.deviation, plain.deviation, 0.5 * plain.deviation + 0.1);
    }
  }
}

TEST(HopReach, IsHowFarHopsTakePreactivations) {
  for (const Eigen::Index count : {1, 2, 3}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const Sliding s = sliding_pairs(count, 0.0, seed);
      const Eigen::Index i = count;
      const Vector weights =
          s.problem.gram.topLeftCorner(count, count).inverse() * s.problem.gram.col(i).head(count);
      Vector z = Vector::Zero(count);
      double up = 0.0, down = 0.0, size = 0.0;
      for (Eigen::Index l = 0; l < count; ++l) size += std::abs(weights[l]) * hop_size(s, l);
      for (int h = 0; h < 20'000; ++h) {
        z = hop(s, z, 1).preactivation;
        up = std::max(up, weights.dot(z));
        down = std::max(down, -weights.dot(z));
      }
      const double tolerance = (count == 1 ? 1e-3 : 0.05) * size;
      EXPECT_NEAR(hop_reach(s.problem, s.group, s.mode, s.lambda, i, 1.0), up, tolerance);
      EXPECT_NEAR(hop_reach(s.problem, s.group, s.mode, s.lambda, i, -1.0), down, tolerance);
    }
  }
}

TEST(HopDelay, IsHowLongHopsTakeToReachSoFar) {
  const Sliding s = sliding_pairs(1, 0.0, 3);
  const double share = sliding_multipliers(s.mode, s.lambda)[0] / s.lambda[0];
  ASSERT_GT(share, 0.0);
  ASSERT_LT(share, 1.0);
  const double reach = hop_reach(s.problem, s.group, s.mode, s.lambda, 1, 1.0);
  ASSERT_GT(reach, 0.0);

  const CrossingDelay late = hop_delay(s.problem, s.group, s.mode, s.lambda, 1, 1.0, 0.9 * reach);
  const CrossingDelay soon = hop_delay(s.problem, s.group, s.mode, s.lambda, 1, 1.0, 0.1 * reach);
  EXPECT_LT(soon.mean, late.mean);
  EXPECT_GT(late.mean, 1.0);
  EXPECT_LT(late.mean, 100.0);
  const CrossingDelay never = hop_delay(s.problem, s.group, s.mode, s.lambda, 1, 1.0, 1.1 * reach);
  EXPECT_GE(never.mean, 2000.0);
}

}  // namespace
}  // namespace latetime
