#include "latetime/measure/errors.hpp"

#include <cmath>

#include "latetime/measure/spectrum.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// Limits are accepted with a KKT residual of up to 1e-10; what follows from them is no more exact.
constexpr double limit_accuracy = 1e-9;

// Sums of a state's weights, relative.
constexpr double state_accuracy = 1e-13;

/// Draws of a limit for one of a record.
constexpr std::uint64_t limit_draws = 10;

Matrix product_of_rows(const Eigen::Ref<const Matrix>& a, const Eigen::Ref<const Matrix>& b) {
  Matrix product = Matrix::Zero(a.rows(), b.rows());
  add_product_transposed(a, b, product);
  return product;
}

/// f(x_i), n.
Vector outputs_of(const Matrix& z, const NetworkShape& shape) {
  const Matrix groups = group_outputs(z, shape);
  return groups.col(0) - groups.col(1);
}

struct Shares {
  double wrong = std::nan(""), zero = std::nan("");
};

/// Of outputs f(x_i), of which those count as 0 that are at most `blur`, n.
Shares shares_of(const Vector& f, const std::vector<int>& classes, const Vector& blur) {
  if (f.size() == 0) return {};
  Shares shares{0.0, 0.0};
  for (Eigen::Index i = 0; i < f.size(); ++i) {
    const bool zero = std::abs(f[i]) <= blur[i];
    const double label = classes[static_cast<std::size_t>(i)] == 0 ? 1.0 : -1.0;
    if (zero) shares.zero += 1.0;
    if (zero || !(label * f[i] > 0.0)) shares.wrong += 1.0;
  }
  const auto count = static_cast<double>(f.size());
  return {shares.wrong / count, shares.zero / count};
}

/// On the training samples, from their margins with the labels that were trained on.
void judge_training(const Vector& margins, const Dataset& data, Errors& errors) {
  errors.train = errors.train_clean = 0.0;
  for (Eigen::Index i = 0; i < margins.size(); ++i) {
    const double clean = data.flipped(i) ? -margins[i] : margins[i];
    if (!(margins[i] > 0.0)) errors.train += 1.0;
    if (!(clean > 0.0)) errors.train_clean += 1.0;
  }
  errors.train /= static_cast<double>(margins.size());
  errors.train_clean /= static_cast<double>(margins.size());
}

void judge_test(const Vector& f, const Dataset& test, const Vector& blur, Errors& errors) {
  const Shares shares = shares_of(f, test.classes, blur);
  errors.test = shares.wrong;
  errors.test_zero = shares.zero;
}

}  // namespace

ErrorMeter::ErrorMeter(const Dataset& data, const Network& initial, const HeldOut& held_out)
    : data_(data), held_out_(held_out), shape_(initial.shape) {
  if (held_out.test) {
    test_initial_ = product_of_rows(initial.weights, held_out.test->x);
    test_gram_ = product_of_rows(data.x, held_out.test->x);
  }
  if (held_out.population) {
    population_.emplace(*held_out.population, initial.shape, initial.weights, data.x);
  }
}

Errors ErrorMeter::measure(const TrainingState& state, unsigned threads) const {
  Errors errors{.test = std::nan(""), .test_zero = std::nan("")};
  Vector of_samples = margins(group_outputs(state.preactivations, shape_), data_.classes);
  if (state.margin_offset.size() > 0) of_samples += state.margin_offset;
  judge_training(of_samples, data_, errors);
  if (held_out_.test) {
    Matrix z = test_initial_;
    add_product(state.coefficients, test_gram_, z);
    const Vector blur = state_accuracy * group_outputs(z.cwiseAbs(), shape_).rowwise().sum();
    judge_test(outputs_of(z, shape_), *held_out_.test, blur, errors);
  }
  if (population_) {
    errors.population = population_->measure(state.coefficients, state_accuracy, threads);
  }
  return errors;
}

Errors limit_errors(const Matrix& coefficients, const Dataset& data, const NetworkShape& shape,
                    const HeldOut& held_out, unsigned threads) {
  Errors errors{.test = std::nan(""), .test_zero = std::nan("")};
  const Matrix gram = product_of_rows(data.x, data.x);
  judge_training(margins(group_outputs(coefficients * gram, shape), data.classes), data, errors);
  if (held_out.test) {
    const Dataset& test = *held_out.test;
    const Matrix z = coefficients * product_of_rows(data.x, test.x);
    const double norms = (coefficients * gram)
                             .cwiseProduct(coefficients)
                             .rowwise()
                             .sum()
                             .cwiseMax(0.0)
                             .cwiseSqrt()
                             .sum();
    const Vector blur =
        test.x.rowwise().norm() * (limit_accuracy * norms / static_cast<double>(shape.width));
    judge_test(outputs_of(z, shape), test, blur, errors);
  }
  if (held_out.population) {
    Population population = *held_out.population;
    population.draws *= limit_draws;
    const Vector products = coefficients * (data.x * population.mixture.mean);
    const Matrix neurons = coefficients * compressed(data.x);
    errors.population =
        population_error(population, shape, neurons, products, limit_accuracy, threads);
  }
  return errors;
}

}  // namespace latetime
