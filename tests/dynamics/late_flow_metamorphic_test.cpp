// What must not change in the late-time flow when the problem is written down differently.

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

using namespace testing_support;

struct Posed {
  TestProblem problem;
  FlowStart start;
};

/// Another way of putting the same problem: where sample i and neuron k are found in it.
struct Rewritten {
  Posed posed;
  std::function<Eigen::Index(Eigen::Index)> sample = [](Eigen::Index i) { return i; };
  std::function<Eigen::Index(Eigen::Index)> neuron = [](Eigen::Index k) { return k; };
  double coefficient_scale = 1.0;
};

struct Way {
  std::string name;
  Rewritten (*rewrite)(const Posed& posed);
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}

Matrix permuted_rows(const Matrix& a, const std::function<Eigen::Index(Eigen::Index)>& to) {
  Matrix result(a.rows(), a.cols());
  for (Eigen::Index r = 0; r < a.rows(); ++r) result.row(to(r)) = a.row(r);
  return result;
}

Rewritten permute_neurons(const Posed& posed) {
  Rewritten result{posed};
  const Eigen::Index width = posed.problem.initial.shape.width;
  result.neuron = [width](Eigen::Index k) {
    return k / width * width + (width - 1 - k % width);  // the other way round in each class
  };
  result.posed.start.coefficients = permuted_rows(posed.start.coefficients, result.neuron);
  result.posed.start.preactivations = permuted_rows(posed.start.preactivations, result.neuron);
  return result;
}

Rewritten swap_classes(const Posed& posed) {
  Rewritten result{posed};
  const Eigen::Index width = posed.problem.initial.shape.width;
  for (int& c : result.posed.problem.data.classes) c = 1 - c;
  result.neuron = [width](Eigen::Index k) { return (k + width) % (2 * width); };
  result.posed.start.coefficients = permuted_rows(posed.start.coefficients, result.neuron);
  result.posed.start.preactivations = permuted_rows(posed.start.preactivations, result.neuron);
  return result;
}

Rewritten permute_samples(const Posed& posed) {
  Rewritten result{posed};
  const Eigen::Index n = posed.problem.data.size();
  result.sample = [n](Eigen::Index i) { return (i + 2) % n; };
  Dataset& data = result.posed.problem.data;
  data.x = permuted_rows(posed.problem.data.x, result.sample);
  for (Eigen::Index i = 0; i < n; ++i) {
    data.classes[static_cast<std::size_t>(result.sample(i))] =
        posed.problem.data.classes[static_cast<std::size_t>(i)];
  }
  for (auto member : {&FlowStart::coefficients, &FlowStart::preactivations}) {
    const Matrix transposed = (posed.start.*member).transpose();
    result.posed.start.*member = permuted_rows(transposed, result.sample).transpose();
  }
  return result;
}

Rewritten rotate(const Posed& posed) {
  Rewritten result{posed};
  const Eigen::Index d = posed.problem.data.dim();
  RandomStream stream(51, RandomPurpose::test);
  const Eigen::MatrixXd random =
      Eigen::MatrixXd::NullaryExpr(d, d, [&] { return stream.normal(); });
  const Eigen::MatrixXd q = dense_math::orthonormal(random);
  result.posed.problem.data.x = posed.problem.data.x * q;
  result.posed.problem.initial.weights = posed.problem.initial.weights * q;
  return result;
}

/// X times s, η by s² and W by s: pre-activations stay.
Rewritten scale(const Posed& posed) {
  constexpr double s = 2.7;
  Rewritten result{posed};
  result.posed.problem.data.x.edit() *= s;
  result.posed.problem.initial.weights /= s;
  result.posed.problem.learning_rate /= s * s;
  result.coefficient_scale = 1.0 / (s * s);
  result.posed.start.coefficients *= result.coefficient_scale;
  return result;
}

/// Every neuron twice, at twice the learning rate: each moves as it did.
Rewritten double_neurons(const Posed& posed) {
  Rewritten result{posed};
  result.posed.problem.initial.shape.width *= 2;
  result.posed.problem.learning_rate *= 2.0;
  result.neuron = [](Eigen::Index k) { return 2 * k; };
  for (auto member : {&FlowStart::coefficients, &FlowStart::preactivations}) {
    const Matrix& rows = posed.start.*member;
    Matrix twice(2 * rows.rows(), rows.cols());
    for (Eigen::Index r = 0; r < twice.rows(); ++r) twice.row(r) = rows.row(r / 2);
    result.posed.start.*member = twice;
  }
  return result;
}

const std::vector<Way> ways{{"PermutingNeurons", permute_neurons},
                            {"SwappingClasses", swap_classes},
                            {"PermutingSamples", permute_samples},
                            {"RotatingData", rotate},
                            {"ScalingData", scale},
                            {"DoublingNeurons", double_neurons}};

class Rewriting : public testing::TestWithParam<Way> {};

struct Moment {
  double log_time;
  FlowCause cause;
  Eigen::Index neuron, sample;
};

std::vector<Moment> record_events(LateFlow& flow, double to) {
  std::vector<Moment> events;
  flow.on_event = [&](const FlowEvent& e) {
    events.push_back({e.log_time, e.cause, e.neuron, e.sample});
  };
  EXPECT_EQ(flow.advance_to(to), FlowStatus::reached);
  return events;
}

/// Events of both agree, apart from order where they coincide.
void expect_same_events(std::vector<Moment> a, std::vector<Moment> b, const Rewritten& other) {
  ASSERT_EQ(a.size(), b.size());
  constexpr double together = 1e-5;
  for (const Moment& event : a) {
    const auto found = std::find_if(b.begin(), b.end(), [&](const Moment& e) {
      return std::abs(e.log_time - event.log_time) < together && e.cause == event.cause &&
             e.neuron == other.neuron(event.neuron) && e.sample == other.sample(event.sample);
    });
    ASSERT_NE(found, b.end()) << "at " << event.log_time;
    b.erase(found);
  }
}

/// Rounding is all that differs: it changes the length of steps, whose errors are 10⁻¹² each and
/// some hundreds, and the moments of events, each of which may be off by an error over a speed.
void expect_same_flow(const Posed& posed, const Way& way, double tolerance) {
  SCOPED_TRACE(posed.problem.name);
  const Rewritten other = way.rewrite(posed);
  LateFlow flow(flow_problem(posed.problem), posed.start, {});
  LateFlow rewritten(flow_problem(other.posed.problem), other.posed.start, {});
  const Eigen::Index n = posed.problem.data.size(), neurons = posed.problem.initial.shape.neurons();
  for (const double decade : {3.5, 6.0, 30.0}) {
    const double to = decade * std::log(10.0);
    const std::vector<Moment> events = record_events(flow, to);
    if (way.name != "DoublingNeurons") {  // there every event comes twice
      expect_same_events(events, record_events(rewritten, to), other);
      EXPECT_EQ(flow.sliding_pairs(), rewritten.sliding_pairs());
    } else {
      EXPECT_EQ(2 * events.size(), record_events(rewritten, to).size());
    }
    const Vector u = flow.margins(), v = rewritten.margins();
    for (Eigen::Index i = 0; i < n; ++i) EXPECT_NEAR(u[i], v[other.sample(i)], tolerance);
    const FlowStart a = flow.state(), b = rewritten.state();
    const double z_scale = largest(a.preactivations), c_scale = largest(a.coefficients);
    for (Eigen::Index k = 0; k < neurons; ++k) {
      for (Eigen::Index i = 0; i < n; ++i) {
        const Eigen::Index row = other.neuron(k), column = other.sample(i);
        EXPECT_EQ(flow.at_zero(k, i), rewritten.at_zero(row, column));
        EXPECT_NEAR(a.preactivations(k, i), b.preactivations(row, column), tolerance * z_scale);
        EXPECT_NEAR(a.coefficients(k, i) * other.coefficient_scale, b.coefficients(row, column),
                    tolerance * c_scale * other.coefficient_scale);
      }
    }
  }
}

TEST_P(Rewriting, ChangesNothing) {
  const auto posed = [](const TestProblem& p) { return Posed{p, exact_start(p, 1000)}; };
  const Dataset near = near_orthogonal_data(8, 16, 3.0, 0.5, 1);
  expect_same_flow(posed(problem_on("leaky", near, 4, 0.3, 1e-3)), GetParam(), 1e-9);
  const Dataset mixture = gaussian_mixture(6, 60, 0.01, 1.0, 14);
  expect_same_flow(posed(problem_on("slides on one", mixture, 3, 0.0, 1e-3)), GetParam(), 1e-9);
  // Where neurons slide on several samples, mean offsets, O(1/t), are renewed at the ends of steps
  // that rounding moves: a small part of 1/t at 10^3.
  constexpr double eventful = 1e-3 * 1e-3;
  for (const std::uint64_t seed : {15u, 18u}) {
    const Dataset few = gaussian_mixture(6, 8, 0.3, 1.0, seed);
    expect_same_flow(posed(problem_on("eventful", few, 2, 0.1, 1e-2)), GetParam(), eventful);
  }
}

INSTANTIATE_TEST_SUITE_P(LateFlow, Rewriting, testing::ValuesIn(ways),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace latetime
