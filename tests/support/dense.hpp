#pragma once

// Dense decompositions for tests and judges, compiled once: their templates are dear. They are
// Eigen's own, nothing of the library is in them.

#include <Eigen/Core>

namespace latetime::dense_math {

/// Columns with the span of those of `a` (rows × columns, rows ≥ columns), orthonormal: Q of QR.
Eigen::MatrixXd orthonormal(const Eigen::MatrixXd& a);

/// Descending, by Jacobi rotations.
Eigen::VectorXd singular_values(const Eigen::MatrixXd& a);

/// Of a symmetric matrix, ascending.
Eigen::VectorXd eigenvalues(const Eigen::MatrixXd& a);

/// x with least ‖a x − b‖, of columns that are independent.
Eigen::VectorXd least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

/// Of all x with least ‖a x − b‖ the shortest.
Eigen::VectorXd least_norm_solution(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

}  // namespace latetime::dense_math
