#pragma once

#include <Eigen/Core>

#include "latetime/data/samples.hpp"

namespace latetime {

/// Spectrum of a symmetric matrix.
struct SymmetricEigen {
  Vector values;            ///< ascending
  Eigen::MatrixXd vectors;  ///< of unit length, as columns in the order of `values`
};

/// Throws RunFailure where it does not converge (entries that are not finite).
SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& matrix);
/// Eigenvalues alone, ascending. Throws RunFailure as above.
Vector symmetric_eigenvalues(const Eigen::MatrixXd& matrix);

/// The same of a tridiagonal matrix with `diagonal` (p) and `beside` (p − 1) next to it.
SymmetricEigen tridiagonal_eigen(const Vector& diagonal, const Vector& beside);
Vector tridiagonal_eigenvalues(const Vector& diagonal, const Vector& beside);

}  // namespace latetime
