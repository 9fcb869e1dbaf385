#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "latetime/base/choice.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/optimize/certificate.hpp"

namespace latetime {

enum class Separability : std::uint8_t { separable, not_separable, undecided };

template <>
struct ChoiceTable<Separability> {
  static constexpr std::array<ChoiceWord<Separability>, 3> words{
      {{Separability::separable, "separable"},
       {Separability::not_separable, "not-separable"},
       {Separability::undecided, "undecided"}}};
};

struct MaxMarginResult {
  Separability verdict = Separability::undecided;
  /// λ ≥ 0 of  w = Σ λ_i y_i x_i,  the least-norm w with y_i⟨w, x_i⟩ ≥ 1. Empty unless separable.
  Vector multipliers;
  double margin = 0.0;  ///< 1/‖w‖: the least distance from the hyperplane; 0 unless separable
  Vector margins;       ///< y_i⟨w, x_i⟩, all ≥ 1 up to rounding. Empty unless separable.
  std::vector<bool> support;  ///< λ_i > 0
  QpCertificate certificate;  ///< of the dual problem
  std::optional<Vector> ray;  ///< r ≥ 0, r ≠ 0, with Σ r_i y_i x_i = 0, if not separable
};

/// Hard-margin linear support vector machine through the origin, from inner products alone.
///
/// Shapes: gram n × n, G_il = ⟨x_i, x_l⟩; labels n entries ±1. Solves the dual
/// min ½ λᵀQλ − Σλ_i, λ ≥ 0, Q_il = y_i y_l G_il, by `solve_nonnegative_qp`; its gradient + 1 are
/// the margins. `start`: the support of a neighbouring problem, or empty.
/// Throws InputError for wrong shapes, entries that are not finite, or a label that is not ±1.
/// Source: Cortes & Vapnik 1995; the ray is Gordan's theorem.
MaxMarginResult solve_max_margin(const Eigen::Ref<const Eigen::MatrixXd>& gram,
                                 const Eigen::Ref<const Vector>& labels,
                                 const std::vector<bool>& start = {});

}  // namespace latetime
