#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "latetime/dynamics/limit.hpp"
#include "latetime/optimize/max_margin.hpp"

namespace latetime {

/// Whether the points where a network is zero are a hyperplane, with the two classes on its sides.
enum class Boundary : std::uint8_t { linear, not_linear, undecided };

template <>
struct ChoiceTable<Boundary> {
  static constexpr std::array<ChoiceWord<Boundary>, 3> words{{{Boundary::linear, "linear"},
                                                              {Boundary::not_linear, "not-linear"},
                                                              {Boundary::undecided, "undecided"}}};
};

/// A limit network f beside the linear classifier of largest margin, w_svm: what Frei, Vardi,
/// Bartlett and Srebro ask ("Implicit Bias in Leaky ReLU Networks Trained on High-Dimensional
/// Data", 2022).
///
/// Since σ(z) = (1+γ)/2 · z + (1−γ)/2 · |z|, a network without biases is the sum of
///   an odd part, which is linear: f_odd(x) = ⟨u, x⟩ with u = (1+γ)/(2m) Σ_k j_k v_k, and
///   an even part f_even(x) = (1−γ)/(2m) Σ_k j_k |⟨v_k, x⟩|.
///
/// `boundary` is decided by proofs, up to the accuracy of the limit itself:
/// * linear for γ > 0 when the neurons of each class are nonnegative multiples of one vector, v_+
///   and v_−: with A, B the sums of these multiples, f(x) = (1/m)[σ(⟨A v_+, x⟩) − σ(⟨B v_−, x⟩)],
///   and σ is strictly increasing, so the sign of f(x) is that of ⟨A v_+ − B v_−, x⟩, that is, of
///   ⟨u, x⟩. The even part need not vanish for that. With γ = 0 the same holds when besides v_− is
///   a negative multiple of v_+ (else f is zero on a cone); with γ = 1 there is no even part.
/// * not linear when some x with ⟨u, x⟩ = 0 has f(x) ≠ 0: there f(x) = f_even(x) = f(−x), and x and
///   −x, which any hyperplane through the origin separates, are put into the same class. Tried are
///   all samples and all neurons, projected onto the complement of u.
/// * undecided otherwise.
struct LinearComparison {
  MaxMarginResult svm;              ///< through the origin, like the network
  std::string svm_problem;          ///< why there is no answer on the SVM; else empty
  Eigen::Index common_support = 0;  ///< samples that support both

  double cosine = 0.0;  ///< of the angle between w_svm and u; NaN unless separable
  double angle = 0.0;   ///< that angle in radians, with its digits however small
  double odd_margin =
      0.0;  ///< min_i y_i ⟨u, x_i⟩ / ‖u‖: at most svm.margin, < 0: u errs on a sample
  double even_part = 0.0;  ///< over the training samples, √(Σ f_even² / Σ f²)
  /// Largest |f(x)| / ((1/m) Σ_k |σ(⟨v_k, x⟩)|) of the x tried with ⟨u, x⟩ = 0.
  double even_on_boundary = 0.0;
  /// Largest ‖v_k − c_k e‖ / max_k ‖v_k‖ within a class, e the direction of the class's sum, c_k =
  /// max(0, ⟨v_k, e⟩): 0 when its neurons are nonnegative multiples of one vector.
  double spread = 0.0;
  Boundary boundary = Boundary::undecided;
};

/// Compares a limit that was found (its coefficients are needed) on samples with that Gram matrix,
/// n × n.
LinearComparison compare_with_linear(const Limit& limit, const Matrix& gram,
                                     const std::vector<int>& classes, const NetworkShape& shape);

}  // namespace latetime
