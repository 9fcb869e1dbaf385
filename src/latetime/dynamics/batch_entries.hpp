#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "latetime/data/sparse_samples.hpp"
#include "latetime/model/tile_kernel.hpp"

namespace latetime {

/// Some samples of a set by their non-zero features, laid out for both passes over a tile of
/// weights: by sample for the pre-activations, in blocks of features whose weights fit the
/// first-level cache, and by feature for the update.
template <class Real>
class BatchEntries {
 public:
  /// Which passes the entries are for.
  enum class Use { forward, both };

  /// Takes the samples with these numbers, in this order. `samples` must outlive the use.
  void load(const SparseSamples<Real>& samples, std::span<const std::uint32_t> chosen, Use use);

  std::size_t size() const { return classes_.size(); }
  const std::vector<int>& classes() const { return classes_; }

  /// z[s] = Σ_p x_{s,p} w_p for one tile: weights d × tile::width, z size() × tile::width.
  void multiply(const tile::Kernels<Real>& kernels, const Real* weights, std::size_t lanes,
                Real* z) const;

  /// w_p += Σ_s x_{s,p} pulls[s] for one tile.
  void update(const tile::Kernels<Real>& kernels, const Real* pulls, std::size_t lanes,
              Real* weights) const;

 private:
  void split_into_blocks(std::span<const std::uint32_t> chosen);
  void sort_by_feature(std::span<const std::uint32_t> chosen);

  const SparseSamples<Real>* samples_ = nullptr;
  std::vector<int> classes_;
  std::size_t blocks_ = 0;
  // (blocks + 1) × size(): where a block begins in a sample, as the number of an entry of the set,
  // counted from first_entry_.
  std::vector<std::uint32_t> block_begins_;
  const SparseEntry<Real>* first_entry_ = nullptr;
  std::vector<std::uint32_t> feature_starts_;  // features + 1
  std::vector<std::uint32_t> cursor_;
  std::vector<SparseEntry<Real>> by_feature_;  // (value, place in the batch)
};

}  // namespace latetime
