#pragma once

#include <span>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Margins u_i = F_c(x_i) − max_{k≠c} F_k(x_i), c the class of sample i; with two classes this is
/// y_i f(x_i). `outputs` is n × K; the result has n entries.
Vector margins(const Matrix& outputs, std::span<const int> classes);

/// Negative derivatives of the sample losses by the group outputs, n × K:
/// 1[c_i = k] − softmax_k(F(x_i)). With two classes the own entry is g_i = 1/(1 + e^{u_i}) and the
/// other one −g_i, computed without cancellation. Writes into `pulls` (n × K) and allocates
/// nothing.
void loss_pulls(Eigen::Ref<const Matrix> outputs, std::span<const int> classes,
                Eigen::Ref<Matrix> pulls);

/// The same, divided by the largest multiplier 1 − softmax_{c_i}(F(x_i)) of all samples and
/// computed from logarithms: the direction of −∇L survives when every multiplier underflows.
Matrix relative_loss_pulls(const Matrix& outputs, std::span<const int> classes);

/// log of each sample's loss, n entries: log ℓ(u_i) with ℓ(u) = log(1 + e^{−u}); for K classes the
/// softmax cross-entropy. Finite however small the loss is.
Vector log_sample_losses(const Matrix& outputs, std::span<const int> classes);

/// log L, L the mean of the sample losses.
double log_mean_loss(const Matrix& outputs, std::span<const int> classes);

// The same from margins y_i f(x_i) of two classes, n entries.
double log_mean_loss(const Vector& margins);
Vector multipliers(const Vector& margins);  ///< g_i = 1/(1 + e^{u_i})

}  // namespace latetime
