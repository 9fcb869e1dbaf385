#include "latetime/model/classifier.hpp"

#include <cmath>

#include "latetime/base/random.hpp"

namespace latetime {

OutputScale settled(OutputScale scale, Head head) {
  if (scale != OutputScale::automatic) return scale;
  return head == Head::trained ? OutputScale::one : OutputScale::one_over_width;
}

double output_factor(OutputScale scale, Head head, Eigen::Index width) {
  switch (settled(scale, head)) {
    case OutputScale::one_over_width:
      return 1.0 / static_cast<double>(width);
    case OutputScale::one_over_root_width:
      return 1.0 / std::sqrt(static_cast<double>(width));
    case OutputScale::one:
    case OutputScale::automatic:
      break;
  }
  return 1.0;
}

Classifier random_classifier(const ClassifierShape& shape, double init_std, std::uint64_t seed) {
  const NetworkShape hidden{.groups = static_cast<int>(shape.groups()),
                            .width = shape.width,
                            .dim = shape.dim,
                            .slope = shape.slope,
                            .smoothing = shape.smoothing};
  Classifier network{shape, gaussian_network(hidden, init_std, seed).weights, {}, {}};
  if (shape.head == Head::groups) return network;
  const double bound = 1.0 / std::sqrt(static_cast<double>(shape.width));
  network.output_weights.resize(shape.classes, shape.width);
  network.output_bias.resize(shape.classes);
  for (Eigen::Index k = 0; k < shape.classes; ++k) {
    RandomStream stream(seed, RandomPurpose::output_weights, static_cast<std::uint64_t>(k));
    for (Eigen::Index r = 0; r < shape.width; ++r) {
      network.output_weights(k, r) = bound * (2.0 * stream.uniform() - 1.0);
    }
    network.output_bias[k] = bound * (2.0 * stream.uniform() - 1.0);
  }
  return network;
}

}  // namespace latetime
