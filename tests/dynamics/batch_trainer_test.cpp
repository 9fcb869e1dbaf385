#include "latetime/dynamics/batch_trainer.hpp"

#include <array>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "plain_classifier.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

struct HeadCase {
  Head head;
  int classes;
  double smoothing = 0.0;
};
constexpr std::array heads{HeadCase{Head::groups, 3},      HeadCase{Head::groups, 2},
                           HeadCase{Head::trained, 3},     HeadCase{Head::trained, 10},
                           HeadCase{Head::groups, 3, 0.3}, HeadCase{Head::trained, 10, 0.3}};

ClassifierShape shape_of(const HeadCase& c, Eigen::Index width, Eigen::Index dim, double slope,
                         double scale) {
  return {.head = c.head,
          .classes = c.classes,
          .width = width,
          .dim = dim,
          .slope = slope,
          .smoothing = c.smoothing,
          .output_scale = scale};
}

std::string name_of(const ClassifierShape& s) {
  return (s.head == Head::groups ? "groups, K = " : "trained, K = ") + std::to_string(s.classes) +
         ", m = " + std::to_string(s.width) + ", slope " + std::to_string(s.slope) +
         ", smoothing " + std::to_string(s.smoothing) + ", scale " + std::to_string(s.output_scale);
}

bool same_bits(const Classifier& a, const Classifier& b) {
  return testing_support::same_bits(a.weights, b.weights) &&
         testing_support::same_bits(a.output_weights, b.output_weights) &&
         testing_support::same_bits(Matrix(a.output_bias), Matrix(b.output_bias));
}

double largest_difference(const Classifier& a, const Classifier& b) {
  double result = largest(a.weights - b.weights);
  if (a.shape.head == Head::trained) {
    result = std::max({result, largest(a.output_weights - b.output_weights),
                       largest(Matrix(a.output_bias - b.output_bias))});
  }
  return result;
}

bool same(const Evaluation& a, const Evaluation& b) {
  return a.loss == b.loss && a.wrong == b.wrong && a.samples == b.samples;
}

template <class Real>
class BatchTraining : public testing::Test {
 protected:
  /// What one training shows of itself.
  struct Outcome {
    Classifier network;
    Evaluation running, evaluation;
  };
  static Outcome train(const SparseSamples<Real>& samples, const Classifier& initial,
                       unsigned threads, const tile::Kernels<Real>* kernels) {
    BatchTrainer<Real> trainer(
        samples, initial, {.learning_rate = 0.3, .batch_size = 16, .seed = 3, .threads = threads},
        kernels);
    trainer.advance(13);  // an epoch is 4 steps, the last of 2 samples
    const Evaluation running = trainer.take_running_evaluation();
    return {trainer.classifier(), running, trainer.evaluate(samples)};
  }
  static void expect_same(const Outcome& a, const Outcome& b) {
    EXPECT_TRUE(same_bits(a.network, b.network));
    EXPECT_TRUE(same(a.running, b.running));
    EXPECT_TRUE(same(a.evaluation, b.evaluation));
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(BatchTraining, Precisions);

TYPED_TEST(BatchTraining, ThreadsChangeNoBit) {
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(50, 70, head.classes, 0.6, 1);
    const auto samples = sparse_samples<TypeParam>(data);
    const ClassifierShape shape = shape_of(head, 300, 70, 0.1, 0.1);
    SCOPED_TRACE(name_of(shape));
    const Classifier initial = random_classifier(shape, 0.1, 2);
    const auto alone = this->train(samples, initial, 1, nullptr);
    EXPECT_GT(largest_difference(alone.network, initial), 1e-3);
    for (const unsigned threads : {2u, 3u}) {
      SCOPED_TRACE(threads);
      this->expect_same(alone, this->train(samples, initial, threads, nullptr));
    }
  }
}

TYPED_TEST(BatchTraining, KernelsOfOneRoundingGiveTheSameBits) {
  const tile::Kernels<TypeParam>* list[tile::max_kernels];
  const std::size_t count = tile::available_kernels(list);
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(50, 70, head.classes, 0.6, 1);
    const auto samples = sparse_samples<TypeParam>(data);
    const ClassifierShape shape = shape_of(head, 150, 70, 0.1, 0.1);
    SCOPED_TRACE(name_of(shape));
    const Classifier initial = random_classifier(shape, 0.1, 2);
    const auto once = this->train(samples, initial, 1, list[0]);
    const auto twice = this->train(samples, initial, 1, list[1]);
    for (std::size_t v = 2; v < count; ++v) {
      SCOPED_TRACE(list[v]->name);
      this->expect_same(list[v]->fused ? once : twice, this->train(samples, initial, 1, list[v]));
    }
    EXPECT_FALSE(same_bits(once.network, twice.network));
    this->expect_same(list[count - 1]->fused ? once : twice,
                      this->train(samples, initial, 1, nullptr));
  }
}

TYPED_TEST(BatchTraining, RestoredTrainersContinueToTheSameBits) {
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(20, 12, head.classes, 0.3, 4);
    const auto samples = sparse_samples<TypeParam>(data);
    const Classifier initial = random_classifier(shape_of(head, 20, 12, 0.1, 0.2), 0.3, 1);
    for (const std::size_t batch : {0u, 8u}) {  // 8: an epoch is 8, 8, 4
      const BatchOptions options{.learning_rate = 0.3, .batch_size = batch, .seed = 5};
      for (const std::uint64_t stop : {0u, 1u, 2u, 3u, 4u, 17u}) {
        SCOPED_TRACE(name_of(initial.shape) + ", stopped at " + std::to_string(stop));
        BatchTrainer<TypeParam> whole(samples, initial, options),
            resumed(samples, initial, options);
        whole.advance(stop);
        resumed.advance(7);
        resumed.restore(whole.step(), whole.classifier());
        EXPECT_EQ(resumed.step(), stop);
        whole.take_running_evaluation();
        whole.advance(11);
        resumed.advance(11);
        EXPECT_TRUE(same_bits(whole.classifier(), resumed.classifier()));
        EXPECT_TRUE(same(whole.take_running_evaluation(), resumed.take_running_evaluation()));
      }
    }
  }
}

TYPED_TEST(BatchTraining, EvaluatesAsAPlainComputation) {
  // Each of the sums has at most 70 + 150 terms of either sign.
  constexpr double tolerance = 1e3 * std::numeric_limits<TypeParam>::epsilon();
  for (const HeadCase& head : heads) {
    const Dataset training = random_samples(10, 70, head.classes, 0.3, 4);
    const auto samples = sparse_samples<TypeParam>(training);
    const Classifier initial = random_classifier(shape_of(head, 150, 70, 0.1, 0.02), 0.3, 1);
    BatchTrainer<TypeParam> trainer(samples, initial, {.batch_size = 4, .threads = 2});
    trainer.advance(5);
    for (const Eigen::Index n : {1, 64, 1100}) {  // less than a chunk, a block of it, more than it
      SCOPED_TRACE(name_of(initial.shape) + ", n = " + std::to_string(n));
      const Dataset data = random_samples(n, 70, head.classes, 0.3, 5);
      const auto test = sparse_samples<TypeParam>(data);
      const Matrix expected = plain_outputs(trainer.classifier(), data.x);
      const Matrix outputs = trainer.outputs(test);
      const double scale = expected.cwiseAbs().maxCoeff() + 1.0;
      EXPECT_LE(largest(outputs - expected), tolerance * scale);
      const Evaluation evaluation = trainer.evaluate(test);
      EXPECT_EQ(evaluation.samples, static_cast<std::uint64_t>(n));
      EXPECT_NEAR(evaluation.loss, plain_losses(expected, data.classes).mean(), tolerance * scale);
      std::uint64_t wrong = 0;
      for (Eigen::Index i = 0; i < n; ++i) {
        Eigen::Index best = 0;
        outputs.row(i).maxCoeff(&best);
        wrong += best != data.classes[static_cast<std::size_t>(i)];
      }
      EXPECT_EQ(evaluation.wrong, wrong);
      EXPECT_EQ(evaluation.error(), static_cast<double>(wrong) / static_cast<double>(n));
    }
  }
}

TYPED_TEST(BatchTraining, SaysWhenItDiverges) {
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(20, 5, head.classes, 0.0, 4);
    const auto samples = sparse_samples<TypeParam>(data);
    const Classifier initial = random_classifier(shape_of(head, 20, 5, 0.1, 1.0), 0.3, 1);
    BatchTrainer<TypeParam> calm(samples, initial, {.learning_rate = 0.1});
    calm.advance(50);
    EXPECT_TRUE(calm.finite());
    BatchTrainer<TypeParam> wild(samples, initial,
                                 {.learning_rate = std::numeric_limits<TypeParam>::max()});
    wild.advance(5);
    EXPECT_FALSE(wild.finite()) << name_of(initial.shape);
    wild.restore(0, initial);
    EXPECT_TRUE(wild.finite());
  }
}

// ---- against formulas, in double precision -----------------------------------------------------

/// One full-batch step of rate 1 is minus the gradient. Central differences with h = 1e-6 err by
/// rounding, 1e-16 L/h ≈ 1e-10, and by h² L‴ ≈ 1e-12; no activation changes within h.
TEST(BatchTrainer, StepsDownTheGradient) {
  constexpr double h = 1e-6, tolerance = 3e-9;
  for (const HeadCase& head : {heads[0], heads[1], heads[2]}) {
    for (const double slope : {0.0, 0.3}) {
      for (const Eigen::Index width : {5, 130}) {
        for (const double scale :
             {1.0 / static_cast<double>(width), 1.0 / std::sqrt(static_cast<double>(width)), 1.0}) {
          const Dataset data = random_samples(6, 3, head.classes, 0.2, 7);
          const ClassifierShape shape = shape_of(head, width, 3, slope, scale);
          SCOPED_TRACE(name_of(shape));
          const Classifier initial = random_classifier(shape, 0.3, 1);
          const Matrix z = preactivations(initial.weights, data.x);
          for (const double v : z.reshaped()) ASSERT_TRUE(v == 0.0 || std::abs(v) > 20 * h);
          const auto samples = sparse_samples<double>(data);
          BatchTrainer<double> trainer(samples, initial, {.learning_rate = 1.0, .batch_size = 0});
          trainer.advance(1);
          const Classifier stepped = trainer.classifier();

          Classifier moved = initial;
          const auto expect_gradient = [&](double& parameter, double after) {
            const double before = parameter;
            parameter = before + h;
            const double above = plain_loss(moved, data);
            parameter = before - h;
            const double below = plain_loss(moved, data);
            parameter = before;
            ASSERT_NEAR(after - before, (below - above) / (2 * h), tolerance);
          };
          // Of a wide network, every seventh parameter.
          const Eigen::Index stride = width > 10 ? 7 : 1;
          for (Eigen::Index i = 0; i < moved.weights.size(); i += stride) {
            expect_gradient(moved.weights.data()[i], stepped.weights.data()[i]);
          }
          for (Eigen::Index i = 0; i < moved.output_weights.size(); i += stride) {
            expect_gradient(moved.output_weights.data()[i], stepped.output_weights.data()[i]);
          }
          for (Eigen::Index k = 0; k < moved.output_bias.size(); ++k) {
            expect_gradient(moved.output_bias[k], stepped.output_bias[k]);
          }
        }
      }
    }
  }
}

TEST(BatchTrainer, IsTheDenseEngineToRounding) {
  for (const int classes : {2, 3}) {
    for (const double slope : {0.0, 0.1}) {
      TestProblem problem;
      problem.data = random_samples(23, 30, classes, 0.3, 1);
      const ClassifierShape shape = shape_of({Head::groups, classes}, 140, 30, slope, 1.0 / 140.0);
      const Classifier initial = random_classifier(shape, 0.01, 2);
      problem.initial = {{.groups = classes, .width = 140, .dim = 30, .slope = slope},
                         initial.weights};
      problem.learning_rate = 0.5;
      const auto samples = sparse_samples<double>(problem.data);
      for (const std::size_t batch : {0u, 8u}) {
        Engine engine = dense(problem, 1, batch, 5);
        BatchTrainer<double> trainer(samples, initial,
                                     {.learning_rate = 0.5, .batch_size = batch, .seed = 5});
        engine.advance(40);
        trainer.advance(40);
        const Matrix expected = engine.state().weights;
        EXPECT_LE(largest(trainer.classifier().weights - expected),
                  run_rounding * largest(expected))
            << name_of(shape) << ", batch " << batch;
      }
    }
  }
}

/// The network of the paper with the documented orders of sums: features ascending with one
/// rounding for a product and its addition; neurons in lanes, which are added in pairs of halves.
class PaperNetwork {
 public:
  PaperNetwork(const Dataset& data, Matrix weights, double slope)
      : data_(data), w_(std::move(weights)), slope_(slope), m_(w_.rows() / 2) {}

  void step(const std::vector<std::uint32_t>& batch, double learning_rate) {
    const Matrix before = w_;
    for (const std::uint32_t i : batch) {
      const double y = data_.label(i);
      const double u = y * (group_mean(before, 0, i) - group_mean(before, 1, i));
      // 1/(1 + e^u), where e^u may overflow with its numerator and denominator times e^{−u}.
      const double g = u > 0 ? std::exp(-u) / (1.0 + std::exp(-u)) : 1.0 / (1.0 + std::exp(u));
      const double rate = learning_rate / static_cast<double>(batch.size());
      for (Eigen::Index k = 0; k < w_.rows(); ++k) {
        const double j = k < m_ ? 1.0 : -1.0;
        const double pull = rate * (1.0 / static_cast<double>(m_)) * (j * y * g);
        const double increment = preactivation(before, k, i) >= 0.0 ? pull : slope_ * pull;
        for (Eigen::Index p = 0; p < w_.cols(); ++p) {
          if (data_.x(i, p) != 0.0) w_(k, p) = multiply_add(data_.x(i, p), increment, w_(k, p));
        }
      }
    }
  }
  const Matrix& weights() const { return w_; }

 private:
  static double multiply_add(double a, double b, double c) {
    return tile::best_kernels<double>().fused ? std::fma(a, b, c) : a * b + c;
  }
  double preactivation(const Matrix& w, Eigen::Index k, Eigen::Index i) const {
    double z = 0.0;
    for (Eigen::Index p = 0; p < w.cols(); ++p) {
      if (data_.x(i, p) != 0.0) z = multiply_add(data_.x(i, p), w(k, p), z);
    }
    return z;
  }
  /// (1/m) Σ_r σ(⟨w_{j,r}, x_i⟩).
  double group_mean(const Matrix& w, Eigen::Index group, Eigen::Index i) const {
    std::array<double, tile::lane_multiple> lane{};
    for (Eigen::Index r = 0; r < m_; ++r) {
      const double z = preactivation(w, group * m_ + r, i);
      lane[static_cast<std::size_t>(r) % lane.size()] += z >= 0.0 ? z : slope_ * z;
    }
    for (std::size_t half = lane.size() / 2; half > 0; half /= 2) {
      for (std::size_t l = 0; l < half; ++l) lane[l] += lane[l + half];
    }
    return (1.0 / static_cast<double>(m_)) * lane[0];
  }

  const Dataset& data_;
  Matrix w_;
  double slope_;
  Eigen::Index m_;
};

TEST(BatchTrainer, WithTwoGroupsIsThePapersNetworkToTheLastBit) {
  for (const Eigen::Index width : {1, 20, 128}) {
    for (const double slope : {0.0, 0.1}) {
      for (const std::size_t batch : {0u, 4u}) {
        const Dataset data = random_samples(11, 61, 2, 0.4, 3);
        const ClassifierShape shape =
            shape_of({Head::groups, 2}, width, 61, slope, 1.0 / static_cast<double>(width));
        SCOPED_TRACE(name_of(shape) + ", batch " + std::to_string(batch));
        const Classifier initial = random_classifier(shape, 0.1, 2);
        const auto samples = sparse_samples<double>(data);
        BatchTrainer<double> trainer(samples, initial,
                                     {.learning_rate = 0.7, .batch_size = batch, .seed = 9});
        PaperNetwork paper(data, initial.weights, slope);
        for (std::uint64_t step = 0; step < 25; ++step) {
          paper.step(documented_batch(11, batch, 9, step), 0.7);
        }
        trainer.advance(25);
        EXPECT_TRUE(testing_support::same_bits(trainer.classifier().weights, paper.weights()));
        EXPECT_GT(largest(paper.weights() - initial.weights), 1e-2 / static_cast<double>(width));
      }
    }
  }
}

TEST(BatchTrainer, SumsUpWhatTheBatchesLookedLikeBeforeTheirUpdates) {
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(22, 12, head.classes, 0.3, 4);
    const auto samples = sparse_samples<double>(data);
    const Classifier initial = random_classifier(shape_of(head, 20, 12, 0.1, 0.2), 0.3, 1);
    BatchTrainer<double> trainer(samples, initial,
                                 {.learning_rate = 0.3, .batch_size = 8, .seed = 2});
    Classifier plain = initial;
    std::uint64_t step = 0;
    for (const std::uint64_t steps : {1u, 4u, 3u}) {  // sums begin anew each time
      double loss = 0.0;
      std::uint64_t wrong = 0, count = 0;
      for (std::uint64_t i = 0; i < steps; ++i, ++step) {
        const auto batch = documented_batch(22, 8, 2, step);
        const Matrix outputs = plain_outputs(plain, data.x);
        const Vector losses = plain_losses(outputs, data.classes);
        for (const std::uint32_t s : batch) {
          Eigen::Index best = 0;
          outputs.row(s).maxCoeff(&best);
          loss += losses[s];
          wrong += best != data.classes[s];
          ++count;
        }
        plain_step(plain, data, batch, 0.3);
      }
      trainer.advance(steps);
      trainer.evaluate(samples);  // leaves the sums alone
      const Evaluation running = trainer.take_running_evaluation();
      EXPECT_EQ(running.samples, count) << name_of(initial.shape);
      EXPECT_EQ(running.wrong, wrong) << name_of(initial.shape);
      EXPECT_NEAR(running.loss, loss / static_cast<double>(count), 1e-12) << name_of(initial.shape);
    }
  }
}

/// Corners of the sizes, by the plain formulas.
struct Corner {
  const char* name;
  Eigen::Index n, d, width;
  std::size_t batch;
  bool one_class = false;
};

TEST(BatchTrainer, HandlesTheCornersOfItsSizes) {
  for (const Corner& corner :
       {Corner{"one sample", 1, 6, 5, 64}, Corner{"one neuron", 9, 6, 1, 4},
        Corner{"one feature", 9, 1, 5, 4}, Corner{"all one", 1, 1, 1, 1},
        Corner{"batches of one", 9, 6, 5, 1}, Corner{"batch of all", 9, 6, 5, 9},
        Corner{"batch of more than all", 9, 6, 5, 200}, Corner{"one class", 9, 6, 5, 4, true},
        Corner{"feature blocks", 9, 200, 5, 4}, Corner{"three tiles", 9, 6, 300, 4}}) {
    for (const HeadCase& head : heads) {
      Dataset data = random_samples(corner.n, corner.d, head.classes, 0.3, 8);
      if (corner.one_class) std::fill(data.classes.begin(), data.classes.end(), 1);
      const Classifier initial =
          random_classifier(shape_of(head, corner.width, corner.d, 0.1, 0.3), 0.3, 1);
      SCOPED_TRACE(std::string(corner.name) + ", " + name_of(initial.shape));
      const auto samples = sparse_samples<double>(data);
      BatchTrainer<double> trainer(samples, initial,
                                   {.learning_rate = 0.1, .batch_size = corner.batch, .seed = 6});
      const auto n = static_cast<std::size_t>(corner.n);
      EXPECT_EQ(trainer.steps_per_epoch(), (n + corner.batch - 1) / corner.batch);
      Classifier plain = initial;
      for (std::uint64_t step = 0; step < 20; ++step) {
        plain_step(plain, data, documented_batch(n, corner.batch, 6, step), 0.1);
      }
      trainer.advance(20);
      EXPECT_TRUE(trainer.finite());
      EXPECT_LE(largest_difference(trainer.classifier(), plain), run_rounding);
      if (corner.one_class) {
        EXPECT_LT(plain_loss(plain, data), plain_loss(initial, data));
      }
    }
  }
}

TEST(BatchTrainer, InSinglePrecisionFollowsDoubleToItsRounding) {
  for (const HeadCase& head : heads) {
    const Dataset data = random_samples(23, 30, head.classes, 0.3, 1);
    // Slope 1: no activation on which the two could decide differently.
    Classifier initial = random_classifier(shape_of(head, 40, 30, 1.0, 0.2), 0.1, 2);
    initial.weights = initial.weights.cast<float>().cast<double>().eval();
    const auto single = sparse_samples<float>(data);
    const auto twofold = sparse_samples<double>(data);
    const BatchOptions options{.learning_rate = 0.1, .batch_size = 8, .seed = 5};
    BatchTrainer<float> a(single, initial, options);
    BatchTrainer<double> b(twofold, initial, options);
    a.advance(30);
    b.advance(30);
    // 30 steps, each with sums of at most 40 terms rounded to 6e-8: 7e-5 if all errors agree.
    EXPECT_LE(largest_difference(a.classifier(), b.classifier()), 7e-5) << name_of(initial.shape);
  }
}

}  // namespace
}  // namespace latetime
