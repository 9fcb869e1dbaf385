#include "latetime/measure/measures.hpp"

#include <cmath>
#include <limits>

#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

Vector row_norms(const Matrix& a) {
  Vector norms(a.rows());
  for (Eigen::Index k = 0; k < norms.size(); ++k) norms[k] = a.row(k).stableNorm();
  return norms;
}

std::vector<BorderedSpectrum> spectra_of(const Matrix& outside, const NetworkShape& shape) {
  std::vector<BorderedSpectrum> spectra;
  for (Eigen::Index group = 0; group < shape.groups; ++group) {
    spectra.emplace_back(outside.middleRows(group * shape.width, shape.width));
  }
  spectra.emplace_back(outside);
  return spectra;
}

}  // namespace

Measurer::Measurer(const Dataset& data, const Network& initial, const Loss& loss)
    : data_(data),
      shape_(initial.shape),
      loss_(loss),
      space_(initial.weights, data.x),
      outside_norms_(row_norms(space_.outside())),
      rivals_(data.classes, shape_.groups),
      spectra_(spectra_of(space_.outside(), shape_)),
      squared_norms_(data.x.rowwise().squaredNorm()) {}

Matrix Measurer::inside(const TrainingState& state) const {
  return state.weights.size() ? space_.inside_of_weights(state.weights)
                              : space_.inside_of_coefficients(state.coefficients);
}

std::vector<StableRank> Measurer::stable_ranks(const Matrix& inside) const {
  std::vector<StableRank> ranks;
  for (std::size_t part = 0; part < spectra_.size(); ++part) {
    ranks.push_back(spectra_[part].stable_rank(part_of(inside, part)));
  }
  return ranks;
}

std::vector<StableRank> Measurer::stable_ranks(const TrainingState& state,
                                               const Matrix& inside) const {
  std::vector<StableRank> ranks = stable_ranks(inside);
  for (std::size_t group = 0; group < state.only_hops.size(); ++group) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    if (state.only_hops[group]) ranks[group] = {none, none};
  }
  return ranks;
}

Matrix Measurer::outputs(const TrainingState& state) const {
  Matrix outputs = group_outputs(state.preactivations, shape_);
  if (state.margin_offset.size() > 0 && !rivals_.two_classes()) {
    return outputs + rivals_.outputs(state.margin_offset);
  }
  for (Eigen::Index i = 0; i < state.margin_offset.size(); ++i) {
    outputs(i, data_.classes[static_cast<std::size_t>(i)]) += state.margin_offset[i];
  }
  return outputs;
}

double Measurer::log_loss(const TrainingState& state) const {
  return log_mean_loss(outputs(state), data_.classes, loss_);
}

Measures Measurer::measure(const TrainingState& state, const Matrix& inside) const {
  Measures result;
  const Matrix outputs = this->outputs(state);
  result.log_loss = log_mean_loss(outputs, data_.classes, loss_);
  result.min_margin = margins(outputs, data_.classes).minCoeff();
  measure_norms(inside, result);
  result.normalized_margin = result.min_margin / result.norm_w;
  result.stable_ranks = stable_ranks(state, inside);
  result.kkt = kkt_residual(shape_, inside, space_.samples(), outside_norms_.stableNorm(),
                            state.preactivations, outputs, data_.classes, &state.slopes, loss_);
  measure_patterns(state, result);
  if (shape_.groups > 2) {
    result.collapse = class_collapse(state.preactivations, shape_, data_.classes);
  }
  return result;
}

Spectra Measurer::spectra(const Matrix& inside) const {
  Spectra result;
  for (std::size_t part = 0; part < spectra_.size(); ++part) {
    result.push_back(spectra_[part].singular_values(part_of(inside, part)));
  }
  return result;
}

Eigen::Ref<const Matrix> Measurer::part_of(const Matrix& inside, std::size_t part) const {
  if (part + 1 == spectra_.size()) return inside;
  return inside.middleRows(static_cast<Eigen::Index>(part) * shape_.width, shape_.width);
}

void Measurer::measure_norms(const Matrix& inside, Measures& result) const {
  Vector norms = row_norms(inside);  // squares of large weights would overflow
  for (Eigen::Index k = 0; k < norms.size(); ++k) {
    norms[k] = std::hypot(norms[k], outside_norms_[k]);
  }
  result.norm_w = norms.stableNorm();
  result.neuron_norm_min = norms.minCoeff();
  result.neuron_norm_mean = norms.mean();
  result.neuron_norm_max = norms.maxCoeff();
}

void Measurer::measure_patterns(const TrainingState& state, Measures& result) const {
  const Eigen::Index n = data_.size(), m = shape_.width, others = m * (shape_.groups - 1);
  result.active_own = Eigen::VectorXi::Zero(n);
  result.rho_own_mean = result.rho_other_mean = Vector::Zero(n);
  for (Eigen::Index k = 0; k < state.preactivations.rows(); ++k) {
    bool alive = false;
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool active = state.preactivations(k, i) >= 0.0;
      const bool own = of_class(data_.classes, shape_.group_of(k), i);
      const double rho = state.coefficients(k, i) * squared_norms_[i];
      alive = alive || active;
      if (own && active) ++result.active_own[i];
      (own ? result.rho_own_mean : result.rho_other_mean)[i] +=
          rho / static_cast<double>(own ? m : others);
    }
    if (!alive) ++result.dead_neurons;
  }
}

Matrix data_correlated_coefficients(const Matrix& coefficients, const Eigen::Ref<const Matrix>& x) {
  return coefficients * x.rowwise().squaredNorm().asDiagonal();
}

}  // namespace latetime
