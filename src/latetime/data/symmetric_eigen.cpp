#include "latetime/data/symmetric_eigen.hpp"

#include <Eigen/Eigenvalues>

#include "latetime/base/run_failure.hpp"

namespace latetime {
namespace {

using Solver = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;

/// The solver, once it has converged: its numbers mean nothing when it has not.
const Solver& converged(const Solver& solver) {
  if (solver.info() != Eigen::Success) {
    throw RunFailure(
        "the eigenvalues of a symmetric matrix did not converge; its entries overflow");
  }
  return solver;
}

SymmetricEigen spectrum_of(const Solver& solver) {
  converged(solver);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

}  // namespace

SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& matrix) {
  return spectrum_of(Solver(matrix));
}

Vector symmetric_eigenvalues(const Eigen::MatrixXd& matrix) {
  return converged(Solver(matrix, Eigen::EigenvaluesOnly)).eigenvalues();
}

SymmetricEigen tridiagonal_eigen(const Vector& diagonal, const Vector& beside) {
  Solver solver;
  solver.computeFromTridiagonal(diagonal, beside);
  return spectrum_of(solver);
}

Vector tridiagonal_eigenvalues(const Vector& diagonal, const Vector& beside) {
  Solver solver;
  solver.computeFromTridiagonal(diagonal, beside, Eigen::EigenvaluesOnly);
  return converged(solver).eigenvalues();
}

}  // namespace latetime
