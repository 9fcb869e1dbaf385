#include "latetime/measure/measures.hpp"

#include "latetime/model/loss.hpp"

namespace latetime {

Measurer::Measurer(const Dataset& data, const Network& initial)
    : data_(data),
      shape_(initial.shape),
      space_(initial.weights, data.x),
      squared_norms_(data.x.rowwise().squaredNorm()) {}

Measures Measurer::measure(const TrainingState& state) const {
  Measures result;
  const Matrix outputs = group_outputs(state.preactivations, shape_);
  result.log_loss = log_mean_loss(outputs, data_.classes);
  result.min_margin = margins(outputs, data_.classes).minCoeff();
  result.norm_w = state.weights.stableNorm();  // squares of large weights would overflow
  result.normalized_margin = result.min_margin / result.norm_w;
  measure_spectrum(state.weights, result);
  Vector norms(state.weights.rows());
  for (Eigen::Index k = 0; k < norms.size(); ++k) norms[k] = state.weights.row(k).stableNorm();
  result.neuron_norm_min = norms.minCoeff();
  result.neuron_norm_mean = norms.mean();
  result.neuron_norm_max = norms.maxCoeff();
  result.kkt = kkt_residual({shape_, state.weights}, state.preactivations, data_.x, outputs,
                            data_.classes, &state.slopes);
  measure_patterns(state, result);
  return result;
}

void Measurer::measure_spectrum(const Matrix& weights, Measures& result) const {
  const Matrix coordinates = space_.coordinates(weights);
  const Eigen::Index m = shape_.width;
  result.singular_values = {singular_values(coordinates.topRows(m)),
                            singular_values(coordinates.bottomRows(m)),
                            singular_values(coordinates)};
  for (std::size_t part = 0; part < 3; ++part) {
    result.stable_ranks[part] = stable_rank(result.singular_values[part]);
  }
}

void Measurer::measure_patterns(const TrainingState& state, Measures& result) const {
  const Eigen::Index n = data_.size(), m = shape_.width;
  result.active_own = Eigen::VectorXi::Zero(n);
  result.rho_own_mean = result.rho_other_mean = Vector::Zero(n);
  for (Eigen::Index k = 0; k < state.preactivations.rows(); ++k) {
    bool alive = false;
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool active = state.preactivations(k, i) >= 0.0;
      const bool own = k / m == data_.classes[static_cast<std::size_t>(i)];
      const double rho = state.coefficients(k, i) * squared_norms_[i];
      alive = alive || active;
      if (own && active) ++result.active_own[i];
      (own ? result.rho_own_mean : result.rho_other_mean)[i] += rho / static_cast<double>(m);
    }
    if (!alive) ++result.dead_neurons;
  }
}

Matrix data_correlated_coefficients(const Matrix& coefficients, const Matrix& x) {
  return coefficients * x.rowwise().squaredNorm().asDiagonal();
}

}  // namespace latetime
