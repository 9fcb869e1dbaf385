#include "latetime/dynamics/engine.hpp"

namespace latetime {

std::vector<std::uint64_t> own_class_words(const Dataset& data, int groups) {
  const std::size_t words = PairBits::words_per_row(data.size());
  std::vector<std::uint64_t> own(static_cast<std::size_t>(groups) * words, 0);
  for (std::size_t i = 0; i < data.classes.size(); ++i) {
    own[static_cast<std::size_t>(data.classes[i]) * words + i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return own;
}

void set_pattern(const double* z, Eigen::Index samples, std::uint64_t* words) {
  for (std::size_t w = 0; w < PairBits::words_per_row(samples); ++w) words[w] = 0;
  for (Eigen::Index i = 0; i < samples; ++i) {
    words[i / 64] |= static_cast<std::uint64_t>(z[i] >= 0.0) << (i % 64);
  }
}

}  // namespace latetime
