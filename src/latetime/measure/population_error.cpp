#include "latetime/measure/population_error.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include <boost/math/distributions/binomial.hpp>

#include "latetime/base/parallel.hpp"
#include "latetime/base/random.hpp"
#include "latetime/measure/planar_error.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t block_size = 250;

// One draw of so many only chooses how the others are counted.
constexpr std::uint64_t pilot_share = 16;

// f is zero where it is no more than this of the sum of its terms' sizes.
constexpr double rounding = 1e-13;

struct Interval {
  double low = 0.0, high = 1.0;
  double width() const { return high - low; }
};

/// Clopper–Pearson: of the probability of what was seen `count` times in `draws`, missed with
/// probability `risk` at most.
Interval binomial_interval(std::uint64_t count, std::uint64_t draws, double risk) {
  using Binomial = boost::math::binomial_distribution<double>;
  const auto n = static_cast<double>(draws), k = static_cast<double>(count);
  return {Binomial::find_lower_bound_on_p(n, k, risk / 2.0),
          Binomial::find_upper_bound_on_p(n, k, risk / 2.0)};
}

Vector signs_of(const NetworkShape& shape) {
  Vector signs(shape.neurons());
  for (Eigen::Index k = 0; k < signs.size(); ++k) signs[k] = shape.group_of(k) == 0 ? 1.0 : -1.0;
  return signs;
}

Matrix sums_of_groups(const Matrix& rows, Eigen::Index width) {
  Matrix sums(2, rows.cols());
  sums << rows.topRows(width).colwise().sum(), rows.bottomRows(width).colwise().sum();
  return sums;
}

PopulationError of_quadrature(const PlanarError& planar) {
  return {.value = planar.wrong,
          .low = std::max(0.0, planar.wrong - planar.error),
          .high = std::min(1.0, planar.wrong + planar.error),
          .zero = planar.zero,
          .draws = 0};
}

/// Draws on which the network is wrong, on which f is zero, on which it alone is wrong, and on
/// which the reference alone is.
struct Counts {
  std::uint64_t draws = 0, wrong = 0, zero = 0, alone = 0, reference_alone = 0;

  void add(const Counts& other) {
    draws += other.draws;
    wrong += other.wrong;
    zero += other.zero;
    alone += other.alone;
    reference_alone += other.reference_alone;
  }
  Interval plain() const { return binomial_interval(wrong, draws, 1.0 - population_confidence); }
  /// Of the network's error less the reference's.
  Interval difference() const {
    const double risk = (1.0 - population_confidence) / 2.0;
    const Interval more = binomial_interval(alone, draws, risk),
                   less = binomial_interval(reference_alone, draws, risk);
    return {more.low - less.high, more.high - less.low};
  }
  double share(std::uint64_t count) const {
    return static_cast<double>(count) / static_cast<double>(draws);
  }
};

std::size_t blocks_of(const Population& population) {
  return static_cast<std::size_t>((population.draws + block_size - 1) / block_size);
}

/// The draws of a block, x = y (μ + ξ), which is distributed as y μ + ξ; a stream a draw.
struct Draws {
  std::vector<double> labels;  // y
  Matrix noise;                // ξ / noise_std, a column a draw
};

Draws draw(const Population& population, Eigen::Index dim, std::size_t block) {
  const std::uint64_t first = block * block_size,
                      last = std::min(first + block_size, population.draws);
  Draws draws{.labels = {}, .noise = Matrix(dim, static_cast<Eigen::Index>(last - first))};
  for (Eigen::Index c = 0; c < draws.noise.cols(); ++c) {
    RandomStream stream(population.seed, RandomPurpose::population,
                        first + static_cast<std::uint64_t>(c));
    draws.labels.push_back(stream.bits() >> 63 ? 1.0 : -1.0);
    for (Eigen::Index r = 0; r < dim; ++r) draws.noise(r, c) = stream.normal();
  }
  return draws;
}

/// ⟨row, x⟩ of every draw of a block.
LabelledProducts products_of_draws(const Population& population, const Matrix& rows,
                                   const Vector& mean_products, std::size_t block) {
  Draws draws = draw(population, rows.cols(), block);
  Matrix products = mean_products.replicate(1, draws.noise.cols());
  add_product(population.mixture.noise_std * rows, draws.noise, products);
  for (Eigen::Index c = 0; c < products.cols(); ++c) {
    products.col(c) *= draws.labels[static_cast<std::size_t>(c)];
  }
  return {std::move(products), std::move(draws.labels)};
}

/// From pre-activations, 2m × draws.
Counts count(const LabelledProducts& drawn, const NetworkShape& shape) {
  const auto& [z, labels] = drawn;
  using Row = Eigen::Array<double, 1, Eigen::Dynamic>;
  const Activation sigma = shape.activation();
  const auto values = [&](const Row& of) -> Row {
    if (sigma.smoothing > 0.0) return of.unaryExpr([&](double one) { return sigma.value(one); });
    return of.max(sigma.slope * of);
  };
  Row f = Row::Zero(z.cols()), size = f;
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    const Row out = values(z.row(k).array());
    if (shape.group_of(k) == 0) {
      f += out;
    } else {
      f -= out;
    }
    size += out.abs();
  }
  const Matrix sums = sums_of_groups(z, shape.width);
  Counts counts{.draws = labels.size()};
  for (Eigen::Index c = 0; c < f.size(); ++c) {
    const double label = labels[static_cast<std::size_t>(c)];
    const bool zero = std::abs(f[c]) <= rounding * size[c];
    const bool wrong = zero || f[c] * label <= 0.0;
    const double reference =
        activation(sums(0, c), shape.slope) - activation(sums(1, c), shape.slope);
    const bool reference_wrong = reference * label <= 0.0;
    counts.wrong += wrong ? 1 : 0;
    counts.zero += zero ? 1 : 0;
    counts.alone += wrong && !reference_wrong ? 1 : 0;
    counts.reference_alone += !wrong && reference_wrong ? 1 : 0;
  }
  return counts;
}

/// Pre-activations of a block of draws, 2m × draws.
using Preactivations = std::function<LabelledProducts(std::size_t block)>;

/// A network and the samples that it is to be judged on.
struct Question {
  const Population& population;
  const NetworkShape& shape;
  const Matrix& neurons;
  const Vector& mean_products;
};

/// By quadrature, where that can be done.
std::optional<PlanarNetwork> plane_of(const Question& question) {
  const double noise = question.population.mixture.noise_std, slope = question.shape.slope;
  const Vector signs = signs_of(question.shape);
  if (slope < 1.0) {
    if (question.shape.smoothing > 0.0) return std::nullopt;
    return planar_network(question.neurons, question.mean_products, signs, slope, noise);
  }
  // f is linear: one neuron.
  const Matrix normal = signs.transpose() * question.neurons;
  const Vector product = signs.transpose() * question.mean_products;
  return planar_network(normal, product, Vector::Ones(1), slope, noise);
}

/// The reference of `question`.
PlanarNetwork reference_of(const Question& question) {
  const Eigen::Index width = question.shape.width;
  const Matrix sums = sums_of_groups(question.neurons, width);
  const Vector products = sums_of_groups(Matrix(question.mean_products), width).col(0);
  return *planar_network(sums, products, Eigen::Vector2d(1.0, -1.0), question.shape.slope,
                         question.population.mixture.noise_std);
}

PopulationError estimate(const Question& question, const Preactivations& preactivations,
                         unsigned threads) {
  const Population& population = question.population;
  std::vector<Counts> of_blocks(blocks_of(population));
  run_jobs(of_blocks.size(), threads, [&](std::size_t block) {
    of_blocks[block] = count(preactivations(block), question.shape);
  });
  const std::size_t pilots = std::max<std::size_t>(1, of_blocks.size() / pilot_share);
  Counts pilot, counts;
  for (std::size_t block = 0; block < of_blocks.size(); ++block) {
    (block < pilots && of_blocks.size() > 1 ? pilot : counts).add(of_blocks[block]);
  }
  PopulationError result{.zero = counts.share(counts.zero), .draws = counts.draws};
  if (pilot.draws == 0 || pilot.plain().width() <= pilot.difference().width()) {
    const Interval interval = counts.plain();
    result.value = counts.share(counts.wrong);
    result.low = interval.low;
    result.high = interval.high;
    return result;
  }
  const PlanarError known = planar_error(reference_of(question), rounding);
  const Interval interval = counts.difference();
  const double shift = counts.share(counts.alone) - counts.share(counts.reference_alone);
  result.value = std::clamp(known.wrong + shift, 0.0, 1.0);
  result.low = std::clamp(known.wrong - known.error + interval.low, 0.0, 1.0);
  result.high = std::clamp(known.wrong + known.error + interval.high, 0.0, 1.0);
  return result;
}

PopulationError answer(const Question& question, const Preactivations& preactivations,
                       double accuracy, unsigned threads) {
  if (!question.neurons.allFinite() || !question.mean_products.allFinite()) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {.value = none, .low = none, .high = none, .zero = none};
  }
  if (const auto plane = plane_of(question)) return of_quadrature(planar_error(*plane, accuracy));
  return estimate(question, preactivations, threads);
}

}  // namespace

PopulationError population_error(const Population& population, const NetworkShape& shape,
                                 const Matrix& neurons, const Vector& mean_products,
                                 double accuracy, unsigned threads) {
  const Matrix rows = compressed(neurons);
  const auto preactivations = [&](std::size_t block) {
    return products_of_draws(population, rows, mean_products, block);
  };
  return answer({population, shape, rows, mean_products}, preactivations, accuracy, threads);
}

PopulationMeter::PopulationMeter(const Population& population, const NetworkShape& shape,
                                 const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x)
    : shape_(shape), population_(population) {
  Matrix rows(initial_weights.rows() + x.rows(), x.cols());
  rows << initial_weights, x;
  factor_ = compressed(rows);
  products_ = rows * population.mixture.mean;
  draws_.resize(blocks_of(population));
  for (std::size_t block = 0; block < draws_.size(); ++block) {
    draws_[block] = products_of_draws(population, factor_, products_, block);
  }
}

double PopulationMeter::bytes(double draws, double neurons, double samples) {
  return sizeof(double) * draws * (neurons + samples);
}

PopulationError PopulationMeter::measure(const Matrix& coefficients, double accuracy,
                                         unsigned threads) const {
  const Eigen::Index neurons = coefficients.rows(), samples = coefficients.cols();
  // W⁰ + C X of what is known of W⁰ and X, a row each.
  const auto descended = [&](const Matrix& rows) {
    Matrix result = rows.topRows(neurons);
    add_product(coefficients, rows.bottomRows(samples), result);
    return result;
  };
  const Matrix rows = descended(factor_);
  const Vector products = descended(Matrix(products_)).col(0);
  return answer(
      {population_, shape_, rows, products},
      [&](std::size_t block) {
        return LabelledProducts{descended(draws_[block].products), draws_[block].labels};
      },
      accuracy, threads);
}

}  // namespace latetime
