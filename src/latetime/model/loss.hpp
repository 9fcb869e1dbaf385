#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "latetime/base/choice.hpp"
#include "latetime/base/log_domain.hpp"
#include "latetime/data/dataset.hpp"

namespace latetime {

/// A loss ℓ as a function of a sample's margin u, decreasing and positive. Of K classes u is
/// F_c − log Σ_{k≠c} exp F_k, which makes the logistic loss the softmax cross-entropy and the
/// exponential loss Σ_{k≠c} exp(F_k − F_c).
struct Loss {
  std::string_view name;
  double (*log_value)(double u);       ///< log ℓ(u), finite however small ℓ is
  double (*multiplier)(double u);      ///< g = −ℓ'(u) > 0
  double (*log_multiplier)(double u);  ///< log g(u), finite for every finite u
  /// b of the losses ℓ_b(u) = log(1 + b e^{−u})/b (b = 0: e^{−u}), whose multipliers 1/(b + e^u)
  /// have g' = −g (1 − b g) and g'' = g (1 − b g)(1 − 2 b g): all that looks further ahead than one
  /// step needs of a loss. Each has the tail of e^{−u}, log ℓ = −u + o(1), so that the limit in log
  /// time solves the same problem. Empty: a loss of another kind.
  std::optional<double> saturation = {};

  friend bool operator==(const Loss&, const Loss&) = default;
};

/// What configurations call a loss.
enum class LossName { logistic, exponential };

template <>
struct ChoiceTable<LossName> {
  static constexpr std::array<ChoiceWord<LossName>, 2> words{
      {{LossName::logistic, "logistic"}, {LossName::exponential, "exponential"}}};
};

/// ℓ(u) = log(1 + e^{−u}), the paper's.
inline constexpr Loss logistic{text_of(LossName::logistic), log_logistic_loss, multiplier,
                               log_multiplier, 1.0};

/// ℓ(u) = e^{−u}, that of Lyu & Li 2020. Its multipliers are the loss itself, without bound at
/// negative margins: a descent whose steps are too long for them may leave the numbers.
inline constexpr Loss exponential{text_of(LossName::exponential), log_exponential_loss,
                                  exponential_loss, log_exponential_loss, 0.0};

const Loss& loss_named(LossName name);

/// Steps of any loss are taken by the dense and the coefficient engine and in mini-batches; all
/// that looks further ahead knows those that have a name. Throws std::invalid_argument, naming
/// `who`, for others.
void require_named(const Loss& loss, const std::string& who);

/// −g'(u) = ℓ''(u) = g (1 − b g) of a named loss, from its multipliers g; n entries.
Vector curvatures(const Vector& multipliers, const Loss& loss);

/// Margins u_i = F_c(x_i) − max_{k≠c} F_k(x_i), c the class of sample i; with two classes this is
/// y_i f(x_i). `outputs` is n × K; the result has n entries.
Vector margins(const Matrix& outputs, std::span<const int> classes);

/// Negative derivatives of the sample losses by the group outputs, n × K; of the logistic loss
/// 1[c_i = k] − softmax_k(F(x_i)). With two classes the own entry is the multiplier g_i and the
/// other one −g_i, computed without cancellation. Writes into `pulls` (n × K) and allocates
/// nothing.
void loss_pulls(Eigen::Ref<const Matrix> outputs, std::span<const int> classes,
                Eigen::Ref<Matrix> pulls, const Loss& loss = logistic);

/// The same, divided by the largest multiplier of all samples and computed from logarithms: the
/// direction of −∇L survives when every multiplier underflows.
Matrix relative_loss_pulls(const Matrix& outputs, std::span<const int> classes,
                           const Loss& loss = logistic);

/// log of each sample's loss, n entries: log ℓ(u_i). Finite however small the loss is.
Vector log_sample_losses(const Matrix& outputs, std::span<const int> classes,
                         const Loss& loss = logistic);

/// log L, L the mean of the sample losses.
double log_mean_loss(const Matrix& outputs, std::span<const int> classes,
                     const Loss& loss = logistic);

// The same from margins y_i f(x_i) of two classes, n entries.
double log_mean_loss(const Vector& margins, const Loss& loss = logistic);
Vector multipliers(const Vector& margins, const Loss& loss = logistic);  ///< g_i

}  // namespace latetime
