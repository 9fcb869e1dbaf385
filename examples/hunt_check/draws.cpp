#include "draws.hpp"

#include <algorithm>
#include <functional>

#include "judge.hpp"
#include "support/dense.hpp"

namespace latetime::check_judge {
namespace {

constexpr double delta = 0.05;

/// What a family may set; the rest is drawn so that the hypotheses hold.
struct Plan {
  Dice& dice;
  Index n = 4, d = 250, m = 8;
  double slope = 0.0;
  double norms = 1.0;          // R_max / R_min
  double orthogonality = 0.0;  // the C of R_min² ≥ C R² γ⁻⁴ n p; 0: p = 0
  double steps = 0.0;          // the C of η; likewise
  double weights = 0.0;        // the C of σ0; ∞: all weights are zero
  bool axes = false;           // samples along axes: inner products are exact zeros
  bool balanced = false;       // n/2 samples in each class
  bool a1 = true, a2 = true;   // draw weights until they are as A.1 (A.2) says
  bool full_batch = true;
  bool mirrored = false;  // n pairs (x, y), (-x, -y)

  void leaky() {
    n = dice.one_in(8) ? 1 : dice.between(2, 8);
    m = dice.between(1, 24);
    slope = dice.one_of(std::array{0.1, 0.3, 0.5, 0.7, 0.9, dice.uniform(0.05, 0.99)});
  }
  void relu() {
    n = dice.one_in(10) ? 1 : dice.between(2, 5);
    m = dice.between(60, 110);
  }
  void sizes() {
    d = dice.between(200, 300);
    norms = dice.one_in(2)   ? 1.0
            : dice.one_in(3) ? dice.uniform(3.0, 12.0)
                             : dice.uniform(1.0, 3.0);
    orthogonality = dice.one_in(3) ? dice.power(3.0, 9.0) : dice.power(1.01, 3.0);
    // Real steps are to come to where the sample of least norm is learned, R² later.
    steps = dice.power(1.01, norms > 3.0 ? 1.1 : 2.5);
    weights = dice.power(1.01, 3.0);
  }
};

/// Samples with these norms and inner products up to ±p, the largest being p, in directions drawn
/// at random or along axes.
Grid samples_of(Plan& plan, const Column& norms, double p) {
  const Index n = plan.n;
  Eigen::MatrixXd gram = norms.cwiseAbs2().asDiagonal();
  if (p > 0.0) {
    double largest = 0.0;
    for (Index i = 0; i < n; ++i) {
      for (Index l = 0; l < i; ++l) {
        gram(i, l) = gram(l, i) = plan.dice.uniform(-1.0, 1.0);
        largest = std::max(largest, std::abs(gram(i, l)));
      }
    }
    for (Index i = 0; i < n; ++i) {
      for (Index l = 0; l < n; ++l) {
        if (l != i) gram(i, l) *= p / largest;
      }
    }
  }
  const Eigen::MatrixXd root = gram.llt().matrixL();
  Grid x = Grid::Zero(n, plan.d);
  if (plan.axes) {
    x.leftCols(n) = root;
    return x;
  }
  const Eigen::MatrixXd directions =
      dense_math::orthonormal(plan.dice.normal<Eigen::RowMajor>(plan.d, n));
  return root * directions.transpose();
}

std::vector<double> labels_of(Plan& plan) {
  std::vector<double> y;
  for (Index i = 0; i < plan.n; ++i) {
    y.push_back(plan.balanced ? (i % 2 ? -1.0 : 1.0) : plan.dice.sign());
  }
  if (!plan.balanced && plan.n > 1 && !plan.dice.one_in(12)) y[0] = -(y[1] = 1.0);
  return y;
}

Setting carry_out(Plan& plan) {
  Dice& dice = plan.dice;
  Column norms = Column::Constant(plan.n, dice.power(-0.5, 0.5));
  const double least = norms[0];
  for (Index i = 1; i < plan.n; ++i) norms[i] *= dice.uniform(1.0, plan.norms);
  if (plan.norms > 1.0 && plan.n > 1) norms[plan.n - 1] = least * plan.norms;
  const double r = norms.maxCoeff() / least, count = static_cast<double>(plan.n);
  const double gamma = plan.slope > 0.0 ? plan.slope : 1.0;
  const double p = plan.orthogonality > 0.0
                       ? least * least * std::pow(gamma, 4.0) / (r * r * count * plan.orthogonality)
                       : 0.0;
  const double m = static_cast<double>(plan.m), top = norms.maxCoeff();
  const double sigma = gamma / (plan.weights * top * std::sqrt(std::log(m * count / delta)));
  const double eta = count * m / (top * top * plan.steps);
  Grid x = samples_of(plan, norms, p);
  auto y = labels_of(plan);
  if (plan.mirrored) {
    x.conservativeResize(2 * plan.n, Eigen::NoChange);
    x.bottomRows(plan.n) = -x.topRows(plan.n);
    for (Index i = 0; i < plan.n; ++i) y.push_back(-y[static_cast<std::size_t>(i)]);
  }
  for (int attempt = 0;; ++attempt) {
    Setting s(x, y, sigma * dice.normal<Eigen::RowMajor>(2 * plan.m, plan.d), plan.slope, eta,
              sigma, plan.full_batch);
    const bool good = (!plan.a1 || weights_as_a1(s)) && (!plan.a2 || patterns_as_a2(s));
    if (good || attempt == 500) return s;
  }
}

struct Family {
  const char* name;
  std::function<void(Plan&)> change;
};

void relu_orthogonal(Plan& p) {
  p.relu();
  p.orthogonality = 0.0;
  p.axes = p.dice.one_in(2);
}

void square_classes(Plan& p) {
  relu_orthogonal(p);
  p.n = 2 * p.dice.between(1, 3);
  p.norms = 1.0;
  p.balanced = true;
}

/// Breaks one hypothesis by a factor between 1.02 and 30.
void beyond(Plan& p) {
  const double factor = p.dice.power(0.01, 1.5);
  switch (p.dice.between(0, 6)) {
    case 0:
      p.orthogonality = 10.0 / std::min(factor, 8.0);
      break;
    case 1:
      p.steps = 10.0 / factor;
      break;
    case 2:
      p.weights = 10.0 / factor;
      break;
    case 3:
      p.norms = 100.0 * factor;
      break;
    case 4:
      p.d = p.dice.between(p.n, 20);
      p.a1 = false;
      break;
    case 5:
      p.a2 = false;
      p.m = p.dice.between(4, 30);
      break;
    default:
      p.full_batch = false;
  }
}

const Family families[] = {
    {"leaky", [](Plan& p) { p.leaky(); }},
    {"relu", [](Plan& p) { p.relu(); }},
    {"leaky, orthogonal",
     [](Plan& p) {
       p.leaky();
       p.orthogonality = 0.0;
       p.axes = p.dice.one_in(2);
     }},
    {"relu, orthogonal", relu_orthogonal},
    {"relu, square classes", square_classes},
    {"leaky, zero weights",
     [](Plan& p) {
       p.leaky();
       p.weights = infinity;
       p.norms = std::max(p.norms, 1.5);  // with equal norms, H.4 would hang on rounding
     }},
    {"leaky, beyond",
     [](Plan& p) {
       p.leaky();
       beyond(p);
     }},
    {"relu, beyond",
     [](Plan& p) {
       p.relu();
       beyond(p);
     }},
    {"relu, wide",
     [](Plan& p) {
       p.relu();
       p.n = p.dice.between(2, 3);
       p.m = p.dice.between(240, 260);
     }},
    {"leaky, mirror images",
     [](Plan& p) {
       p.leaky();
       p.n = p.dice.between(1, 4);
       p.mirrored = true;
       p.norms = 1.0;
     }},
    {"linear",
     [](Plan& p) {
       p.leaky();
       p.slope = 1.0;
     }},
};

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const Family& family : families) names.emplace_back(family.name);
  return names;
}

Drawn draw(Dice& dice, std::uint64_t number) {
  const Family& family = families[number % std::size(families)];
  Plan plan{.dice = dice};
  plan.sizes();
  family.change(plan);
  if (plan.slope > 0.0) plan.a2 = false;
  return {family.name, carry_out(plan)};
}

}  // namespace latetime::check_judge
