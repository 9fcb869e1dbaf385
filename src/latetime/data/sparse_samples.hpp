#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "latetime/base/sparse_entry.hpp"
#include "latetime/data/dataset.hpp"

namespace latetime {

/// Samples by their non-zero features: of an image, four pixels out of five are zero.
template <class Real>
struct SparseSamples {
  std::size_t features = 0;           ///< d
  std::vector<std::uint64_t> starts;  ///< n + 1: sample i is entries starts[i] … starts[i+1] − 1
  std::vector<SparseEntry<Real>> entries;  ///< (value, feature), features ascending in a sample
  std::vector<int> classes;                ///< n, as in Dataset
  int class_count = 2;

  std::size_t size() const { return classes.size(); }
  std::span<const SparseEntry<Real>> sample(std::size_t i) const {
    return std::span(entries).subspan(starts[i], starts[i + 1] - starts[i]);
  }
};

/// The same samples, their values rounded to Real.
template <class Real>
SparseSamples<Real> sparse_samples(const Dataset& data);

}  // namespace latetime
