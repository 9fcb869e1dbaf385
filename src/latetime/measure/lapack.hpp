#pragma once

#include "latetime/data/dataset.hpp"

// The LAPACK routines in use. Every `info` is looked at: what fails throws std::bad_alloc (no
// memory for the work space) or RunFailure (one line that names the routine), never goes on with
// numbers that were not computed. Matrices are in column-major order, as LAPACK takes them; a
// row-major one is its transpose. All run on the calling thread.

namespace latetime::lapack {

/// Singular values of the rows × columns matrix `a`, descending (dgesdd; dgesvd where that does not
/// converge). All entries must be finite.
Vector singular_values(const double* a, Eigen::Index rows, Eigen::Index columns);

/// Householder QR (dgeqrf) in place: R on and above the diagonal, the reflectors below it. Returns
/// their factors. rows ≥ columns.
Vector factor_qr(double* a, Eigen::Index rows, Eigen::Index columns);

/// c ← Qᵀ c for c of rows × count (dormqr).
void apply_transposed_q(const double* reflectors, Eigen::Index rows, Eigen::Index columns,
                        const Vector& factors, double* c, Eigen::Index count);

/// The reflectors become the first `columns` columns of Q (dorgqr).
void form_q(double* reflectors, Eigen::Index rows, Eigen::Index columns, const Vector& factors);

/// Whether a symmetric matrix, given by its lower triangle, is positive definite (dpotrf, which
/// overwrites it).
bool is_positive_definite(double* a, Eigen::Index size);

/// Throws for an `info` other than 0, as above. Exposed for its test.
void require_success(int info, const char* routine);

}  // namespace latetime::lapack
