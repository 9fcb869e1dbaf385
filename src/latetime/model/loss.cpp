#include "latetime/model/loss.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace latetime {
namespace {

/// log Σ_{k≠own} exp F_k; with two classes simply the other output.
double log_others(const Eigen::Ref<const Matrix>& outputs, Eigen::Index i, int own) {
  if (outputs.cols() == 2) return outputs(i, 1 - own);
  double top = -std::numeric_limits<double>::infinity();
  for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
    if (k != own) top = std::fmax(top, outputs(i, k));
  }
  double sum = 0.0;
  for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
    if (k != own) sum += std::exp(outputs(i, k) - top);
  }
  return top + std::log(sum);
}

/// The u for which the sample's loss is ℓ(u).
double loss_margin(const Eigen::Ref<const Matrix>& outputs, Eigen::Index i, int own) {
  return outputs(i, own) - log_others(outputs, i, own);
}

/// log of the mean of the exponentials.
double log_mean(const Vector& logs) {
  return log_sum_exp({logs.data(), static_cast<std::size_t>(logs.size())}) -
         std::log(static_cast<double>(logs.size()));
}

}  // namespace

const Loss& loss_named(LossName name) {
  return name == LossName::exponential ? exponential : logistic;
}

void require_named(const Loss& loss, const std::string& who) {
  if (loss == logistic || loss == exponential) return;
  throw std::invalid_argument(who + ": of the logistic or the exponential loss, not of the " +
                              std::string(loss.name));
}

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
                Eigen::Ref<Matrix> pulls, const Loss& loss) {
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    const double others = log_others(outputs, i, own);
    const double g = loss.multiplier(outputs(i, own) - others);
    if (outputs.cols() == 2) {
      pulls(i, own) = g;
      pulls(i, 1 - own) = -g;
      continue;
    }
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
      pulls(i, k) = k == own ? g : -g * std::exp(outputs(i, k) - others);
    }
  }
}

Matrix relative_loss_pulls(const Matrix& outputs, std::span<const int> classes, const Loss& loss) {
  Vector log_multipliers(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    log_multipliers[i] =
        loss.log_multiplier(loss_margin(outputs, i, classes[static_cast<std::size_t>(i)]));
  }
  const double top = log_multipliers.maxCoeff();
  Matrix pulls(outputs.rows(), outputs.cols());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    const double g = std::exp(log_multipliers[i] - top);
    const double others = log_others(outputs, i, own);
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {
      pulls(i, k) = k == own ? g : -g * std::exp(outputs(i, k) - others);
    }
  }
  return pulls;
}

Vector log_sample_losses(const Matrix& outputs, std::span<const int> classes, const Loss& loss) {
  Vector result(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    result[i] = loss.log_value(loss_margin(outputs, i, classes[static_cast<std::size_t>(i)]));
  }
  return result;
}

double log_mean_loss(const Matrix& outputs, std::span<const int> classes, const Loss& loss) {
  return log_mean(log_sample_losses(outputs, classes, loss));
}

double log_mean_loss(const Vector& margins, const Loss& loss) {
  return log_mean(margins.unaryExpr([&loss](double u) { return loss.log_value(u); }));
}

Vector multipliers(const Vector& margins, const Loss& loss) {
  return margins.unaryExpr([&loss](double u) { return loss.multiplier(u); });
}

Vector curvatures(const Vector& multipliers, const Loss& loss) {
  return multipliers.cwiseProduct((1.0 - *loss.saturation * multipliers.array()).matrix());
}

}  // namespace latetime
