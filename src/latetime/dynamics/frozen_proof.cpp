#include "latetime/dynamics/frozen_proof.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

constexpr double unit_roundoff = 0x1p-53;

// The rounding margin. Let U = 2⁻⁵³, γ-type bounds for sums of n terms in any order (BLAS), and for
// one neuron
//   scale = max_i |z_i| + 4 max|G| (Σ_l |c_l| + Σ_l after_l).
// The intermediate states are those of the computed s, which only grow (rounding is monotone), so
// s itself carries no error here. What does, as bounds on the sum of all errors of one comparison:
//   C from its booked parts                  6 U (|c_l| + after_l) each  ≤ 2 U scale
//   Z = Z(0) + C G                           (n + 2) U (|z(0)| + Σ|c||G|) ≤ (n + 2) U scale
//   rise and fall, Δ and A included          (n + 5) U max|G| Σ after    ≤ (n + 5) U scale
//   z − fall, z + rise                       2 U scale
//   the same C and Z at the block's end      (n + 5) U scale
// together e ≤ (3n + 24) U scale: the sign of the computed Z is right before and after, and exact
// arithmetic has it in between. A single step must pass with margin M = 4e. Over a block the scale
// grows to at most 9/4 of its start's with the block's `after`, so 4M − 2e ≥ 9/4 M: what passes as
// a block with 4M passes step by step with M.
double rounding_margin(Eigen::Index n, double scale, bool single_step) {
  const double step_margin = 4.0 * (3.0 * static_cast<double>(n) + 24.0) * unit_roundoff * scale;
  // The last term stands for underflow, 2⁻¹⁰⁷⁴ a product.
  return (single_step ? step_margin : 4.0 * step_margin) + std::numeric_limits<double>::min();
}

Matrix with_labels(const CoefficientEngine& base) {
  Matrix result = base.gram();
  for (Eigen::Index l = 0; l < result.rows(); ++l) {
    if (base.classes()[static_cast<std::size_t>(l)] == 1) result.row(l) *= -1.0;
  }
  return result;
}

}  // namespace

FrozenProof::FrozenProof(const CoefficientEngine& base)
    : shape_(base.shape()),
      signed_gram_(with_labels(base)),
      largest_gram_(signed_gram_.cwiseAbs().maxCoeff()),
      derivatives_(shape_.neurons(), signed_gram_.rows()) {
  for (Eigen::Index i = 0; i < signed_gram_.cols(); ++i) {
    moves_.push_back((signed_gram_.col(i).array() != 0.0).any());
  }
}

void FrozenProof::take_pattern(const PairBits& pattern) {
  pattern_ = pattern;
  for (Eigen::Index k = 0; k < derivatives_.rows(); ++k) {
    for (Eigen::Index i = 0; i < derivatives_.cols(); ++i) {
      derivatives_(k, i) = pattern_.test(k, i) ? 1.0 : shape_.slope;
    }
  }
}

double FrozenProof::provable_share(const Start& start, std::span<const double> before,
                                   std::span<const double> after, bool single_step) {
  const Eigen::Index n = signed_gram_.rows();
  const Eigen::Map<const Vector> from(before.data(), n), to(after.data(), n);
  const Vector growth = to - from;
  up_ = growth.asDiagonal() * signed_gram_.cwiseMax(0.0);
  down_ = growth.asDiagonal() * (-signed_gram_).cwiseMax(0.0);
  rise_ = fall_ = Matrix::Zero(derivatives_.rows(), n);
  add_product(derivatives_, up_, rise_);
  add_product(derivatives_, down_, fall_);
  double share = 1.0;
  for (Eigen::Index k = 0; k < derivatives_.rows(); ++k) {
    const auto z = start.preactivations.row(k);
    const double scale =
        z.cwiseAbs().maxCoeff() +
        4.0 * largest_gram_ * (start.coefficients.row(k).cwiseAbs().sum() + to.sum());
    const double margin = rounding_margin(n, scale, single_step);
    const bool first_group = k < shape_.width;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!moves_[static_cast<std::size_t>(i)]) continue;
      const bool active = pattern_.test(k, i);
      // Group 0 moves along +, group 1 along −; only the way towards zero matters.
      const double towards = active == first_group ? fall_(k, i) : rise_(k, i);
      const double room = (active ? z[i] : -z[i]) - margin;
      if (towards <= room) continue;  // false for NaN, too
      const double provable = room / towards;
      share = provable > 0.0 ? std::min({share, provable, std::nextafter(1.0, 0.0)}) : 0.0;
      if (share == 0.0) return 0.0;
    }
  }
  return share;
}

}  // namespace latetime
