#include "latetime/measure/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Eigenvalues>
#include <Spectra/SymEigsSolver.h>
#include <lapacke.h>

#include "latetime/data/gram.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

Vector singular_values(const Matrix& a) {
  use_single_threaded_blas();
  const auto rows = static_cast<lapack_int>(a.rows()), columns = static_cast<lapack_int>(a.cols());
  Vector values(std::min(a.rows(), a.cols()));
  if (!a.allFinite()) return Vector::Constant(values.size(), std::nan(""));
  // Row-major storage is the transpose in column-major order, which has the same singular values.
  Matrix work = a;
  double unused = 0.0;
  LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', columns, rows, work.data(), columns, values.data(), &unused,
                 1, &unused, 1);
  return values;
}

StableRank stable_rank(const Vector& values) {
  const double top = values.size() ? values[0] : 0.0;
  if (!(top > 0.0)) return {std::nan(""), std::nan("")};
  double excess = 0.0;
  for (Eigen::Index k = values.size() - 1; k >= 1; --k) {  // smallest first
    excess += (values[k] / top) * (values[k] / top);
  }
  return {1.0 + excess, excess};
}

Eigen::MatrixXd gram_of_rows(const Matrix& a) {
  Matrix gram = Matrix::Zero(a.rows(), a.rows());
  add_product_transposed(a, a, gram);
  return gram;
}

NeuronGram::NeuronGram(const Matrix& initial_weights, const Matrix& x)
    : initial_(gram_of_rows(initial_weights)),
      initial_z_(preactivations(initial_weights, x)),
      gram_(gram_matrix(x)) {}

Eigen::MatrixXd NeuronGram::at(const Matrix& coefficients) const {
  // W Wᵀ = W⁰W⁰ᵀ + C (Z⁰ + ½ C G)ᵀ + (Z⁰ + ½ C G) Cᵀ.
  Matrix half = initial_z_;
  add_product(0.5 * coefficients, gram_, half);
  Matrix cross = Matrix::Zero(initial_.rows(), initial_.cols());
  add_product_transposed(coefficients, half, cross);
  return initial_ + cross + cross.transpose();
}

double top_eigenvalue(const Eigen::MatrixXd& a) {
  constexpr double tolerance = 1e-12;
  constexpr Eigen::Index worth_iterating = 24;  // below, a full decomposition is cheaper
  if (a.rows() >= worth_iterating) {
    Spectra::DenseSymMatProd<double> product(a);
    Spectra::SymEigsSolver<Spectra::DenseSymMatProd<double>> solver(product, 1, 20);
    solver.init();
    solver.compute(Spectra::SortRule::LargestAlge, 1000, tolerance);
    if (solver.info() == Spectra::CompInfo::Successful) return solver.eigenvalues()[0];
  }
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(a, Eigen::EigenvaluesOnly)
      .eigenvalues()
      .maxCoeff();
}

StableRank stable_rank_from_gram(const Eigen::MatrixXd& a_times_transpose) {
  const double top = top_eigenvalue(a_times_transpose);
  if (!(top > 0.0)) return {std::nan(""), std::nan("")};
  const double value = std::max(1.0, a_times_transpose.trace() / top);
  return {value, value - 1.0};
}

WeightSpace::WeightSpace(const Matrix& initial_weights, const Matrix& x) {
  const Eigen::Index d = x.cols();
  const Eigen::Index span = initial_weights.rows() + x.rows();
  if (span >= d) return;
  use_single_threaded_blas();
  basis_.resize(span, d);
  basis_ << initial_weights, x;
  // Scale the rows alike: tiny initial weights beside large samples must keep their direction.
  for (Eigen::Index k = 0; k < span; ++k) {
    const double norm = basis_.row(k).norm();
    if (norm > 0.0) basis_.row(k) /= norm;
  }
  // In column-major order this is the d × span matrix of the rows: Householder QR, then Q.
  Vector tau(span);
  const auto rows = static_cast<lapack_int>(d), columns = static_cast<lapack_int>(span);
  LAPACKE_dgeqrf(LAPACK_COL_MAJOR, rows, columns, basis_.data(), rows, tau.data());
  LAPACKE_dorgqr(LAPACK_COL_MAJOR, rows, columns, columns, basis_.data(), rows, tau.data());
}

Matrix WeightSpace::coordinates(const Matrix& weights) const {
  if (basis_.size() == 0) return weights;
  Matrix result = Matrix::Zero(weights.rows(), basis_.rows());
  add_product_transposed(weights, basis_, result);
  return result;
}

}  // namespace latetime
