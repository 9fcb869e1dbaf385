#include "latetime/optimize/free_factor.hpp"

#include <algorithm>
#include <cmath>

namespace latetime {
namespace {

/// Four partial sums in a fixed order, so that the compiler may use vector instructions.
double dot(const double* u, const double* v, std::size_t count) {
  double sum[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sum[lane] += u[i + lane] * v[i + lane];
  }
  double rest = 0;
  for (; i < count; ++i) rest += u[i] * v[i];
  return ((sum[0] + sum[2]) + (sum[1] + sum[3])) + rest;
}

}  // namespace

FreeFactor::FreeFactor(const Eigen::MatrixXd& a)
    : a_(a), stride_(static_cast<std::size_t>(a.rows())), rows_(stride_ * stride_) {
  order_.reserve(stride_);
}

double FreeFactor::try_append(int variable) {
  double* added = row(size());
  const double* column = a_.col(variable).data();
  for (std::size_t p = 0; p < size(); ++p) {
    const double* other = row(p);
    added[p] = (column[order_[p]] - dot(added, other, p)) / other[p];
  }
  return column[variable] - dot(added, added, size());
}

void FreeFactor::append(int variable, double pivot) {
  row(size())[size()] = std::sqrt(pivot);
  order_.push_back(variable);
}

void FreeFactor::dependence(std::span<double> w) const {
  std::copy_n(row(size()), size(), w.begin());
  solve_transposed(w);
}

void FreeFactor::remove(std::size_t position) {
  const std::size_t left = size() - 1;
  order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(position));
  for (std::size_t p = position; p < left; ++p) std::copy_n(row(p + 1), p + 2, row(p));
  // Each row now reaches one column too far: rotate columns q and q+1 until it does not.
  for (std::size_t q = position; q < left; ++q) {
    const double radius = std::hypot(row(q)[q], row(q)[q + 1]);
    const double c = row(q)[q] / radius;
    const double s = row(q)[q + 1] / radius;
    row(q)[q] = radius;
    for (std::size_t p = q + 1; p < left; ++p) {
      const double x = row(p)[q];
      const double y = row(p)[q + 1];
      row(p)[q] = c * x + s * y;
      row(p)[q + 1] = c * y - s * x;
    }
  }
}

void FreeFactor::solve(std::span<double> v) const {
  for (std::size_t p = 0; p < size(); ++p) v[p] = (v[p] - dot(row(p), v.data(), p)) / row(p)[p];
  solve_transposed(v);
}

void FreeFactor::solve_transposed(std::span<double> v) const {
  for (std::size_t p = size(); p-- > 0;) {
    const double* above = row(p);
    v[p] /= above[p];
    for (std::size_t q = 0; q < p; ++q) v[q] -= v[p] * above[q];
  }
}

}  // namespace latetime
