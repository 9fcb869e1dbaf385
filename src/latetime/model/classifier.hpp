#pragma once

#include <array>
#include <cstdint>

#include "latetime/base/choice.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// How hidden neurons become K class outputs F_k; the loss is the softmax cross-entropy over them.
enum class Head {
  groups,  ///< K groups of m neurons, second layer fixed: F_k = c Σ_r σ(⟨w_{k,r}, x⟩). With K = 2
           ///< and c = 1/m this is the paper's model (3.1) with f = F_0 − F_1
  trained,  ///< m neurons and a trained linear layer: F_k = c Σ_r a_{k,r} σ(⟨w_r, x⟩) + b_k
};

template <>
struct ChoiceTable<Head> {
  static constexpr std::array<ChoiceWord<Head>, 2> words{
      {{Head::groups, "groups"}, {Head::trained, "trained"}}};
};

/// The factor c before the sum of neurons, in words.
enum class OutputScale {
  automatic,  ///< that of the head: 1/m for `groups`, 1 for `trained`
  one_over_width,
  one_over_root_width,
  one
};

template <>
struct ChoiceTable<OutputScale> {
  static constexpr std::array<ChoiceWord<OutputScale>, 4> words{
      {{OutputScale::automatic, "auto"},
       {OutputScale::one_over_width, "1/m"},
       {OutputScale::one_over_root_width, "1/sqrt(m)"},
       {OutputScale::one, "1"}}};
};

/// c for m neurons. What is `automatic` is that of the head.
double output_factor(OutputScale scale, Head head, Eigen::Index width);

/// The scale that stands in for `automatic` with that head, others as they are.
OutputScale settled(OutputScale scale, Head head);

struct ClassifierShape {
  Head head = Head::groups;
  int classes = 2;            ///< K
  Eigen::Index width = 1;     ///< m, neurons of a group; of the one hidden layer for `trained`
  Eigen::Index dim = 1;       ///< d
  double slope = 0.0;         ///< γ in [0, 1]
  double smoothing = 0.0;     ///< h, of the smoothed leaky ReLU; 0: the kink
  double output_scale = 1.0;  ///< c

  Eigen::Index groups() const { return head == Head::groups ? classes : 1; }
  Eigen::Index neurons() const { return groups() * width; }
};

/// A network for K classes. Row k·m + r of `weights` is neuron r of group k.
struct Classifier {
  ClassifierShape shape;
  Matrix weights;         ///< neurons × d
  Matrix output_weights;  ///< a, K × m; `trained` alone
  Vector output_bias;     ///< b, K; `trained` alone
};

/// Hidden weights N(0, init_std²), the numbers of gaussian_network; a trained output layer uniform
/// in ±1/√m, weights and biases, as is usual for linear layers.
Classifier random_classifier(const ClassifierShape& shape, double init_std, std::uint64_t seed);

}  // namespace latetime
