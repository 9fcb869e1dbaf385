#include "latetime/model/blas.hpp"

#include <cassert>

#include <cblas.h>

namespace latetime {
namespace {

void gemm(CBLAS_TRANSPOSE transpose_b, const Eigen::Ref<const Matrix>& a,
          const Eigen::Ref<const Matrix>& b, Eigen::Ref<Matrix>& c) {
  use_single_threaded_blas();
  if (c.size() == 0 || a.cols() == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, transpose_b, static_cast<int>(c.rows()),
              static_cast<int>(c.cols()), static_cast<int>(a.cols()), 1.0, a.data(),
              static_cast<int>(a.outerStride()), b.data(), static_cast<int>(b.outerStride()), 1.0,
              c.data(), static_cast<int>(c.outerStride()));
}

}  // namespace

void use_single_threaded_blas() {
  // The library's own worker threads would change the order of sums with their number.
  static const bool done = (openblas_set_num_threads(1), true);
  (void)done;
}

void add_product_transposed(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b,
                            Eigen::Ref<Matrix> c) {
  assert(a.cols() == b.cols() && c.rows() == a.rows() && c.cols() == b.rows());
  gemm(CblasTrans, a, b, c);
}

void add_product(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b, Eigen::Ref<Matrix> c) {
  assert(a.cols() == b.rows() && c.rows() == a.rows() && c.cols() == b.cols());
  gemm(CblasNoTrans, a, b, c);
}

}  // namespace latetime
