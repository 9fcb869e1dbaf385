#pragma once

#include <cstddef>

#include "latetime/base/aligned.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/model/tile_kernel.hpp"

namespace latetime {

/// Weights in tiles of tile::width neurons of one group, a feature a row: the layout of the tile
/// kernels. Lanes past the end of a group are zero.
template <class Real>
class TiledWeights {
 public:
  /// Of `groups` groups of `width` neurons in dimension `dim`; weights is (groups·width) × dim.
  TiledWeights(std::size_t groups, std::size_t width, const Matrix& weights);

  std::size_t groups() const { return groups_; }
  std::size_t width() const { return width_; }
  std::size_t dim() const { return dim_; }
  std::size_t tiles_per_group() const { return tiles_per_group_; }
  std::size_t tiles() const { return groups_ * tiles_per_group_; }
  std::size_t group_of(std::size_t tile) const { return tile / tiles_per_group_; }
  /// Number of the tile's first neuron, of all.
  std::size_t first_neuron(std::size_t tile) const;
  std::size_t neurons(std::size_t tile) const;  ///< of this tile
  std::size_t lanes(std::size_t tile) const;    ///< neurons, padded to tile::lane_multiple
  Real* tile(std::size_t index) { return values_.data() + index * dim_ * tile::width; }
  const Real* tile(std::size_t index) const { return values_.data() + index * dim_ * tile::width; }

  void assign(const Matrix& weights);
  Matrix to_matrix() const;  ///< (groups·width) × dim

 private:
  std::size_t groups_, width_, dim_, tiles_per_group_;
  AlignedArray<Real> values_;
};

}  // namespace latetime
