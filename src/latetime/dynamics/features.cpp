#include "latetime/dynamics/features.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/QR>
#include <Eigen/SVD>

namespace latetime {
namespace {

// Sums of samples below this part of their terms are zero, and so are singular values of features.
constexpr double rounding_of_pushes = 1e-13;

// A ray found from a kernel is an exact one to this part of it.
constexpr double rounding_of_rays = 1e-6;

/// Groups of neurons that feel the same, one of each.
std::vector<Eigen::Index> different_neurons(const FlowProblem& problem,
                                            const std::vector<NeuronMode>& modes) {
  std::vector<Eigen::Index> result;
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
    const bool known = std::any_of(result.begin(), result.end(), [&](Eigen::Index other) {
      const NeuronMode& seen = modes[static_cast<std::size_t>(other)];
      return problem.group_of(other) == problem.group_of(k) && seen.is_like(mode);
    });
    if (!known) result.push_back(k);
  }
  return result;
}

}  // namespace

Vector pushes(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
              const Vector& lambda) {
  const Vector lengths = problem.x.rowwise().norm();
  Vector result(problem.neurons());
  for (Eigen::Index k = 0; k < result.size(); ++k) {
    const int group = problem.group_of(k);
    const Vector moved = signed_multipliers(problem, group, modes[static_cast<std::size_t>(k)],
                                            problem.rivals.felt(group, lambda));
    result[k] = (problem.x.transpose() * moved).norm();
    if (result[k] <= rounding_of_pushes * moved.cwiseAbs().dot(lengths)) result[k] = 0.0;
  }
  return result;
}

bool moves_no_weights(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
                      const Vector& ray) {
  std::vector<Eigen::Index> support;
  for (Eigen::Index i = 0; i < ray.size(); ++i) {
    if (ray[i] > rounding_of_rays * ray.maxCoeff()) support.push_back(i);
  }
  if (support.empty()) return false;  // multipliers that underflowed, or are not finite
  const std::vector<Eigen::Index> neurons = different_neurons(problem, modes);
  const Eigen::Index d = problem.x.cols();
  Eigen::MatrixXd features(d * static_cast<Eigen::Index>(neurons.size()),
                           static_cast<Eigen::Index>(support.size()));
  for (std::size_t k = 0; k < neurons.size(); ++k) {
    const Eigen::Index neuron = neurons[k];
    for (std::size_t s = 0; s < support.size(); ++s) {
      const Vector one = Vector::Unit(ray.size(), support[s]);
      features.block(d * static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(s), d, 1) =
          problem.x.transpose() *
          signed_multipliers(problem, problem.group_of(neuron),
                             modes[static_cast<std::size_t>(neuron)],
                             problem.rivals.felt(problem.group_of(neuron), one));
    }
  }
  Vector sizes = features.colwise().norm();
  sizes = (sizes.array() > 0.0).select(sizes, 1.0);
  features = features * sizes.cwiseInverse().asDiagonal();
  const Vector wanted = (ray(support).cwiseProduct(sizes)).normalized();
  if (features.rows() > features.cols()) {  // the same dependences in fewer rows
    const Eigen::HouseholderQR<Eigen::MatrixXd> factors(features);
    features =
        Eigen::MatrixXd(factors.matrixQR().topRows(features.cols()).triangularView<Eigen::Upper>());
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(features, Eigen::ComputeFullV);
  const auto& values = svd.singularValues();
  Vector left = wanted;  // beyond the exact dependences
  for (Eigen::Index j = 0; j < features.cols(); ++j) {
    const bool depends = j >= values.size() || values[j] <= rounding_of_pushes * values[0];
    if (depends) left -= svd.matrixV().col(j) * svd.matrixV().col(j).dot(wanted);
  }
  return left.norm() <= rounding_of_rays;
}

}  // namespace latetime
