#include "latetime/prove/ball.hpp"

#include <fmt/format.h>

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

std::string Ball::text() const {
  const Enclosure bounds = enclosure();
  return fmt::format("[{:.6g}, {:.6g}]", bounds.lower, bounds.upper);
}

Ball sqrt(const Ball& a) {
  Ball result;
  arb_sqrt(result.get(), a.get(), ball_precision);
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

}  // namespace latetime
