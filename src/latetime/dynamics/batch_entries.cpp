#include "latetime/dynamics/batch_entries.hpp"

#include <algorithm>

namespace latetime {
namespace {

/// Features whose weights (one tile) fit the first-level cache beside the pre-activations.
template <class Real>
constexpr std::size_t block_features = 28 * 1024 / (tile::width * sizeof(Real));

}  // namespace

template <class Real>
void BatchEntries<Real>::load(const SparseSamples<Real>& samples,
                              std::span<const std::uint32_t> chosen, Use use) {
  samples_ = &samples;
  blocks_ = (samples.features + block_features<Real> - 1) / block_features<Real>;
  classes_.resize(chosen.size());
  for (std::size_t s = 0; s < chosen.size(); ++s) classes_[s] = samples.classes[chosen[s]];
  split_into_blocks(chosen);
  if (use == Use::both) sort_by_feature(chosen);
}

template <class Real>
void BatchEntries<Real>::split_into_blocks(std::span<const std::uint32_t> chosen) {
  first_entry_ = samples_->entries.data();
  block_begins_.resize((blocks_ + 1) * chosen.size());
  for (std::size_t s = 0; s < chosen.size(); ++s) {
    const auto sample = samples_->sample(chosen[s]);
    const auto base = static_cast<std::uint32_t>(samples_->starts[chosen[s]]);
    std::uint32_t entry = 0;
    for (std::size_t block = 0; block < blocks_; ++block) {
      block_begins_[block * chosen.size() + s] = base + entry;
      const std::size_t end = (block + 1) * block_features<Real>;
      while (entry < sample.size() && sample[entry].row < end) ++entry;
    }
    block_begins_[blocks_ * chosen.size() + s] = base + entry;
  }
}

template <class Real>
void BatchEntries<Real>::sort_by_feature(std::span<const std::uint32_t> chosen) {
  feature_starts_.assign(samples_->features + 1, 0);
  for (const std::uint32_t i : chosen) {
    for (const SparseEntry<Real>& entry : samples_->sample(i)) ++feature_starts_[entry.row + 1];
  }
  for (std::size_t p = 0; p < samples_->features; ++p) {
    feature_starts_[p + 1] += feature_starts_[p];
  }
  by_feature_.resize(feature_starts_.back());
  cursor_.assign(feature_starts_.begin(), feature_starts_.end() - 1);
  for (std::size_t s = 0; s < chosen.size(); ++s) {
    for (const SparseEntry<Real>& entry : samples_->sample(chosen[s])) {
      by_feature_[cursor_[entry.row]++] = {entry.value, static_cast<std::uint32_t>(s)};
    }
  }
}

template <class Real>
void BatchEntries<Real>::multiply(const tile::Kernels<Real>& kernels, const Real* weights,
                                  std::size_t lanes, Real* z) const {
  for (std::size_t block = 0; block < blocks_; ++block) {
    const std::uint32_t* begins = block_begins_.data() + block * size();
    kernels.accumulate({.target = z,
                        .source = weights,
                        .begins = begins,
                        .ends = begins + size(),
                        .entries = first_entry_,
                        .rows = size(),
                        .lanes = lanes,
                        .overwrite = block == 0});
  }
}

template <class Real>
void BatchEntries<Real>::update(const tile::Kernels<Real>& kernels, const Real* pulls,
                                std::size_t lanes, Real* weights) const {
  kernels.accumulate({.target = weights,
                      .source = pulls,
                      .begins = feature_starts_.data(),
                      .ends = feature_starts_.data() + 1,
                      .entries = by_feature_.data(),
                      .rows = samples_->features,
                      .lanes = lanes,
                      .overwrite = false});
}

template class BatchEntries<float>;
template class BatchEntries<double>;

}  // namespace latetime
