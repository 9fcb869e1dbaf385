#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <Eigen/LU>

#include "latetime/optimize/box_qp.hpp"
#include "support/dense.hpp"

namespace latetime::test {

using Dense = Eigen::MatrixXd;

inline Dense gaussian_matrix(std::mt19937_64& random, int rows, int columns) {
  std::normal_distribution<double> normal;
  Dense x(rows, columns);
  for (double& entry : x.reshaped()) entry = normal(random);
  return x;
}

inline Vector gaussian_vector(std::mt19937_64& random, int n) {
  return gaussian_matrix(random, n, 1).col(0);
}

/// Samples of which some are repeated, opposite or sums of others: their Gram matrix is singular
/// whenever there is such a row. Entries are small integers, so the Gram matrix is exact.
inline Dense dependent_samples(std::mt19937_64& random, int n, int d) {
  std::uniform_int_distribution<int> entry(-3, 3);
  std::uniform_int_distribution<int> kind(0, 5);
  Dense x(n, d);
  for (double& value : x.reshaped()) value = entry(random);
  for (int i = 1; i < n; ++i) {
    const int other = std::uniform_int_distribution<int>(0, i - 1)(random);
    switch (kind(random)) {
      case 0:
        x.row(i) = x.row(other);
        break;
      case 1:
        x.row(i) = -x.row(other);
        break;
      case 2:
        x.row(i) = x.row(0) + x.row(other);
        break;
      default:
        break;
    }
  }
  return x;
}

inline double objective(const Dense& a, const Vector& b, const Vector& x) {
  return 0.5 * x.dot(a * x) - b.dot(x);
}

/// Σ_j |A_ij x_j| + |b_i|: what rounding of the gradient is measured against.
inline Vector magnitude(const Dense& a, const Vector& b, const Vector& x) {
  return a.cwiseAbs() * x.cwiseAbs() + b.cwiseAbs();
}

/// Largest violation of the optimality conditions of  lower ≤ x ≤ upper, relative as in
/// QpCertificate, recomputed from x alone: it knows nothing of the solver's states.
inline double kkt_violation(const Dense& a, const Vector& b, const Vector& lower,
                            const Vector& upper, const Vector& x) {
  const Vector size = magnitude(a, b, x);
  double worst = 0;
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    if (!(x[i] >= lower[i] && x[i] <= upper[i])) return INFINITY;
    const double gradient = a.row(i).dot(x) - b[i];
    double wrong = 0;
    if (x[i] < upper[i]) wrong = std::max(wrong, -gradient);
    if (x[i] > lower[i]) wrong = std::max(wrong, gradient);
    if (wrong > 0) worst = std::max(worst, wrong / size[i]);
  }
  return worst;
}

/// The least objective over the box, from every choice of lower, upper or free for each variable,
/// with a rank-revealing solution of the free block.
inline double brute_force_minimum(const Dense& a, const Vector& b, const Vector& lower,
                                  const Vector& upper) {
  const int n = static_cast<int>(b.size());
  int choices = 1;
  for (int i = 0; i < n; ++i) choices *= 3;
  double least = INFINITY;
  for (int choice = 0; choice < choices; ++choice) {
    Vector x(n);
    std::vector<int> open;
    for (int i = 0, rest = choice; i < n; ++i, rest /= 3) {
      x[i] = rest % 3 == 0 ? lower[i] : upper[i];
      if (rest % 3 == 2) {
        x[i] = 0;
        open.push_back(i);
      }
    }
    if (!open.empty()) {
      const Vector rest = b - a * x;
      const Vector solution = dense_math::least_norm_solution(a(open, open), rest(open));
      x(open) = solution;
    }
    const double slack = 1e-9;
    if ((x.array() < lower.array() - slack).any() || (x.array() > upper.array() + slack).any()) {
      continue;
    }
    x = x.cwiseMax(lower).cwiseMin(upper);
    least = std::min(least, objective(a, b, x));
  }
  return least;
}

}  // namespace latetime::test
