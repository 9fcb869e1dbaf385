#include "latetime/data/sparse_samples.hpp"

#include <limits>

#include "latetime/base/error.hpp"

namespace latetime {

template <class Real>
SparseSamples<Real> sparse_samples(const Dataset& data) {
  SparseSamples<Real> samples{.features = static_cast<std::size_t>(data.dim()),
                              .starts = {0},
                              .classes = data.classes,
                              .class_count = data.class_count};
  const auto entries = static_cast<std::size_t>((data.x.array() != 0.0).count());
  if (entries > std::numeric_limits<std::uint32_t>::max()) {
    throw InputError("data",
                     "the samples have more than 2^32 non-zero entries, more than a batch "
                     "can number; choose fewer samples (data.n)");
  }
  samples.starts.reserve(data.classes.size() + 1);
  samples.entries.reserve(entries);
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    for (Eigen::Index j = 0; j < data.dim(); ++j) {
      const auto value = static_cast<Real>(data.x(i, j));
      if (value != Real(0)) samples.entries.push_back({value, static_cast<std::uint32_t>(j)});
    }
    samples.starts.push_back(samples.entries.size());
  }
  return samples;
}

template SparseSamples<float> sparse_samples(const Dataset& data);
template SparseSamples<double> sparse_samples(const Dataset& data);

}  // namespace latetime
