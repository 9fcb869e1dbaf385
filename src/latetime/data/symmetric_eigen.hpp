#pragma once

#include <Eigen/Eigenvalues>

#include "latetime/base/run_failure.hpp"
#include "latetime/data/samples.hpp"

namespace latetime {

/// Spectrum of a symmetric matrix.
using SymmetricEigen = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;

/// The solver, once it has converged. Throws RunFailure when it has not (entries that are not
/// finite): its numbers mean nothing then.
inline const SymmetricEigen& converged(const SymmetricEigen& solver) {
  if (solver.info() != Eigen::Success) {
    throw RunFailure(
        "the eigenvalues of a symmetric matrix did not converge; its entries overflow");
  }
  return solver;
}

/// Eigenvalues of a symmetric matrix, ascending. Throws RunFailure as above.
inline Vector symmetric_eigenvalues(const Eigen::MatrixXd& matrix) {
  return converged(SymmetricEigen(matrix, Eigen::EigenvaluesOnly)).eigenvalues();
}

}  // namespace latetime
