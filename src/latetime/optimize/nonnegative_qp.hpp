#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/optimize/certificate.hpp"

namespace latetime {

struct NonnegativeQpResult {
  Vector x;         ///< where `ray` is set, the feasible point reached when the ray was found
  Vector gradient;  ///< Kx − b
  std::vector<bool> support;  ///< x_i > 0
  QpCertificate certificate;
  int iterations = 0;
  bool solved = false;        ///< a minimiser was found, no part of its certificate > 1e-10
  std::optional<Vector> ray;  ///< proof that there is none; largest entry 1
};

/// minimise ½ xᵀKx − bᵀx  subject to  x ≥ 0.
///
/// Shapes: k n × n, symmetric positive semidefinite (only its lower triangle is read), b n.
/// Unbounded below exactly if some r ≥ 0 has Kr = 0 and bᵀr > 0; then `ray` is such an r, with
/// |Kr|_i ≤ 1e-10 √K_ii Σ_l √K_ll r_l, and `solved` is false. For K the Gram matrix of vectors
/// y_i x_i and b = 1, it proves that no w has y_i⟨w, x_i⟩ > 0 for all i (Gordan's theorem).
/// Rounding cannot tell a margin below about 1e-6 of the samples' norms from none. With neither
/// `solved` nor `ray` the question stays open.
/// `start`, empty or n flags of a neighbouring support, saves work.
/// Throws InputError for wrong shapes, entries that are not finite or a negative diagonal entry.
/// Method: active sets (Lawson & Hanson 1974, chapter 23), see `ActiveSet`.
NonnegativeQpResult solve_nonnegative_qp(const Eigen::Ref<const Eigen::MatrixXd>& k,
                                         const Eigen::Ref<const Vector>& b,
                                         const std::vector<bool>& start = {});

/// The x near `start` (n, ≥ 0) with (K x)_i = 1 wherever start_i > `nothing`, 0 elsewhere: of the
/// minimisers for b = 1, where they are many, the one nearby, if `start` is nearly one of them.
/// Empty where an entry is not positive. `product`, if any, gives K x (n) of an x with fewer
/// roundings than K itself does.
Vector nearby_solution(const Eigen::MatrixXd& k, const Vector& start, double nothing,
                       const std::function<Vector(const Vector&)>& product = {});

}  // namespace latetime
