#pragma once

#include <array>
#include <vector>

#include "latetime/model/network.hpp"

namespace latetime {

/// How far the hidden layer has collapsed to its class means (Papyan, Han, Donoho, arXiv
/// 2008.08186). The features of a sample are h_i = σ(z_{·,i}), one for each of the Km neurons, μ_c
/// their mean over class c, μ_G over all samples. No number depends on the scale of the weights.
struct ClassCollapse {
  /// Within-class variability, Σ_i ‖h_i − μ_{c_i}‖² / Σ_i ‖μ_{c_i} − μ_G‖²: 0 where every sample of
  /// a class has the same features.
  double within = 0.0;
  /// Smallest and largest cosine of two class means, μ_c − μ̄ and μ_{c'} − μ̄, μ̄ the mean of the
  /// class means: both are −1/(K−1) where they form a regular simplex.
  double cosine_min = 0.0, cosine_max = 0.0;
  /// Smallest cosine of μ_c − μ̄ and what the second layer asks for, 1_c − 1/K (1_c: 1 for the
  /// neurons of group c): 1 where class means and second layer are dual to each other.
  double duality_min = 0.0;
};

/// Its numbers by the names of their columns, in the order of the file.
struct CollapseMeasure {
  const char* name;
  double ClassCollapse::*value;
};
inline constexpr std::array<CollapseMeasure, 4> collapse_measures{
    {{"within_class", &ClassCollapse::within},
     {"class_cosine_min", &ClassCollapse::cosine_min},
     {"class_cosine_max", &ClassCollapse::cosine_max},
     {"class_duality_min", &ClassCollapse::duality_min}}};

/// From pre-activations, neurons × n, of K ≥ 2 classes. NaN where class means do not differ;
/// classes without samples count for nothing.
ClassCollapse class_collapse(const Matrix& preactivations, const NetworkShape& shape,
                             const std::vector<int>& classes);

}  // namespace latetime
