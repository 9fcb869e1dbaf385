#include "blas_threads.hpp"

#include <cblas.h>

#include "latetime/model/blas.hpp"

namespace latetime::python {

BlasOnThisThread::BlasOnThisThread() {
  const std::lock_guard lock(mutex_);
  if (holders_++ > 0) return;
  threads_before_ = openblas_get_num_threads();
  use_single_threaded_blas();  // its first call sets the number, once and for all
  openblas_set_num_threads(1);
}

BlasOnThisThread::~BlasOnThisThread() {
  const std::lock_guard lock(mutex_);
  if (--holders_ == 0) openblas_set_num_threads(threads_before_);
}

}  // namespace latetime::python
