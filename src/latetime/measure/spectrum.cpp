#include "latetime/measure/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <Spectra/SymEigsSolver.h>
#include <cblas.h>

#include "latetime/base/error.hpp"
#include "latetime/base/random.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/measure/lapack.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

Vector singular_values(const Matrix& a) {
  if (!a.allFinite()) {
    return Vector::Constant(std::min(a.rows(), a.cols()), std::nan(""));
  }
  // Row-major storage is the transpose in column-major order, which has the same singular values.
  return lapack::singular_values(a.data(), a.cols(), a.rows());
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

namespace {

/// y += a · v or, transposed, aᵀ · v, for a row-major view.
void add_times(const Eigen::Ref<const Matrix>& a, CBLAS_TRANSPOSE transpose, const Vector& v,
               Vector& y) {
  if (a.size() == 0) return;
  cblas_dgemv(CblasRowMajor, transpose, static_cast<int>(a.rows()), static_cast<int>(a.cols()), 1.0,
              a.data(), static_cast<int>(a.outerStride()), v.data(), 1, 1.0, y.data(), 1);
}

/// (fixed + inside insideᵀ) v
Vector gram_product(const Eigen::MatrixXd& fixed, const Eigen::Ref<const Matrix>& inside,
                    const Vector& v) {
  Vector across = Vector::Zero(inside.cols()), result = Vector::Zero(v.size());
  add_times(inside, CblasTrans, v, across);
  add_times(inside, CblasNoTrans, across, result);
  // Symmetric: its column-major order is as good as the row-major one.
  add_times(Eigen::Map<const Matrix>(fixed.data(), fixed.rows(), fixed.cols()), CblasNoTrans, v,
            result);
  return result;
}

/// Top eigenvector of fixed + inside insideᵀ, p × p, by Lanczos iteration with full
/// orthogonalisation; none when it has not converged after a few dozen steps.
std::optional<Vector> top_left_vector(const Eigen::MatrixXd& fixed,
                                      const Eigen::Ref<const Matrix>& inside) {
  // ‖A Aᵀu − θ u‖ ≤ tolerance θ. Some eigenvalue lies as near to θ relatively, however close the
  // next one; where it is well apart, the error of θ is the square of this.
  constexpr double tolerance = 1e-13;
  constexpr Eigen::Index most_steps = 72;
  use_single_threaded_blas();
  const Eigen::Index p = inside.rows(), steps = std::min(p, most_steps);
  Eigen::MatrixXd basis(p, steps);
  Vector diagonal(steps), beside(steps);
  // A start without the structure of the network, so that it is orthogonal to no eigenvector.
  RandomStream stream(0, RandomPurpose::iteration_start);
  for (double& entry : basis.col(0)) entry = stream.normal();
  Vector next = gram_product(fixed, inside, basis.col(0));
  for (Eigen::Index j = 0, check = 4; j < steps; ++j) {
    basis.col(j) = next / next.norm();
    next = gram_product(fixed, inside, basis.col(j));
    diagonal[j] = basis.col(j).dot(next);
    const auto before = Eigen::Map<const Matrix>(basis.data(), j + 1, p);  // transposed
    for (int round = 0; round < 2; ++round) {
      Vector along = Vector::Zero(j + 1);
      add_times(before, CblasNoTrans, next, along);
      along = -along;
      add_times(before, CblasTrans, along, next);
    }
    beside[j] = next.norm();
    const bool exhausted = j + 1 == p || !(beside[j] > tolerance * diagonal[0]);
    if (j + 1 < check && !exhausted && j + 1 < steps) continue;
    check = j + 1 + std::max<Eigen::Index>(2, (j + 1) / 4);
    // Scaled, because the solver takes absolutely small entries for zeros.
    const double scale = diagonal.head(j + 1).maxCoeff();
    const SymmetricEigen small =
        tridiagonal_eigen(diagonal.head(j + 1) / scale, beside.head(j) / scale);
    const auto top = small.vectors.col(j);
    const double residual = beside[j] / scale * std::abs(top[j]);
    if (exhausted || residual <= tolerance * small.values[j]) {
      return Vector(basis.leftCols(j + 1) * top).normalized();
    }
  }
  return std::nullopt;
}

/// ‖rows − u uᵀ rows‖_F² and ‖uᵀ rows‖².
std::pair<double, double> split_squares(const Eigen::Ref<const Matrix>& rows, const Vector& u) {
  Vector along = Vector::Zero(rows.cols());
  add_times(rows, CblasTrans, u, along);
  double rest = 0.0;
  for (Eigen::Index k = 0; k < rows.rows(); ++k) {
    rest += (rows.row(k) - u[k] * along.transpose()).squaredNorm();
  }
  return {rest, along.squaredNorm()};
}

StableRank deflated_stable_rank(const Matrix& outside, const Eigen::Ref<const Matrix>& inside,
                                const Vector& u) {
  const auto [rest_outside, top_outside] = split_squares(outside, u);
  const auto [rest_inside, top_inside] = split_squares(inside, u);
  const double excess = (rest_outside + rest_inside) / (top_outside + top_inside);
  return {1.0 + excess, excess};
}

}  // namespace

Eigen::MatrixXd gram_of_rows(const Matrix& a) {
  Matrix gram = Matrix::Zero(a.rows(), a.rows());
  add_product_transposed(a, a, gram);
  return gram;
}

NeuronGram::NeuronGram(const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x)
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
  if (!a.allFinite()) return std::nan("");
  return symmetric_eigenvalues(a)[a.rows() - 1];
}

StableRank stable_rank_from_gram(const Eigen::MatrixXd& a_times_transpose) {
  const double top = top_eigenvalue(a_times_transpose);
  if (!(top > 0.0)) return {std::nan(""), std::nan("")};
  const double value = std::max(1.0, a_times_transpose.trace() / top);
  return {value, value - 1.0};
}

WeightSpace::WeightSpace(const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x) {
  const Eigen::Index n = x.rows(), d = x.cols(), neurons = initial_weights.rows();
  if (n >= d) {
    samples_ = x;
    initial_inside_ = initial_weights;
    outside_.resize(neurons, 0);
    return;
  }
  // In column-major order these are the d × n matrix of the samples and the d × neurons one of the
  // weights: Householder QR of the samples, whose Qᵀ then turns the weights.
  basis_ = x;
  Matrix turned = initial_weights;
  const Vector factors = lapack::factor_qr(basis_.data(), d, n);
  samples_ = basis_.leftCols(n).triangularView<Eigen::Lower>();
  lapack::apply_transposed_q(basis_.data(), d, n, factors, turned.data(), neurons);
  initial_inside_ = turned.leftCols(n);
  outside_ = turned.rightCols(d - n);
  lapack::form_q(basis_.data(), d, n, factors);
}

Matrix WeightSpace::inside_of_coefficients(const Matrix& coefficients) const {
  Matrix inside = initial_inside_;
  add_product(coefficients, samples_, inside);
  return inside;
}

Matrix WeightSpace::inside_of_weights(const Matrix& weights) const {
  if (basis_.size() == 0) return weights;
  Matrix inside = Matrix::Zero(weights.rows(), basis_.rows());
  add_product_transposed(weights, basis_, inside);
  return inside;
}

Matrix compressed(const Matrix& rows) {
  const Eigen::Index count = rows.rows();
  if (rows.cols() <= count || !rows.allFinite()) return rows;
  Matrix work = rows;  // in column-major order its transpose: QR there is LQ here
  lapack::factor_qr(work.data(), rows.cols(), count);
  return work.leftCols(count).triangularView<Eigen::Lower>();
}

BorderedSpectrum::BorderedSpectrum(const Matrix& outside)
    : outside_(compressed(outside)),
      outside_gram_(gram_of_rows(outside_)),
      outside_largest_(outside_.size() ? outside_.cwiseAbs().maxCoeff() : 0.0) {}

Vector BorderedSpectrum::singular_values(const Eigen::Ref<const Matrix>& inside) const {
  Matrix whole(inside.rows(), outside_.cols() + inside.cols());
  whole << outside_, inside;
  return latetime::singular_values(whole);
}

StableRank BorderedSpectrum::stable_rank(const Eigen::Ref<const Matrix>& inside) const {
  // Within these limits no fourth power that counts over- or underflows.
  constexpr double largest_entry = 1e60, smallest_entry = 1e-60;
  const double largest = std::max(outside_largest_, inside.cwiseAbs().maxCoeff());
  if (inside.rows() > 1 && inside.allFinite() && largest < largest_entry &&
      largest > smallest_entry) {
    if (const auto u = top_left_vector(outside_gram_, inside)) {
      return deflated_stable_rank(outside_, inside, *u);
    }
  }
  return latetime::stable_rank(singular_values(inside));
}

}  // namespace latetime
