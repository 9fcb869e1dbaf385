// Trainings of classifiers that an independent NumPy program computed
// (tests/reference/make_training_reference.py), reproduced by BatchTrainer in double precision.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/data/array_file.hpp"
#include "latetime/dynamics/batch_trainer.hpp"

namespace latetime {
namespace {

class TrainingReference : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  bool trained() const { return std::get<0>(GetParam()) == "trained_4"; }
  NumericArray array(const std::string& name) const {
    return read_array(std::string(LATETIME_TEST_DATA) + "/training_" + std::get<0>(GetParam()) +
                      "_slope_" + std::get<1>(GetParam()) + ".npz:" + name);
  }
  double number(const std::string& name) const { return array(name).values.at(0); }
  /// Snapshot `index` of an array, as a matrix of `columns`.
  Matrix snapshot(const std::string& name, std::size_t index, Eigen::Index columns) const {
    const NumericArray all = array(name);
    const std::size_t size = all.values.size() / all.shape.at(0);
    return Eigen::Map<const Matrix>(all.values.data() + index * size,
                                    static_cast<Eigen::Index>(size) / columns, columns);
  }
  Classifier classifier(std::size_t index) const {
    const auto dim = static_cast<Eigen::Index>(array("X").shape.at(1));
    Classifier network;
    network.weights = snapshot("W", index, dim);
    const Eigen::Index classes = std::get<0>(GetParam()) == "groups_2" ? 2 : 4;
    network.shape = {.head = trained() ? Head::trained : Head::groups,
                     .classes = static_cast<int>(classes),
                     .width = trained() ? network.weights.rows() : network.weights.rows() / classes,
                     .dim = dim,
                     .slope = number("slope"),
                     .output_scale = number("scale")};
    if (trained()) {
      network.output_weights = snapshot("A", index, network.shape.width);
      network.output_bias = snapshot("b", index, classes).transpose();
    }
    return network;
  }
};

TEST_P(TrainingReference, IsReproduced) {
  // Both sides round each weight once a step, 50 steps, and sums of at most 14 terms: 50 · 14
  // roundings of 1.1e-16 are 8e-14 of the scale. No sign hangs on it.
  constexpr double tolerance = 1e-12;
  ASSERT_GT(number("min_abs_z"), 1e6 * tolerance);
  Dataset data;
  const NumericArray x = array("X"), classes = array("classes");
  data.x = Eigen::Map<const Matrix>(x.values.data(), static_cast<Eigen::Index>(x.shape.at(0)),
                                    static_cast<Eigen::Index>(x.shape.at(1)));
  for (const double c : classes.values) data.classes.push_back(static_cast<int>(c));
  data.class_count = classifier(0).shape.classes;
  const auto samples = sparse_samples<double>(data);
  BatchTrainer<double> trainer(samples, classifier(0),
                               {.learning_rate = number("learning_rate"), .batch_size = 0});
  const auto expect_close = [&](const Matrix& found, const Matrix& expected) {
    ASSERT_EQ(found.rows(), expected.rows());
    ASSERT_EQ(found.cols(), expected.cols());
    EXPECT_LE((found - expected).cwiseAbs().maxCoeff(), tolerance * expected.cwiseAbs().maxCoeff());
  };
  const std::vector<double> steps = array("steps").values, loss = array("loss").values,
                            wrong = array("wrong").values;
  std::size_t taken = 0;
  for (std::size_t step = 0; step < loss.size(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    if (taken < steps.size() && static_cast<double>(step) == steps[taken]) {
      const Classifier found = trainer.classifier(), expected = classifier(taken++);
      expect_close(found.weights, expected.weights);
      if (trained()) {
        expect_close(found.output_weights, expected.output_weights);
        expect_close(found.output_bias, expected.output_bias);
      }
    }
    const Evaluation evaluation = trainer.evaluate(samples);
    EXPECT_NEAR(evaluation.loss, loss[step], tolerance * loss[step]);
    EXPECT_EQ(static_cast<double>(evaluation.wrong), wrong[step]);
    trainer.advance(1);
  }
  EXPECT_EQ(taken, steps.size());
  EXPECT_LT(loss.back(), 0.9 * loss.front());
}

INSTANTIATE_TEST_SUITE_P(Numpy, TrainingReference,
                         testing::Combine(testing::Values("groups_2", "groups_4", "trained_4"),
                                          testing::Values("0", "0.2")),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) +
                                  (std::get<1>(instance.param) == "0" ? "_relu" : "_leaky");
                         });

}  // namespace
}  // namespace latetime
