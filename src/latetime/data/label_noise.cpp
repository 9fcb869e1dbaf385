#include "latetime/data/label_noise.hpp"

#include "latetime/base/random.hpp"

namespace latetime {

void add_label_noise(Dataset& data, double share, std::uint64_t seed) {
  if (!(share > 0.0)) return;
  data.clean_classes = data.classes;
  const auto others = static_cast<std::uint64_t>(data.class_count - 1);
  for (std::size_t i = 0; i < data.classes.size(); ++i) {
    RandomStream stream(seed, RandomPurpose::label_noise, i);
    if (stream.uniform() > share) continue;
    const auto shift = static_cast<int>(1 + stream.below(others));
    data.classes[i] = (data.classes[i] + shift) % data.class_count;
  }
}

}  // namespace latetime
