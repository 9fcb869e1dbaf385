#include "hunt_problems.hpp"

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dice.hpp"
#include "latetime/data/npy.hpp"
#include "support/dense.hpp"

namespace latetime::hunt {
namespace {

using Eigen::Index;

/// A problem under way: Gaussian samples and weights, which a family then changes. `weights` may be
/// left empty by those that change d or m; `rate` is η times the mean square of the samples' norms.
struct Draft {
  Dice& dice;
  Matrix x;
  Vector y;
  Matrix weights;
  Index m = 1;
  double slope = 0.0, rate = 0.1;
  bool flow = false;

  Index n() const { return x.rows(); }
  Index d() const { return x.cols(); }
  Index half() const { return x.rows() / 2; }
  void draw_samples(Index n, Index d) {
    x = dice.normal(n, d);
    y.resize(n);
    for (double& label : y) label = dice.sign();
  }
  /// The second half of the samples from the first: x_{i+h} = factor x_i, y_{i+h} = label y_i.
  void pair_up(double factor, double label) {
    for (Index i = 0; i < half(); ++i) {
      x.row(i + half()) = factor * x.row(i);
      y[i + half()] = label * y[i];
    }
  }
};

void change_norms(Draft& p) {
  for (Index i = 0; i < p.n(); ++i) p.x.row(i) *= p.dice.power(-1.5, 1.5);
}

/// The second half of the samples nearly on one line with the first.
void blur_twins(Draft& p, double factor, double label) {
  const double size = p.dice.power(-8, -2);
  p.pair_up(factor, label);
  p.x.bottomRows(p.half()) += size * p.dice.normal(p.half(), p.d());
}

void mirror(Draft& p) {
  p.x.col(0) = p.x.col(0).cwiseAbs().array() + 0.3;
  p.pair_up(-1.0, -1.0);
  for (Index i = 0; i < p.n(); ++i) p.y[i] = p.x(i, 0) > 0 ? 1.0 : -1.0;
}

void exclusive_or(Draft& p) {
  Matrix corners(4, 2);
  corners << 1, 1, 1, -1, -1, 1, -1, -1;
  p.x = corners * p.dice.normal(2, std::max<Index>(p.d(), 2));
  p.y = Vector{{1.0, -1.0, -1.0, 1.0}};
}

void make_orthogonal(Draft& p) {
  const Index d = std::max(p.n(), p.d());
  const Matrix q = dense_math::orthonormal(p.dice.normal(d, d));
  p.x = q.topRows(p.n());
  for (Index i = 0; i < p.n(); ++i) p.x.row(i) *= p.dice.uniform(0.5, 2.0);
}

/// Samples in the span of `rank` vectors.
void flatten(Draft& p, Index rank) {
  p.x = p.dice.normal(p.n(), rank) * p.dice.normal(rank, p.d());
}

void make_triples(Draft& p) {
  for (Index i = 0; i + 2 < p.n(); i += 3) {
    p.x.row(i + 2) = p.dice.uniform(-2, 2) * p.x.row(i) + p.dice.uniform(-2, 2) * p.x.row(i + 1);
  }
}

/// Weights of one class away from all samples, or from one.
void make_dead_neurons(Draft& p) {
  p.weights = 0.1 * p.dice.normal(2 * p.m, p.d());
  const Index group = p.dice.between(0, 1);
  const bool all = p.dice.sign() > 0;
  const Eigen::RowVectorXd mean =
      all ? Eigen::RowVectorXd(p.x.colwise().sum()) : Eigen::RowVectorXd(p.x.row(0));
  for (Index k = group * p.m; k < (group + 1) * p.m; ++k) {
    p.weights.row(k) -= p.dice.uniform(0.2, 2.0) * mean / std::max(mean.norm(), 1e-9);
  }
}

/// Neurons that are each other's copies, of the same class and of the other.
void make_twin_neurons(Draft& p) {
  p.weights = 0.3 * p.dice.normal(2 * p.m, p.d());
  p.weights.bottomRows(p.m) = p.dice.sign() * p.weights.topRows(p.m);
  if (p.m > 1) p.weights.row(1) = p.weights.row(0);
}

struct Family {
  const char* name;
  void (*change)(Draft& p);
};

const Family families[] = {
    {"gaussian", [](Draft&) {}},
    {"mixture", [](Draft& p) { p.x = 0.5 * p.x + p.y * p.dice.normal(1, p.d()); }},
    {"few-dimensions", [](Draft& p) { p.draw_samples(p.n(), p.dice.between(1, 3)); }},
    {"duplicates", [](Draft& p) { p.pair_up(1.0, 1.0); }},
    {"near-duplicates", [](Draft& p) { blur_twins(p, 1.0, 1.0); }},
    {"opposites", [](Draft& p) { p.pair_up(-1.0, -1.0); }},
    {"opposites-of-one-class", [](Draft& p) { p.pair_up(-1.0, 1.0); }},
    {"integers",
     [](Draft& p) {
       p.x = p.dice.integers(p.n(), p.d(), 2);
       p.weights = p.dice.integers(2 * p.m, p.d(), 1);
     }},
    {"norms", change_norms},
    {"one-class", [](Draft& p) { p.y.setConstant(p.y[0]); }},
    {"mirrored", mirror},
    {"exclusive-or", exclusive_or},
    {"orthogonal", make_orthogonal},
    {"one-line", [](Draft& p) { flatten(p, 1); }},
    {"zero-start", [](Draft& p) { p.weights = Matrix::Zero(2 * p.m, p.d()); }},
    {"tiny-start", [](Draft& p) { p.weights = 1e-8 * p.dice.normal(2 * p.m, p.d()); }},
    {"triples", make_triples},
    {"one-plane", [](Draft& p) { flatten(p, 2); }},
    {"many-samples", [](Draft& p) { p.draw_samples(p.dice.between(8, 20), p.dice.between(1, 5)); }},
    {"one-neuron", [](Draft& p) { p.m = 1; }},
    {"huge-rate", [](Draft& p) { p.rate = p.dice.power(1, 3); }},
    {"tiny-rate", [](Draft& p) { p.rate = p.dice.power(-6, -2); }},
    {"one-sample-again",
     [](Draft& p) {
       for (Index i = 1; i < p.n(); ++i) p.x.row(i) = p.x.row(0);
       if (p.dice.sign() > 0) p.y.setConstant(p.y[0]);
     }},
    {"near-contradictions", [](Draft& p) { blur_twins(p, 1.0, -1.0); }},
    {"contradictions", [](Draft& p) { p.pair_up(1.0, -1.0); }},
    {"dead-neurons", make_dead_neurons},
    {"twin-neurons", make_twin_neurons},
    {"any-slope", [](Draft& p) { p.slope = p.dice.uniform(0, 1); }},
    {"stretched-twins",
     [](Draft& p) { p.pair_up(p.dice.sign() * p.dice.uniform(0.2, 3), p.dice.sign()); }},
    {"near-opposites", [](Draft& p) { blur_twins(p, -p.dice.uniform(0.3, 3), p.dice.sign()); }},
    {"near-multiples", [](Draft& p) { blur_twins(p, p.dice.uniform(0.3, 3), p.dice.sign()); }},
    {"a-zero-sample", [](Draft& p) { p.x.row(0).setZero(); }},
    {"flow-gaussian", [](Draft& p) { p.flow = true; }},
    {"flow-opposites", [](Draft& p) { p.flow = true, p.pair_up(-1.0, p.dice.sign()); }},
    {"flow-zero-start", [](Draft& p) { p.flow = true, p.weights = Matrix::Zero(2 * p.m, p.d()); }},
    {"flow-few-dimensions",
     [](Draft& p) { p.flow = true, p.draw_samples(p.n(), p.dice.between(1, 3)); }},
};

Draft draw(Dice& dice, const Family& family) {
  Draft p{.dice = dice};
  p.draw_samples(dice.between(1, 10), dice.between(1, 24));
  p.m = dice.between(1, 6);
  p.slope = dice.one_of(std::array{0.0, 0.0, 0.0, 1e-3, 0.01, 0.1, 0.3, 0.9, 1.0});
  p.rate = dice.power(-2, 1.5);
  family.change(p);
  if (p.weights.size() == 0) p.weights = dice.power(-3, 0.3) * dice.normal(2 * p.m, p.d());
  return p;
}

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const Family& family : families) names.emplace_back(family.name);
  return names;
}

namespace {

/// Samples of one label in both halves keep one class, those of two have two.
std::vector<int> draw_classes(const Draft& p, Dice& dice, int count) {
  const bool one_class = (p.y.array() == p.y[0]).all() && p.n() > 1;
  std::vector<int> of_half, classes;
  for (Index i = 0; i < std::max<Index>(1, p.half()); ++i) {
    of_half.push_back(one_class ? 0 : static_cast<int>(dice.between(0, count - 1)));
  }
  const auto step = static_cast<int>(dice.between(1, count - 1));
  for (Index i = 0; i < p.n(); ++i) {
    const int first = of_half[static_cast<std::size_t>(i) % of_half.size()];
    classes.push_back((first + (p.y[i] < 0.0 ? step : 0)) % count);
  }
  return classes;
}

/// Weights of further groups: those of the first two with their columns turned.
Matrix more_weights(const Matrix& weights, Index m, int groups) {
  Matrix all(m * groups, weights.cols());
  for (Index k = 0; k < all.rows(); ++k) {
    const Index turn = k / weights.rows(), d = weights.cols();
    for (Index j = 0; j < d; ++j) {
      all(k, j) = (turn % 2 == 0 ? 1.0 : -1.0) * weights(k % weights.rows(), (j + turn) % d);
    }
  }
  return all;
}

}  // namespace

RunProblem make_problem(std::uint64_t seed, std::uint64_t number, int classes) {
  Dice dice(seed, number);
  Draft p = draw(dice, families[number % std::size(families)]);
  if (classes > 2) p.flow = false;
  RunConfig config;
  config.data = {.source = DataSource::file, .d = 0, .x = "X.npy", .y = "y.npy"};
  config.network.width = p.m;
  config.network.slope = p.slope;
  config.network.initial_weights = "W0.npy";
  config.descent.learning_rate = p.rate / std::max(p.x.rowwise().squaredNorm().mean(), 1e-9);
  config.descent.until = "1e100";
  config.descent.tolerance = dice.one_of(std::array{1e-8, 1e-8, 1e-6, 1e-4});
  if (p.flow) {
    config.descent.method = Method::flow;
  } else if (dice.between(0, 3) == 0) {
    config.descent.engine = EngineChoice::flow;
  }
  const NetworkShape shape{.groups = classes, .width = p.m, .dim = p.d(), .slope = p.slope};
  if (classes > 2) {
    Dataset data{.x = Samples(p.x),
                 .classes = draw_classes(p, dice, classes),
                 .class_count = classes,
                 .origin = "hunt"};
    return {config, std::move(data), {shape, more_weights(p.weights, p.m, classes)}};
  }
  return {config, make_dataset(Samples(p.x), p.y, "X", "y", "hunt"), {shape, p.weights}};
}

void keep_problem(const RunProblem& problem, const std::string& folder) {
  std::filesystem::create_directories(folder);
  const auto n = static_cast<std::size_t>(problem.data.size());
  const auto d = static_cast<std::size_t>(problem.data.dim());
  const auto m = static_cast<std::size_t>(problem.initial.shape.width);
  const Matrix x = problem.data.x;
  std::vector<double> y;
  for (std::size_t i = 0; i < n; ++i) y.push_back(problem.data.label(static_cast<Index>(i)));
  const auto write = [&](const std::string& name, std::vector<std::size_t> shape,
                         const double* values) {
    std::size_t size = 1;
    for (const std::size_t length : shape) size *= length;
    write_npy(folder + "/" + name, shape, {values, size});
  };
  write("X.npy", {n, d}, x.data());
  write("y.npy", {n}, y.data());
  const auto groups = static_cast<std::size_t>(problem.initial.shape.groups);
  write("W0.npy", {groups, m, d}, problem.initial.weights.data());
  std::ofstream(folder + "/config.toml") << to_toml(problem.config);
}

}  // namespace latetime::hunt
