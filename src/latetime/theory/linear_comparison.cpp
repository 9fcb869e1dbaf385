#include "latetime/theory/linear_comparison.hpp"

#include <algorithm>
#include <cmath>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

// Limits are accepted with a KKT residual up to 1e-10; what follows from them is no more exact.
constexpr double accuracy = 1e-9;

// What is below this on the boundary is no witness, being too near to `accuracy`.
constexpr double witness = 1e-6;

/// A vector of the samples' span, Σ_i c_i x_i, with its inner products.
struct Direction {
  Vector coefficients;  // c, n
  Vector products;      // ⟨·, x_i⟩ = G c, n
  double norm = 0.0;

  Direction(const Vector& c, const Matrix& gram)
      : coefficients(c), products(gram * c), norm(std::sqrt(std::max(0.0, c.dot(products)))) {}
};

double sign_of_neuron(const NetworkShape& shape, Eigen::Index k) {
  return k < shape.width ? 1.0 : -1.0;
}

Vector sum_of_rows(const Matrix& rows) {
  return rows.colwise().sum().transpose();
}

/// √(cᵀ G c) of every row.
Vector row_norms(const Matrix& rows, const Matrix& gram) {
  const Matrix products = rows * gram;
  return rows.cwiseProduct(products).rowwise().sum().cwiseMax(0.0).cwiseSqrt();
}

/// LinearComparison::spread of the neurons of one class.
double spread_of(const Matrix& rows, const Matrix& gram, double largest_norm) {
  const Direction sum(sum_of_rows(rows), gram);
  if (!(sum.norm > 0.0)) return row_norms(rows, gram).maxCoeff() / largest_norm;
  // c_k e with e = sum / ‖sum‖; differences of coefficients, so that nothing cancels in squares.
  const Vector along = (rows * sum.products).cwiseMax(0.0) / (sum.norm * sum.norm);
  const Matrix rest = rows - along * sum.coefficients.transpose();
  return row_norms(rest, gram).maxCoeff() / largest_norm;
}

/// In radians; from the distance of the unit vectors, so that small angles keep their digits.
double angle_between(const Direction& a, const Direction& b, const Matrix& gram) {
  const Vector apart = a.coefficients / a.norm - b.coefficients / b.norm;
  const double distance = Direction(apart, gram).norm;
  return 2.0 * std::asin(std::min(1.0, distance / 2.0));
}

/// Largest |f(x)| / ((1/m) Σ_k |σ(⟨v_k, x⟩)|) over points x = x_p − along_p u, whose part along u
/// is taken away: along_p = ⟨u, x_p⟩/‖u‖², z(k, p) = ⟨v_k, x_p⟩ (2m × points).
double largest_on_boundary(const Matrix& z, const Vector& along, const Vector& v_times_u,
                           const NetworkShape& shape) {
  double largest = 0.0;
  for (Eigen::Index p = 0; p < z.cols(); ++p) {
    double value = 0.0, size = 0.0, scale = 0.0;
    for (Eigen::Index k = 0; k < z.rows(); ++k) {
      const double there = z(k, p) - along[p] * v_times_u[k];
      const double out = activation(there, shape.slope);
      value += sign_of_neuron(shape, k) * out;
      size += std::abs(out);
      scale += std::abs(z(k, p)) + std::abs(along[p] * v_times_u[k]);
    }
    // A sample along u itself leaves nothing but rounding.
    if (size > witness * scale) largest = std::max(largest, std::abs(value) / size);
  }
  return largest;
}

double even_part_of(const Matrix& z, const NetworkShape& shape) {
  double even = 0.0, all = 0.0;
  for (Eigen::Index i = 0; i < z.cols(); ++i) {
    double even_sum = 0.0, sum = 0.0;
    for (Eigen::Index k = 0; k < z.rows(); ++k) {
      const double j = sign_of_neuron(shape, k);
      even_sum += j * (1.0 - shape.slope) / 2.0 * std::abs(z(k, i));
      sum += j * activation(z(k, i), shape.slope);
    }
    even += even_sum * even_sum;
    all += sum * sum;
  }
  return std::sqrt(even / all);
}

void compare_with_svm(const Limit& limit, const Matrix& gram, const std::vector<int>& classes,
                      const Direction& u, LinearComparison& result) {
  const auto n = static_cast<Eigen::Index>(classes.size());
  Vector labels(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    labels[i] = classes[static_cast<std::size_t>(i)] == 0 ? 1.0 : -1.0;
  }
  result.odd_margin = labels.cwiseProduct(u.products).minCoeff() / u.norm;
  result.cosine = result.angle = std::nan("");
  try {
    result.svm = solve_max_margin(gram, labels);
  } catch (const InputError& error) {
    result.svm_problem = error.what();
  }
  if (result.svm.verdict != Separability::separable) return;
  const Direction w(result.svm.multipliers.cwiseProduct(labels), gram);
  result.angle = angle_between(w, u, gram);
  result.cosine = w.coefficients.dot(u.products) / (w.norm * u.norm);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (result.svm.support[i] && limit.support[i]) ++result.common_support;
  }
}

Boundary judge(const LinearComparison& result, bool opposite, double slope) {
  if (slope == 1.0) return Boundary::linear;
  if (result.spread <= accuracy && (slope > 0.0 || opposite)) return Boundary::linear;
  return result.even_on_boundary >= witness ? Boundary::not_linear : Boundary::undecided;
}

}  // namespace

LinearComparison compare_with_linear(const Limit& limit, const Matrix& gram,
                                     const std::vector<int>& classes, const NetworkShape& shape) {
  const Matrix& c = limit.coefficients;
  const Matrix plus = c.topRows(shape.width), minus = c.bottomRows(shape.width);
  const double largest_norm = row_norms(c, gram).maxCoeff();
  const double factor = (1.0 + shape.slope) / (2.0 * static_cast<double>(shape.width));
  const Vector plus_sum = sum_of_rows(plus), minus_sum = sum_of_rows(minus);
  const Direction u(factor * (plus_sum - minus_sum), gram);

  LinearComparison result;
  compare_with_svm(limit, gram, classes, u, result);
  const Matrix z = c * gram;  // ⟨v_k, x_i⟩
  result.even_part = even_part_of(z, shape);
  const Vector v_times_u = c * u.products;
  const double u2 = u.norm * u.norm;
  result.even_on_boundary =
      std::max(largest_on_boundary(z, u.products / u2, v_times_u, shape),
               largest_on_boundary(z * c.transpose(), v_times_u / u2, v_times_u, shape));
  result.spread =
      std::max(spread_of(plus, gram, largest_norm), spread_of(minus, gram, largest_norm));
  const Direction a(plus_sum, gram), b(-minus_sum, gram);
  const bool opposite = a.norm > 0.0 && b.norm > 0.0 && angle_between(a, b, gram) <= accuracy;
  result.boundary = judge(result, opposite, shape.slope);
  return result;
}

}  // namespace latetime
