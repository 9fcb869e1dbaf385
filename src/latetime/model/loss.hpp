#pragma once

#include <span>
#include <string>
#include <string_view>

#include "latetime/base/log_domain.hpp"
#include "latetime/data/dataset.hpp"

namespace latetime {

/// A loss ℓ as a function of a sample's margin u, decreasing and positive. Of K classes u is
/// F_c − log Σ_{k≠c} exp F_k, which makes the logistic loss the softmax cross-entropy.
struct Loss {
  std::string_view name;
  double (*log_value)(double u);   ///< log ℓ(u), finite however small ℓ is
  double (*multiplier)(double u);  ///< g = −ℓ'(u) > 0

  friend bool operator==(const Loss&, const Loss&) = default;
};

/// ℓ(u) = log(1 + e^{−u}), the paper's. The dense and the coefficient engine take steps of any
/// loss; all that looks further ahead than one step, and what is measured, is for this one.
inline constexpr Loss logistic{"logistic", log_logistic_loss, multiplier};

/// Throws std::invalid_argument, naming `who`, for any other loss.
void require_logistic(const Loss& loss, const std::string& who);

/// Margins u_i = F_c(x_i) − max_{k≠c} F_k(x_i), c the class of sample i; with two classes this is
/// y_i f(x_i). `outputs` is n × K; the result has n entries.
Vector margins(const Matrix& outputs, std::span<const int> classes);

/// Negative derivatives of the sample losses by the group outputs, n × K; of the logistic loss
/// 1[c_i = k] − softmax_k(F(x_i)). With two classes the own entry is g_i (1/(1 + e^{u_i})) and the
/// other one −g_i, computed without cancellation. Writes into `pulls` (n × K) and allocates
/// nothing.
void loss_pulls(Eigen::Ref<const Matrix> outputs, std::span<const int> classes,
                Eigen::Ref<Matrix> pulls, const Loss& loss = logistic);

/// The same, divided by the largest multiplier 1 − softmax_{c_i}(F(x_i)) of all samples and
/// computed from logarithms: the direction of −∇L survives when every multiplier underflows.
Matrix relative_loss_pulls(const Matrix& outputs, std::span<const int> classes);

/// log of each sample's loss, n entries: log ℓ(u_i). Finite however small the loss is.
Vector log_sample_losses(const Matrix& outputs, std::span<const int> classes,
                         const Loss& loss = logistic);

/// log L, L the mean of the sample losses.
double log_mean_loss(const Matrix& outputs, std::span<const int> classes,
                     const Loss& loss = logistic);

// The same from margins y_i f(x_i) of two classes, n entries.
double log_mean_loss(const Vector& margins);
Vector multipliers(const Vector& margins);  ///< g_i = 1/(1 + e^{u_i})

}  // namespace latetime
