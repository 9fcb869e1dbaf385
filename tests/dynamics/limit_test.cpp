// The limit direction: closed forms on orthogonal data, the flow at huge times, and the pairs that
// exact steps still switch.

#include "latetime/dynamics/limit.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "support/dense.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using namespace testing_support;

const double log_of_10 = std::log(10.0);

/// A residual is of some tens of roundings of the products that it is made of.
constexpr double residual_rounding = 1e-12;

Limit limit_of(const TestProblem& p, std::uint64_t steps = 2000) {
  LateFlow flow(flow_problem(p), exact_start(p, steps), {});
  return follow_to_limit(flow);
}

/// Orthogonal data, `first` samples of class 0 and the rest of class 1.
TestProblem orthogonal(double slope, Eigen::Index first, Eigen::Index second, double norm = 2.0) {
  Dataset data = orthogonal_data(first + second, first + second + 3, norm);
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    data.classes[static_cast<std::size_t>(i)] = i < first ? 0 : 1;
  }
  return problem_on("orthogonal", data, 12, slope, 0.05);
}

/// Closed form: with orthogonal samples each one has its own direction. Own-class neurons move
/// along it by q α λ, other-class ones by −q γ λ, so that u_i grows by q λ_i ‖x_i‖² (Σ own α² + m
/// γ²)/m a unit of log t, which is 1 in the limit. With γ > 0 all own pairs end up active; with γ =
/// 0 those that were so at the start.
TEST(Limit, OnOrthogonalDataIsTheClosedForm) {
  for (const double slope : {0.0, 0.1, 0.5, 1.0}) {
    for (const auto& [first, second] : {std::pair{3, 3}, {5, 2}}) {
      const TestProblem p = orthogonal(slope, first, second);
      const Limit limit = limit_of(p);
      ASSERT_EQ(limit.status, LimitStatus::found) << limit.message;
      EXPECT_LT(limit.kkt_residual, residual_rounding);
      const Matrix z0 = p.initial.weights * p.data.x.transpose();
      const FlowProblem flow = flow_problem(p);
      const auto width = static_cast<double>(p.initial.shape.width);
      double norm2 = 0.0;
      for (Eigen::Index i = 0; i < p.data.size(); ++i) {
        double squares = width * slope * slope;
        for (Eigen::Index k = 0; k < z0.rows(); ++k) {
          squares += flow.own(flow.group_of(k), i) && (slope > 0.0 || z0(k, i) > 0.0);
        }
        const double lambda = width / (flow.rate * flow.gram(i, i) * squares);
        EXPECT_NEAR(limit.multipliers[i], lambda, 1e-13 * lambda);
        EXPECT_NEAR(limit.margins[i], 1.0, 1e-13);
        EXPECT_TRUE(limit.support[static_cast<std::size_t>(i)]);
        norm2 += width * width / (flow.gram(i, i) * squares);  // Σ_k c² ‖x‖² = q² λ² ‖x‖² Σ α²
      }
      EXPECT_NEAR(limit.normalized_margin, 1.0 / std::sqrt(norm2), 1e-13 / std::sqrt(norm2));
    }
  }
}

/// Lemma F.2: ρ̄_{k,i}/log t → m/|S_i| for the neurons of class y_i that are active on x_i, 0 for
/// the others and for all of the other class, whose activation ends.
TEST(Limit, OfReluOnOrthogonalDataIsThatOfLemmaF2) {
  for (const auto& [first, second] : {std::pair{3, 3}, {4, 2}}) {
    const TestProblem p = orthogonal(0.0, first, second);
    const Limit limit = limit_of(p);
    ASSERT_EQ(limit.status, LimitStatus::found) << limit.message;
    const Matrix z0 = p.initial.weights * p.data.x.transpose();  // decided at the start
    const FlowProblem flow = flow_problem(p);
    for (Eigen::Index i = 0; i < p.data.size(); ++i) {
      int active = 0;
      for (Eigen::Index k = 0; k < z0.rows(); ++k) {
        active += flow.own(flow.group_of(k), i) && z0(k, i) > 0.0;
      }
      ASSERT_GT(active, 0);
      for (Eigen::Index k = 0; k < z0.rows(); ++k) {
        const bool grows = flow.own(flow.group_of(k), i) && z0(k, i) > 0.0;
        const double rho = limit.coefficients(k, i) * flow.gram(i, i);
        EXPECT_NEAR(rho, grows ? 12.0 / active : 0.0, 1e-12);
        EXPECT_TRUE(!grows || limit.verdict(k, i) == PairVerdict::active);
      }
    }
  }
}

double stable_rank_of(const Matrix& weights) {
  const Vector singular = dense_math::singular_values(weights);
  return singular.squaredNorm() / (singular[0] * singular[0]);
}

/// Lemma F.3 for finite n: every neuron of a class is active on about half of its samples. Here all
/// n₊ samples activate all neurons: rows are equal and the stable rank is 1; or each sample has
/// neurons of its own: rows are orthogonal and it is n₊.
TEST(Limit, StableRanksFollowFromThePatternAsInLemmaF3) {
  for (const bool shared : {true, false}) {
    TestProblem p = orthogonal(0.0, 4, 4);
    for (Eigen::Index k = 0; k < p.initial.weights.rows(); ++k) {
      for (Eigen::Index i = 0; i < 8; ++i) {
        const bool up = shared || k % 4 == i % 4;
        p.initial.weights(k, i) = up ? 0.01 : -0.01;
      }
    }
    const Limit limit = limit_of(p);
    ASSERT_EQ(limit.status, LimitStatus::found) << limit.message;
    const Matrix v = limit.coefficients.topRows(12) * p.data.x;
    EXPECT_NEAR(stable_rank_of(v), shared ? 1.0 : 4.0, 1e-12);
  }
}

/// On orthogonal data margins decouple: du_i/dt = κ_i g_i once activations stay, κ_i = q ‖x_i‖²
/// Σ_k α²/m, so that u_i = log(κ_i t) at 10^100 (the next term is 10^-97), and coefficients gain
/// q α (u_i − u_i(T))/κ_i from a time T on. What exact steps have reached at T stays in them.
TEST(Limit, FlowAtTenToTheHundredOnOrthogonalDataIsTheClosedForm) {
  const double end = 100.0 * log_of_10;
  for (const double slope : {0.0, 0.1, 0.5, 1.0}) {
    const TestProblem p = orthogonal(slope, 4, 3);
    const FlowProblem problem = flow_problem(p);
    const FlowStart start = exact_start(p, 100'000);
    LateFlow flow(problem, start, {});
    ASSERT_EQ(flow.advance_to(end), FlowStatus::reached);
    const FlowStart there = flow.state();
    const auto width = static_cast<double>(p.initial.shape.width);
    Matrix expected = start.coefficients;
    for (Eigen::Index i = 0; i < p.data.size(); ++i) {
      double squares = 0.0, margin = 0.0;
      const auto alpha = [&](Eigen::Index k) {
        return activation_derivative(start.preactivations(k, i), slope);
      };
      const auto sign = [&](Eigen::Index k) { return problem.sign(problem.group_of(k), i); };
      for (Eigen::Index k = 0; k < expected.rows(); ++k) {
        squares += alpha(k) * alpha(k);
        margin += sign(k) * alpha(k) * start.preactivations(k, i) / width;
      }
      const double kappa = problem.rate * problem.gram(i, i) * squares / width;
      const double gain = (std::log(kappa) + end - margin) / kappa;
      for (Eigen::Index k = 0; k < expected.rows(); ++k) {
        expected(k, i) += problem.rate * sign(k) * alpha(k) * gain;
      }
    }
    EXPECT_LT((there.coefficients - expected).cwiseAbs().maxCoeff(),
              1e-11 * expected.cwiseAbs().maxCoeff());
    for (const Eigen::Index group : {0, 1}) {
      const auto weights = [&](const Matrix& coefficients) -> Matrix {
        const Matrix all = p.initial.weights + coefficients * p.data.x;
        return all.middleRows(group * p.initial.shape.width, p.initial.shape.width);
      };
      const double rank = stable_rank_of(weights(expected));
      EXPECT_NEAR(stable_rank_of(weights(there.coefficients)), rank, 1e-10 * rank);
    }
  }
}

// ---- the flow and its limit ---------------------------------------------------------------------

std::vector<TestProblem> random_problems() {
  std::vector<TestProblem> result;
  for (const double slope : {0.0, 0.1, 0.5, 1.0}) {
    result.push_back(problem_on("mixture_" + std::to_string(slope),
                                gaussian_mixture(10, 100, 0.05, 1.0, 2), 8, slope, 1e-2));
  }
  result.push_back(problem_on("few", gaussian_mixture(6, 8, 0.3, 1.0, 24), 3, 0.1, 1e-2));
  result.push_back(problem_on("tight", gaussian_mixture(12, 14, 0.3, 1.0, 3), 6, 0.0, 1e-2));
  return result;
}

TEST(Limit, SatisfiesTheKktConditions) {
  for (const TestProblem& p : random_problems()) {
    const Limit limit = limit_of(p);
    ASSERT_EQ(limit.status, LimitStatus::found) << p.name << ": " << limit.message;
    EXPECT_LT(limit.kkt_residual, residual_rounding) << p.name;
    // By plain loops: W = Σ c x, margins ≥ 1 with equality on the support, c = q ς α λ.
    const Matrix z = limit.coefficients * p.data.x * p.data.x.transpose();
    const Vector margins = plain_margins(p, z);
    const FlowProblem flow = flow_problem(p);
    for (Eigen::Index i = 0; i < margins.size(); ++i) {
      EXPECT_GE(margins[i], 1.0 - 1e-11) << p.name;
      EXPECT_NEAR(margins[i], limit.margins[i], 1e-11 * margins[i]) << p.name;
      EXPECT_GE(limit.multipliers[i], 0.0);
      EXPECT_TRUE(limit.multipliers[i] == 0.0 || margins[i] < 1.0 + 1e-11) << p.name;
      for (Eigen::Index k = 0; k < z.rows(); ++k) {
        const double c =
            flow.rate * flow.sign(flow.group_of(k), i) * limit.slopes(k, i) * limit.multipliers[i];
        EXPECT_NEAR(limit.coefficients(k, i), c, 1e-13 * largest(limit.coefficients));
      }
    }
    const double norm = std::sqrt(limit.coefficients.cwiseProduct(z).sum());
    EXPECT_NEAR(limit.normalized_margin, margins.minCoeff() / norm, 1e-11 / norm);
  }
}

/// More classes than two and fewer dimensions than samples: multipliers are many, and rivals share
/// them. Wherever descent separates the samples there is a limit, and plain loops find it one.
TEST(Limit, OfManyClassesSatisfiesTheKktConditions) {
  int separated = 0;
  for (const int classes : {3, 4}) {
    for (std::uint64_t seed = 1; seed <= fewer_if_sanitized(40u); ++seed) {
      const double slope = seed % 2 == 0 ? 0.1 : 0.0;
      const Eigen::Index n = 7 + static_cast<Eigen::Index>(seed % 3), d = seed % 4 == 0 ? 12 : 3;
      const TestProblem p = problem_on(
          "seed_" + std::to_string(seed),
          with_class_count(gaussian_mixture(n, d, 0.3, 1.0, seed), classes), 4, slope, 0.5);
      LateFlow flow(flow_problem(p), exact_start(p, 20'000), {});
      if (flow.margins().minCoeff() < 1.0) continue;
      const Limit limit = follow_to_limit(flow, 100.0);
      if (limit.status == LimitStatus::pattern_moves) continue;  // not there yet, and says so
      ++separated;
      ASSERT_EQ(limit.status, LimitStatus::found)
          << classes << " classes, " << p.name << ": " << limit.message;
      EXPECT_LE(limit.kkt_residual, 1e-10);
      const Matrix v = limit.coefficients * p.data.x, z = v * p.data.x.transpose();
      const FlowProblem& problem = flow.problem();
      Matrix outputs = Matrix::Zero(n, classes), wanted = Matrix::Zero(z.rows(), n);
      for (Eigen::Index k = 0; k < z.rows(); ++k) {
        const int group = problem.group_of(k);
        for (Eigen::Index i = 0; i < n; ++i) {
          outputs(i, group) += (z(k, i) > 0.0 ? z(k, i) : slope * z(k, i)) / 4.0;
          const int own = p.data.classes[static_cast<std::size_t>(i)];
          for (int rival = 0, c = 0; rival < classes; ++rival) {
            if (rival == own) continue;
            const double lambda = limit.multipliers[i * (classes - 1) + c++];
            EXPECT_GE(lambda, 0.0);
            if (own == group) wanted(k, i) += limit.slopes(k, i) * lambda;
            if (rival == group) wanted(k, i) -= limit.slopes(k, i) * lambda;
          }
        }
      }
      wanted *= problem.rate;
      EXPECT_LE(largest(wanted * p.data.x - v), 1e-9 * largest(v)) << p.name;
      for (Eigen::Index i = 0; i < n; ++i) {
        const int own = p.data.classes[static_cast<std::size_t>(i)];
        for (int rival = 0, c = 0; rival < classes; ++rival) {
          if (rival == own) continue;
          const double margin = outputs(i, own) - outputs(i, rival);
          const double lambda = limit.multipliers[i * (classes - 1) + c++];
          EXPECT_GE(margin, 1.0 - 1e-9) << p.name;
          EXPECT_LE(lambda * (margin - 1.0), 1e-9 * limit.multipliers.sum()) << p.name;
        }
      }
    }
  }
  EXPECT_GE(separated, fewer_if_sanitized(12));
}

/// C(t) = V log t + B + o(1): C/log t − V = B/log t, and two times give V without B.
TEST(Limit, IsWhereTheFlowGoes) {
  for (const TestProblem& p : random_problems()) {
    LateFlow flow(flow_problem(p), exact_start(p, 2000), {});
    const Limit limit = follow_to_limit(flow);
    ASSERT_EQ(limit.status, LimitStatus::found) << p.name << ": " << limit.message;
    Matrix deviation[2], there[2];
    const double decades[] = {1000.0, 10'000.0};
    for (int i = 0; i < 2; ++i) {
      const double log_time = decades[i] * log_of_10;
      ASSERT_EQ(flow.advance_to(log_time), FlowStatus::reached) << p.name;
      there[i] = flow.state().coefficients;
      deviation[i] = there[i] - limit.coefficients * log_time;
    }
    const double scale = largest(limit.coefficients);
    // B, of some units, out of C ~ V 23,026: rounding leaves 1e-12 of it, integration 1e-11.
    EXPECT_LE(largest(deviation[1] - deviation[0]), 1e-9 * scale) << p.name;
    const Matrix slope = (there[1] - there[0]) / (9000.0 * log_of_10);
    EXPECT_LE(largest(slope - limit.coefficients), 1e-10 * scale) << p.name;
    EXPECT_LE(largest(deviation[1]), 100.0 * scale) << p.name;
    EXPECT_LE((flow.lambda() - limit.multipliers).cwiseAbs().maxCoeff(),
              1e-9 * limit.multipliers.maxCoeff())
        << p.name;
  }
}

// ---- samples that cannot be separated -----------------------------------------------------------

TEST(Limit, NamesTheSamplesThatContradictEachOther) {
  for (const double slope : {0.0, 0.1}) {
    Dataset data = gaussian_mixture(8, 40, 0.01, 1.0, 3);
    data.x.edit().row(5) = data.x.row(2);
    data.classes[2] = 0;
    data.classes[5] = 1;
    const TestProblem p = problem_on("contradicting", data, 6, slope, 1e-2);
    const LateFlow flow(flow_problem(p), exact_start(p, 2000), {});
    const Limit limit = solve_limit(flow);
    ASSERT_EQ(limit.status, LimitStatus::not_separated) << slope;
    ASSERT_EQ(limit.ray.size(), 8);
    for (Eigen::Index i = 0; i < 8; ++i) {
      EXPECT_GE(limit.ray[i], 0.0);
      EXPECT_TRUE(limit.ray[i] <= 1e-6 || i == 2 || i == 5) << "sample " << i;
    }
    EXPECT_GT(limit.ray.maxCoeff(), 1e-6);
    if (slope == 0.0) continue;  // a ReLU network can give up one of the two, then it is to blame
    EXPECT_NEAR(limit.ray[2], limit.ray[5], 1e-9 * limit.ray[2]);
    EXPECT_NE(limit.message.find("2, 5"), std::string::npos) << limit.message;
  }
}

// ---- verdicts -----------------------------------------------------------------------------------

/// Pairs that exact steps switch between 10^6 and 1.2·10^6 are those that switch for ever. A pair
/// with an effective slope within 10^-3 of a bound need not have done so in this time.
void expect_verdicts(const TestProblem& p) {
  constexpr std::uint64_t from = 1'000'000, more = 200'000;
  CoefficientEngine engine(p, 1);
  engine.advance(from);
  LateFlow flow(flow_problem(p), start_of(engine), {});
  std::vector<std::uint8_t> moved(static_cast<std::size_t>(p.initial.shape.neurons() * 64));
  flow.on_event = [&](const FlowEvent& event) {
    moved[static_cast<std::size_t>(event.neuron * 64 + event.sample)] = 1;
  };
  const Limit limit = follow_to_limit(flow);
  ASSERT_EQ(limit.status, LimitStatus::found) << p.name << ": " << limit.message;
  flow.advance_to(1e6 * log_of_10);  // events yet to come
  engine.clear_switched();
  engine.advance(more);
  const TrainingState state = engine.state(false);
  int switching = 0;
  for (Eigen::Index k = 0; k < p.initial.shape.neurons(); ++k) {
    for (Eigen::Index i = 0; i < p.data.size(); ++i) {
      const PairVerdict verdict = limit.verdict(k, i);
      const bool to_move = moved[static_cast<std::size_t>(k * 64 + i)] != 0;
      if (verdict == PairVerdict::undecided || to_move) continue;
      if (std::min(limit.slopes(k, i), 1.0 - limit.slopes(k, i)) < 1e-3 &&
          verdict == PairVerdict::switches) {
        continue;
      }
      const bool switched = state.switched_since_record.test(k, i);
      EXPECT_EQ(switched, verdict == PairVerdict::switches) << p.name << " " << k << " " << i;
      switching += switched;
      if (switched) continue;
      EXPECT_EQ(state.preactivations(k, i) >= 0.0, verdict == PairVerdict::active)
          << p.name << " " << k << " " << i;
    }
  }
  EXPECT_GT(switching, 5) << p.name;
}

TEST(Limit, VerdictsAreWhatExactStepsStillDo) {
  for (const std::uint64_t seed : {2u, 4u}) {
    expect_verdicts(problem_on("seed " + std::to_string(seed),
                               gaussian_mixture(8, 60, 0.01, 1.0, seed), 4, 0.0, 1e-3));
  }
}

TEST(Limit, SlowVerdictsAreWhatExactStepsStillDoOnManyProblems) {
  for (std::uint64_t seed = 10; seed < 18; ++seed) {
    expect_verdicts(problem_on("seed " + std::to_string(seed),
                               gaussian_mixture(8, 100, 0.05, 1.0, seed), 5, 0.0, 1e-3));
  }
}

}  // namespace
}  // namespace latetime
