#include "latetime/model/loss.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "latetime/base/log_domain.hpp"

namespace latetime {
namespace {

/// Two classes: F_c − F_other. More: F_c − log Σ_{k≠c} exp F_k, the u for which the softmax
/// cross-entropy is log(1 + e^{−u}).
double loss_margin(Eigen::Ref<const Matrix> outputs, Eigen::Index i, int own) {
  if (outputs.cols() == 2) return outputs(i, own) - outputs(i, 1 - own);
  double top = -std::numeric_limits<double>::infinity();
  for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
    if (k != own) top = std::fmax(top, outputs(i, k));
  }
  double sum = 0.0;
  for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
    if (k != own) sum += std::exp(outputs(i, k) - top);
  }
  return outputs(i, own) - (top + std::log(sum));
}

}  // namespace

Vector margins(const Matrix& outputs, std::span<const int> classes) {
  Vector result(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    double best_other = -std::numeric_limits<double>::infinity();
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
      if (k != own) best_other = std::fmax(best_other, outputs(i, k));
    }
    result[i] = outputs(i, own) - best_other;
  }
  return result;
}

void loss_pulls(Eigen::Ref<const Matrix> outputs, std::span<const int> classes,
                Eigen::Ref<Matrix> pulls) {
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    const double u = loss_margin(outputs, i, own);
    const double g = multiplier(u);  // 1 − softmax of the own group
    if (outputs.cols() == 2) {
      pulls(i, own) = g;
      pulls(i, 1 - own) = -g;
      continue;
    }
    const double others = outputs(i, own) - u;  // log Σ_{k≠own} exp F_k
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
      pulls(i, k) = k == own ? g : -g * std::exp(outputs(i, k) - others);
    }
  }
}

Matrix relative_loss_pulls(const Matrix& outputs, std::span<const int> classes) {
  Vector log_multipliers(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    log_multipliers[i] =
        log_multiplier(loss_margin(outputs, i, classes[static_cast<std::size_t>(i)]));
  }
  const double top = log_multipliers.maxCoeff();
  Matrix pulls(outputs.rows(), outputs.cols());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    const double g = std::exp(log_multipliers[i] - top);
    const double others = outputs(i, own) - loss_margin(outputs, i, own);
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
      pulls(i, k) = k == own ? g : -g * std::exp(outputs(i, k) - others);
    }
  }
  return pulls;
}

Vector log_sample_losses(const Matrix& outputs, std::span<const int> classes) {
  Vector result(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    result[i] = log_logistic_loss(loss_margin(outputs, i, classes[static_cast<std::size_t>(i)]));
  }
  return result;
}

double log_mean_loss(const Matrix& outputs, std::span<const int> classes) {
  const Vector logs = log_sample_losses(outputs, classes);
  const std::span<const double> view(logs.data(), static_cast<std::size_t>(logs.size()));
  return log_sum_exp(view) - std::log(static_cast<double>(logs.size()));
}

}  // namespace latetime
