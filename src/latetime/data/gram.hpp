#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Gram matrix G = X Xᵀ, n × n, exactly symmetric.
Matrix gram_matrix(const Eigen::Ref<const Matrix>& x);

/// How nearly orthogonal the samples are, in the paper's terms (section 4).
struct OrthogonalityReport {
  double norm_min = 0.0;           ///< R_min = min ‖x_i‖
  double norm_max = 0.0;           ///< R_max = max ‖x_i‖
  double norm_ratio = 0.0;         ///< R = R_max / R_min (∞ when a sample is zero)
  double max_inner_product = 0.0;  ///< p = max_{i≠k} |⟨x_i, x_k⟩|; 0 for a single sample
  double np_over_norm2 = 0.0;      ///< n p / R_min²
  double min_eigenvalue = 0.0;     ///< smallest eigenvalue of G; 0 to rounding: dependent samples
};

/// Throws nothing; G is n × n with n ≥ 1.
OrthogonalityReport orthogonality(const Matrix& gram);

}  // namespace latetime
