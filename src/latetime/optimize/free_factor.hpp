#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

namespace latetime {

/// Cholesky factor L Lᵀ of the block A_FF of a symmetric matrix, while variables join and leave F.
///
/// Rows of L stand in the order in which the variables joined. Joining costs O(|F|²) (one more
/// row), leaving O(|F|²) (Givens rotations; Golub & Van Loan, section 6.5). Nothing is allocated
/// after construction. The matrix must outlive the factor.
class FreeFactor {
 public:
  explicit FreeFactor(const Eigen::MatrixXd& a);

  std::size_t size() const { return order_.size(); }
  std::span<const int> order() const { return order_; }
  void clear() { order_.clear(); }

  /// Computes the row that `variable` would add and returns its squared pivot, the Schur complement
  /// A_jj − A_jF A_FF⁻¹ A_Fj: zero where the variable depends on F.
  double try_append(int variable);
  /// Adds the variable of the last `try_append`; `pivot`, what it returned, must be positive.
  void append(int variable, double pivot);
  /// A_FF⁻¹ A_Fj of the last `try_append`, in the order of F. `w` has size() entries.
  void dependence(std::span<double> w) const;
  void remove(std::size_t position);
  /// Overwrites v, in the order of F, with A_FF⁻¹ v.
  void solve(std::span<double> v) const;

 private:
  double* row(std::size_t p) { return rows_.data() + p * stride_; }
  const double* row(std::size_t p) const { return rows_.data() + p * stride_; }
  void solve_transposed(std::span<double> v) const;

  const Eigen::MatrixXd& a_;
  std::size_t stride_;
  std::vector<double> rows_;
  std::vector<int> order_;
};

}  // namespace latetime
