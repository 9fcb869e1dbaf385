#include "latetime/model/tiled_weights.hpp"

#include <algorithm>
#include <cassert>

namespace latetime {

template <class Real>
TiledWeights<Real>::TiledWeights(std::size_t groups, std::size_t width, const Matrix& weights)
    : groups_(groups),
      width_(width),
      dim_(static_cast<std::size_t>(weights.cols())),
      tiles_per_group_((width + tile::width - 1) / tile::width),
      values_(tiles() * dim_ * tile::width, Real(0)) {
  assign(weights);
}

template <class Real>
std::size_t TiledWeights<Real>::first_neuron(std::size_t tile) const {
  return group_of(tile) * width_ + tile % tiles_per_group_ * tile::width;
}

template <class Real>
std::size_t TiledWeights<Real>::neurons(std::size_t tile) const {
  return std::min(tile::width, width_ - tile % tiles_per_group_ * tile::width);
}

template <class Real>
std::size_t TiledWeights<Real>::lanes(std::size_t tile) const {
  return (neurons(tile) + tile::lane_multiple - 1) / tile::lane_multiple * tile::lane_multiple;
}

template <class Real>
void TiledWeights<Real>::assign(const Matrix& weights) {
  assert(static_cast<std::size_t>(weights.rows()) == groups_ * width_ &&
         static_cast<std::size_t>(weights.cols()) == dim_);
  for (std::size_t t = 0; t < tiles(); ++t) {
    Real* values = tile(t);
    for (std::size_t r = 0; r < neurons(t); ++r) {
      const double* row = weights.data() + (first_neuron(t) + r) * dim_;
      for (std::size_t p = 0; p < dim_; ++p) {
        values[p * tile::width + r] = static_cast<Real>(row[p]);
      }
    }
  }
}

template <class Real>
Matrix TiledWeights<Real>::to_matrix() const {
  Matrix weights(static_cast<Eigen::Index>(groups_ * width_), static_cast<Eigen::Index>(dim_));
  for (std::size_t t = 0; t < tiles(); ++t) {
    const Real* values = tile(t);
    for (std::size_t r = 0; r < neurons(t); ++r) {
      double* row = weights.data() + (first_neuron(t) + r) * dim_;
      for (std::size_t p = 0; p < dim_; ++p) {
        row[p] = static_cast<double>(values[p * tile::width + r]);
      }
    }
  }
  return weights;
}

template class TiledWeights<float>;
template class TiledWeights<double>;

}  // namespace latetime
