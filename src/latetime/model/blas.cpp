#include "latetime/model/blas.hpp"

#include <cassert>
#include <cstddef>
#include <new>

#include <cblas.h>
#include <sys/mman.h>

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

namespace {

/// Throws bad_alloc where there is no room for a buffer of OpenBLAS (128 MiB and less, one a
/// thread): it would ask for it again and again, for ever. Looks once on each thread, before its
/// first call; the buffer is kept from then on.
void require_room_for_blas() {
  constexpr std::size_t room = std::size_t{160} << 20;
  thread_local bool found = false;
  if (found) return;
  void* place =
      ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) throw std::bad_alloc();
  ::munmap(place, room);
  found = true;
}

}  // namespace

void use_single_threaded_blas() {
  require_room_for_blas();
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
