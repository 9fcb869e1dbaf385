#include "latetime/measure/lapack.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <string>

#include <lapacke.h>

#include "latetime/base/error.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/model/blas.hpp"

namespace latetime::lapack {
namespace {

/// A size as LAPACK takes it.
lapack_int size(Eigen::Index value) {
  if (value > std::numeric_limits<lapack_int>::max()) {
    throw RunFailure("LAPACK: a matrix has more than 2^31 - 1 rows or columns");
  }
  return static_cast<lapack_int>(value);
}

}  // namespace

void require_success(int info, const char* routine) {
  if (info == 0) return;
  if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR) {
    throw std::bad_alloc();
  }
  const std::string name = "LAPACK's " + std::string(routine);
  if (info < 0) throw RunFailure(name + " refused argument " + std::to_string(-info));
  throw RunFailure(name + " did not converge (info " + std::to_string(info) + ")");
}

Vector singular_values(const double* a, Eigen::Index rows, Eigen::Index columns) {
  use_single_threaded_blas();
  const lapack_int m = size(rows), n = size(columns);
  Vector values(std::min(rows, columns));
  if (values.size() == 0) return values;
  const Eigen::Map<const Vector> entries(a, rows * columns);
  Vector work = entries;
  double unused = 0.0;
  const int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', m, n, work.data(), m, values.data(),
                                  &unused, 1, &unused, 1);
  if (info <= 0) {
    require_success(info, "dgesdd");
    return values;
  }
  work = entries;  // divide and conquer gave up: QR iterations
  Vector off_diagonal(values.size());
  require_success(LAPACKE_dgesvd(LAPACK_COL_MAJOR, 'N', 'N', m, n, work.data(), m, values.data(),
                                 &unused, 1, &unused, 1, off_diagonal.data()),
                  "dgesvd");
  return values;
}

Vector factor_qr(double* a, Eigen::Index rows, Eigen::Index columns) {
  use_single_threaded_blas();
  Vector factors(columns);
  require_success(
      LAPACKE_dgeqrf(LAPACK_COL_MAJOR, size(rows), size(columns), a, size(rows), factors.data()),
      "dgeqrf");
  return factors;
}

void apply_transposed_q(const double* reflectors, Eigen::Index rows, Eigen::Index columns,
                        const Vector& factors, double* c, Eigen::Index count) {
  use_single_threaded_blas();
  require_success(LAPACKE_dormqr(LAPACK_COL_MAJOR, 'L', 'T', size(rows), size(count), size(columns),
                                 reflectors, size(rows), factors.data(), c, size(rows)),
                  "dormqr");
}

void form_q(double* reflectors, Eigen::Index rows, Eigen::Index columns, const Vector& factors) {
  use_single_threaded_blas();
  require_success(LAPACKE_dorgqr(LAPACK_COL_MAJOR, size(rows), size(columns), size(columns),
                                 reflectors, size(rows), factors.data()),
                  "dorgqr");
}

bool is_positive_definite(double* a, Eigen::Index rows) {
  const int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size(rows), a, size(rows));
  if (info <= 0) require_success(info, "dpotrf");
  return info == 0;  // above 0: a leading minor that is not positive
}

}  // namespace latetime::lapack
