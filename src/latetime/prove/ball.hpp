#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arb.h>
#include <arb_mat.h>

#include "latetime/data/samples.hpp"
#include "latetime/prove/proof.hpp"

namespace latetime {

/// Bits of the midpoints of all balls of proofs: as many as Arb holds without memory of their own.
inline constexpr slong ball_precision = 128;

/// A real number known to lie in [midpoint ± radius] (Arb). Every operation gives a ball that holds
/// its result for all numbers of its operands: what is true of a ball is proved of the number.
class Ball {
 public:
  Ball() { arb_init(value_); }
  Ball(double exact) : Ball() { arb_set_d(value_, exact); }  // NOLINT(google-explicit-constructor)
  explicit Ball(const arb_struct* value) : Ball() { arb_set(value_, value); }
  Ball(const Ball& other) : Ball() { arb_set(value_, other.value_); }
  Ball(Ball&& other) noexcept : Ball() { arb_swap(value_, other.value_); }
  Ball& operator=(const Ball& other) {
    arb_set(value_, other.value_);
    return *this;
  }
  Ball& operator=(Ball&& other) noexcept {
    arb_swap(value_, other.value_);
    return *this;
  }
  ~Ball() { arb_clear(value_); }

  const arb_struct* get() const { return value_; }
  arb_struct* get() { return value_; }

  Ball& operator+=(const Ball& other) {
    arb_add(value_, value_, other.value_, ball_precision);
    return *this;
  }
  Ball& operator-=(const Ball& other) {
    arb_sub(value_, value_, other.value_, ball_precision);
    return *this;
  }
  Ball& operator*=(const Ball& other) {
    arb_mul(value_, value_, other.value_, ball_precision);
    return *this;
  }
  /// By a ball that holds 0 this gives one that holds everything.
  Ball& operator/=(const Ball& other) {
    arb_div(value_, value_, other.value_, ball_precision);
    return *this;
  }
  Ball operator-() const {
    Ball result;
    arb_neg(result.value_, value_);
    return result;
  }
  /// this += a · b, with one rounding.
  void add_product(const Ball& a, const Ball& b) {
    arb_addmul(value_, a.value_, b.value_, ball_precision);
  }

  bool is_positive() const { return arb_is_positive(value_) != 0; }  ///< all of it
  bool is_negative() const { return arb_is_negative(value_) != 0; }
  bool is_zero() const { return arb_is_zero(value_) != 0; }  ///< exactly 0
  double middle() const { return arf_get_d(arb_midref(value_), ARF_RND_NEAR); }
  Enclosure enclosure() const;
  double upper() const { return enclosure().upper; }
  double lower() const { return enclosure().lower; }
  double magnitude() const;  ///< the largest size of a number of the ball, or more
  std::string text() const;  ///< "[lower, upper]", a few digits

 private:
  arb_t value_;
};

inline Ball operator+(Ball a, const Ball& b) {
  return a += b;
}
inline Ball operator-(Ball a, const Ball& b) {
  return a -= b;
}
inline Ball operator*(Ball a, const Ball& b) {
  return a *= b;
}
inline Ball operator/(Ball a, const Ball& b) {
  return a /= b;
}
/// All of a is below all of b.
inline bool operator<(const Ball& a, const Ball& b) {
  return arb_lt(a.get(), b.get()) != 0;
}
Ball sqrt(const Ball& a);
Ball exp(const Ball& a);
Ball log(const Ball& a);
/// A ball that holds both.
Ball hull(const Ball& a, const Ball& b);

using BallVector = std::vector<Ball>;

/// Σ a_i b_i.
Ball dot(const BallVector& a, const BallVector& b);
/// Σ a_i b_{size−1−i} over the first `size`: a coefficient of a product of polynomials.
Ball dot_reversed(const Ball* a, const Ball* b, std::size_t size);

/// Their midpoints, a row each; `columns` of them.
Matrix middles(const std::vector<BallVector>& rows, Eigen::Index columns);

/// Matrices of balls.
class BallMatrix {
 public:
  BallMatrix() { arb_mat_init(value_, 0, 0); }
  BallMatrix(slong rows, slong columns) { arb_mat_init(value_, rows, columns); }  ///< of zeros
  BallMatrix(const BallMatrix& other) : BallMatrix(other.rows(), other.columns()) {
    arb_mat_set(value_, other.value_);
  }
  BallMatrix(BallMatrix&& other) noexcept : BallMatrix() { arb_mat_swap(value_, other.value_); }
  BallMatrix& operator=(BallMatrix other) noexcept {
    arb_mat_swap(value_, other.value_);
    return *this;
  }
  ~BallMatrix() { arb_mat_clear(value_); }

  slong rows() const { return arb_mat_nrows(value_); }
  slong columns() const { return arb_mat_ncols(value_); }
  Ball operator()(slong i, slong j) const { return Ball(arb_mat_entry(value_, i, j)); }
  void set(slong i, slong j, const Ball& ball) { arb_set(arb_mat_entry(value_, i, j), ball.get()); }
  void add(slong i, slong j, const Ball& ball) {
    arb_struct* entry = arb_mat_entry(value_, i, j);
    arb_add(entry, entry, ball.get(), ball_precision);
  }
  /// Entry (i, j) += a · b.
  void add_product(slong i, slong j, const Ball& a, const Ball& b) {
    arb_addmul(arb_mat_entry(value_, i, j), a.get(), b.get(), ball_precision);
  }

  BallMatrix operator*(const BallMatrix& right) const;
  BallMatrix transposed() const;
  /// The matrix of these rows and columns.
  BallMatrix block(const std::vector<slong>& rows, const std::vector<slong>& columns) const;

  /// X with this · X = right, every solution for every matrix of these balls; nothing unless all of
  /// them are proved to be invertible.
  std::optional<BallMatrix> solved(const BallMatrix& right) const;
  /// Whether a symmetric matrix is proved to be positive definite.
  bool is_positive_definite() const;
  Eigen::MatrixXd middle() const;

 private:
  arb_mat_t value_;
};

/// A lower bound of the least eigenvalue of a symmetric matrix, some per cent below it; 0 where
/// none above 0 is proved, and 1 for a matrix without rows.
double least_eigenvalue_bound(const BallMatrix& matrix);

}  // namespace latetime
