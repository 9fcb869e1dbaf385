#include "latetime/prove/ball.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {

Enclosure Ball::enclosure() const {
  arf_t bound;
  arf_init(bound);
  Enclosure result;
  arb_get_lbound_arf(bound, value_, ball_precision);
  result.lower = arf_get_d(bound, ARF_RND_FLOOR);
  arb_get_ubound_arf(bound, value_, ball_precision);
  result.upper = arf_get_d(bound, ARF_RND_CEIL);
  arf_clear(bound);
  return result;
}

double Ball::magnitude() const {
  const Enclosure bounds = enclosure();
  return std::max(-bounds.lower, bounds.upper);
}

std::string Ball::text() const {
  const Enclosure bounds = enclosure();
  return fmt::format("[{:.6g}, {:.6g}]", bounds.lower, bounds.upper);
}

Ball sqrt(const Ball& a) {
  Ball result;
  arb_sqrt(result.get(), a.get(), ball_precision);
  return result;
}

Ball exp(const Ball& a) {
  Ball result;
  arb_exp(result.get(), a.get(), ball_precision);
  return result;
}

Ball log(const Ball& a) {
  Ball result;
  arb_log(result.get(), a.get(), ball_precision);
  return result;
}

// A Ball is its arb_struct and nothing else, so that Arb walks through arrays of them.
static_assert(sizeof(Ball) == sizeof(arb_struct));

Ball dot(const BallVector& a, const BallVector& b) {
  Ball result;
  if (a.empty()) return result;
  arb_dot(result.get(), nullptr, 0, a.front().get(), 1, b.front().get(), 1,
          static_cast<slong>(a.size()), ball_precision);
  return result;
}

Ball dot_reversed(const Ball* a, const Ball* b, std::size_t size) {
  Ball result;
  if (size == 0) return result;
  arb_dot(result.get(), nullptr, 0, a->get(), 1, b[size - 1].get(), -1, static_cast<slong>(size),
          ball_precision);
  return result;
}

Matrix middles(const std::vector<BallVector>& rows, Eigen::Index columns) {
  Matrix result(static_cast<Eigen::Index>(rows.size()), columns);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    for (Eigen::Index i = 0; i < columns; ++i) {
      result(static_cast<Eigen::Index>(k), i) = rows[k][static_cast<std::size_t>(i)].middle();
    }
  }
  return result;
}

Ball hull(const Ball& a, const Ball& b) {
  Ball result;
  arb_union(result.get(), a.get(), b.get(), ball_precision);
  return result;
}

BallMatrix BallMatrix::operator*(const BallMatrix& right) const {
  BallMatrix result(rows(), right.columns());
  arb_mat_mul(result.value_, value_, right.value_, ball_precision);
  return result;
}

BallMatrix BallMatrix::transposed() const {
  BallMatrix result(columns(), rows());
  arb_mat_transpose(result.value_, value_);
  return result;
}

BallMatrix BallMatrix::block(const std::vector<slong>& rows,
                             const std::vector<slong>& columns) const {
  BallMatrix result(static_cast<slong>(rows.size()), static_cast<slong>(columns.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < columns.size(); ++j) {
      arb_set(arb_mat_entry(result.value_, static_cast<slong>(i), static_cast<slong>(j)),
              arb_mat_entry(value_, rows[i], columns[j]));
    }
  }
  return result;
}

std::optional<BallMatrix> BallMatrix::solved(const BallMatrix& right) const {
  BallMatrix result(rows(), right.columns());
  if (rows() == 0) return result;
  if (arb_mat_solve(result.value_, value_, right.value_, ball_precision) == 0) return std::nullopt;
  return result;
}

bool BallMatrix::is_positive_definite() const {
  BallMatrix factor(rows(), columns());
  return arb_mat_cho(factor.value_, value_, ball_precision) != 0;
}

Eigen::MatrixXd BallMatrix::middle() const {
  Eigen::MatrixXd result(rows(), columns());
  for (slong i = 0; i < rows(); ++i) {
    for (slong j = 0; j < columns(); ++j) result(i, j) = (*this)(i, j).middle();
  }
  return result;
}

double least_eigenvalue_bound(const BallMatrix& matrix) {
  if (matrix.rows() == 0) return 1.0;
  const Eigen::MatrixXd rounded = matrix.middle();
  if (!rounded.allFinite()) return 0.0;
  const double estimate = symmetric_eigenvalues(rounded)[0];
  for (const double share : {0.97, 0.75, 0.4}) {
    const double bound = share * estimate;
    if (!(bound > 0.0)) return 0.0;
    BallMatrix shifted = matrix;
    for (slong i = 0; i < matrix.rows(); ++i) shifted.add(i, i, Ball(-bound));
    if (shifted.is_positive_definite()) return bound;
  }
  return 0.0;
}

}  // namespace latetime
