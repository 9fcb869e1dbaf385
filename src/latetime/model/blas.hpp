#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Keeps BLAS and LAPACK on the calling thread, so that results do not depend on threads of their
/// own. Call before using them directly. Throws bad_alloc where they would find no memory.
void use_single_threaded_blas();

/// c += a · bᵀ for row-major views; a is p × k, b is q × k, c is p × q.
void add_product_transposed(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b,
                            Eigen::Ref<Matrix> c);

/// c += a · b for row-major views; a is p × k, b is k × q, c is p × q.
void add_product(Eigen::Ref<const Matrix> a, Eigen::Ref<const Matrix> b, Eigen::Ref<Matrix> c);

}  // namespace latetime
