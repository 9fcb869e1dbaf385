#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// c += a · bᵀ for row-major views; a is p × k, b is q × k, c is p × q.
/// The BLAS runs on the calling thread alone, so that results do not depend on its own threads.
void add_product_transposed(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b,
                            Eigen::Ref<Matrix> c);

/// c += a · b for row-major views; a is p × k, b is k × q, c is p × q.
void add_product(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b, Eigen::Ref<Matrix> c);

}  // namespace latetime
