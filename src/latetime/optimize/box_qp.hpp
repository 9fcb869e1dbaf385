#pragma once

#include <span>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/optimize/certificate.hpp"

namespace latetime {

struct BoxQpResult {
  Vector x;
  Vector gradient;                ///< Ax − b
  std::vector<BoundState> state;  ///< `free` exactly where x_i is strictly within its bounds
  QpCertificate certificate;
  int iterations = 0;   ///< factorisations and exchanges made
  bool solved = false;  ///< the method ended by itself, and no part of the certificate is > 1e-10
};

/// minimise ½ xᵀAx − bᵀx  subject to  lower ≤ x ≤ upper.
///
/// Shapes: a n × n, symmetric positive semidefinite (only its lower triangle is read); b, lower and
/// upper n; lower ≤ upper, finite, possibly equal. Where A is singular the solution need not be
/// unique, but Ax and the objective are; A restricted to the free variables is never singular.
/// Entries may lie anywhere between about 1e-200 and 1e200, variable by variable.
/// `start`, empty or n states of a neighbouring solution, saves work; the set of free variables
/// that it leads to, hence x, is the same wherever the solution is unique and not degenerate.
/// Throws InputError for wrong shapes, entries that are not finite, a negative diagonal entry, or
/// lower > upper. Method: active sets, see `ActiveSet`.
BoxQpResult solve_box_qp(const Eigen::Ref<const Eigen::MatrixXd>& a,
                         const Eigen::Ref<const Vector>& b, const Eigen::Ref<const Vector>& lower,
                         const Eigen::Ref<const Vector>& upper,
                         std::span<const BoundState> start = {});

}  // namespace latetime
