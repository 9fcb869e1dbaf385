#include "latetime/measure/planar_error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <boost/math/quadrature/gauss_kronrod.hpp>

#include "latetime/model/network.hpp"

namespace latetime {
namespace {

using std::numbers::pi;

// What neurons have outside the plane, relative to the longest one, is rounding below this.
constexpr double flat = 1e-12;

/// A range of angles on which f has one sign: +1, −1, or 0.
struct Sector {
  double from = 0.0, to = 0.0;
  int sign = 0;
  double blur = 0.0;  // how far off its end may be, an angle
};

Eigen::Index longest_row(const Matrix& rows) {
  Eigen::Index longest = 0;
  rows.rowwise().norm().maxCoeff(&longest);
  return longest;
}

/// ⟨g, e_θ⟩ = f(e_θ) on an arc where no activation changes, and the size of the terms of g.
struct ArcSlope {
  Eigen::Vector2d g = Eigen::Vector2d::Zero();
  double size = 0.0;
};

ArcSlope slope_at(const PlanarNetwork& network, double angle) {
  ArcSlope arc;
  const Eigen::Vector2d e(std::cos(angle), std::sin(angle));
  for (Eigen::Index k = 0; k < network.neurons.rows(); ++k) {
    const Eigen::Vector2d w = network.neurons.row(k).transpose();
    const double derivative = activation_derivative(w.dot(e), network.slope);
    arc.g += network.signs[k] * derivative * w;
    arc.size += derivative * w.norm();
  }
  return arc;
}

/// Angles in [0, 2π] where some neuron's activation changes, ascending, with both ends.
std::vector<double> activation_angles(const PlanarNetwork& network) {
  std::vector<double> angles{0.0, 2.0 * pi};
  for (Eigen::Index k = 0; k < network.neurons.rows(); ++k) {
    if (network.neurons.row(k).isZero(0.0)) continue;
    const double direction = std::atan2(network.neurons(k, 1), network.neurons(k, 0));
    for (const double turn : {0.5 * pi, 1.5 * pi}) {
      const double angle = std::fmod(direction + turn + 2.0 * pi, 2.0 * pi);
      angles.push_back(std::clamp(angle, 0.0, 2.0 * pi));
    }
  }
  std::sort(angles.begin(), angles.end());
  return angles;
}

/// Splits an arc where f crosses zero within it.
void add_arc(const PlanarNetwork& network, double from, double to, double accuracy,
             std::vector<Sector>& sectors) {
  if (!(to > from)) return;
  const ArcSlope arc = slope_at(network, 0.5 * (from + to));
  const double norm = arc.g.norm();
  if (norm <= accuracy * arc.size) {
    sectors.push_back({from, to, 0, 0.0});
    return;
  }
  const double blur = std::min(pi, accuracy * arc.size / norm);
  const double direction = std::atan2(arc.g[1], arc.g[0]);
  std::vector<double> cuts{from, to};
  for (double cut = direction - 4.5 * pi; cut < to; cut += pi) {
    if (cut > from) cuts.push_back(cut);
  }
  std::sort(cuts.begin(), cuts.end());
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const double middle = 0.5 * (cuts[i] + cuts[i + 1]);
    sectors.push_back({cuts[i], cuts[i + 1], std::cos(middle - direction) > 0.0 ? 1 : -1, blur});
  }
}

std::vector<Sector> sectors_of(const PlanarNetwork& network, double accuracy) {
  const std::vector<double> angles = activation_angles(network);
  std::vector<Sector> parts;
  for (std::size_t i = 0; i + 1 < angles.size(); ++i) {
    add_arc(network, angles[i], angles[i + 1], accuracy, parts);
  }
  std::vector<Sector> sectors;
  for (const Sector& part : parts) {
    if (!sectors.empty() && sectors.back().sign == part.sign) {
      sectors.back().to = part.to;
      sectors.back().blur = part.blur;
    } else {
      sectors.push_back(part);
    }
  }
  return sectors;
}

/// e^{b²/2} ∫_{−∞}^b e^{−s²/2} ds · b + 1, for any b without overflow.
double radial_factor(double b) {
  constexpr double far = -20.0;  // the terms left out of the series are below 1e-8 of it there
  if (b < far) {
    const double q = 1.0 / (b * b);
    return q * (1.0 - 3.0 * q * (1.0 - 5.0 * q * (1.0 - 7.0 * q * (1.0 - 9.0 * q))));
  }
  return 1.0 + b * std::sqrt(0.5 * pi) * std::exp(0.5 * b * b) * std::erfc(-b / std::sqrt(2.0));
}

/// Density at δ of the angle between a point of N(m, I) in the plane and m, |m| = h.
double angle_density(double delta, double h) {
  const double b = h * std::cos(delta), side = h * std::sin(delta);
  if (b <= 0.0) return std::exp(-0.5 * h * h) * radial_factor(b) / (2.0 * pi);
  return (std::exp(-0.5 * h * h) +
          b * std::sqrt(0.5 * pi) * std::exp(-0.5 * side * side) * std::erfc(-b / std::sqrt(2.0))) /
         (2.0 * pi);
}

struct Mass {
  double value = 0.0, error = 0.0;
};

/// Probability that the angle lies between two angles within [−π, π].
Mass mass_between(double from, double to, double h) {
  std::vector<double> cuts{from, to};
  const double width = 1.0 / std::max(h, 1.0);  // of the density's peak at 0
  for (const double at : {0.0, 1.5, 4.0, 8.0, 16.0, 40.0}) {
    for (const double cut : {at * width, -at * width}) {
      if (cut > from && cut < to) cuts.push_back(cut);
    }
  }
  std::sort(cuts.begin(), cuts.end());
  Mass mass;
  constexpr unsigned depth = 10;
  constexpr double tolerance = 1e-13;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (!(cuts[i + 1] > cuts[i])) continue;
    double error = 0.0;
    mass.value += boost::math::quadrature::gauss_kronrod<double, 31>::integrate(
        [h](double delta) { return angle_density(delta, h); }, cuts[i], cuts[i + 1], depth,
        tolerance, &error);
    mass.error += error;
  }
  return mass;
}

/// Into [−π, π).
double wrapped(double angle) {
  return angle - 2.0 * pi * std::floor((angle + pi) / (2.0 * pi));
}

/// The angle of N(m, noise² I), of which m has the angle `center`.
class AngleLaw {
 public:
  AngleLaw(double center, double h) : center_(center), h_(h) {}

  Mass of(const Sector& sector) const {
    const double length = sector.to - sector.from;
    const double from = wrapped(sector.from - center_), to = from + length;
    if (to <= pi) return mass_between(from, to, h_);
    const Mass before = mass_between(from, pi, h_), after = mass_between(-pi, to - 2.0 * pi, h_);
    return {before.value + after.value, before.error + after.error};
  }
  double density(double angle) const { return angle_density(wrapped(angle - center_), h_); }

 private:
  double center_, h_;
};

int sign_of(double f, double size, double accuracy) {
  if (std::abs(f) <= accuracy * size) return 0;
  return f > 0.0 ? 1 : -1;
}

/// Without noise x is ±μ.
PlanarError error_at_the_means(const PlanarNetwork& network, double accuracy) {
  PlanarError result;
  for (const double y : {1.0, -1.0}) {
    double f = 0.0, size = 0.0;
    for (Eigen::Index k = 0; k < network.neurons.rows(); ++k) {
      const double z =
          y * (network.neurons(k, 0) * network.mean[0] + network.neurons(k, 1) * network.mean[1]);
      f += network.signs[k] * activation(z, network.slope);
      size += std::abs(z);
    }
    const int sign = sign_of(f, size, accuracy);
    if (sign * y <= 0.0) result.wrong += 0.5;
    if (sign == 0) result.zero += 0.5;
  }
  return result;
}

}  // namespace

std::optional<PlanarNetwork> planar_network(const Matrix& neurons, const Vector& mean_products,
                                            const Vector& signs, double slope, double noise_std) {
  PlanarNetwork network{.neurons = Matrix::Zero(neurons.rows(), 2),
                        .signs = signs,
                        .slope = slope,
                        .noise_std = noise_std};
  const double largest = neurons.size() ? neurons.cwiseAbs().maxCoeff() : 0.0;
  if (!(largest > 0.0) || !std::isfinite(largest)) return network;
  Matrix rest = neurons / largest;  // f may be scaled: squares of large weights would overflow
  const Vector products = mean_products / largest;
  const Eigen::Index first = longest_row(rest);
  const double first_norm = rest.row(first).norm();
  const Eigen::RowVectorXd e1 = rest.row(first) / first_norm;
  network.neurons.col(0) = rest * e1.transpose();
  network.mean[0] = products[first] / first_norm;
  rest -= network.neurons.col(0) * e1;
  const Eigen::Index second = longest_row(rest);
  const double second_norm = rest.row(second).norm();
  if (second_norm <= flat * first_norm) return network;
  const Eigen::RowVectorXd e2 = rest.row(second) / second_norm;
  network.neurons.col(1) = rest * e2.transpose();
  network.mean[1] = (products[second] - network.neurons(second, 0) * network.mean[0]) / second_norm;
  network.mean_accuracy = 8.0 * std::numeric_limits<double>::epsilon() *
                          (std::abs(products[second]) + std::abs(products[first])) / second_norm;
  rest -= network.neurons.col(1) * e2;
  if (rest.rowwise().norm().maxCoeff() > flat * first_norm) return std::nullopt;
  return network;
}

PlanarError planar_error(const PlanarNetwork& network, double accuracy) {
  const double size = std::hypot(network.mean[0], network.mean[1]);
  if (!(network.noise_std > 0.0)) return error_at_the_means(network, accuracy);
  const double h = size / network.noise_std;
  const double center = size > 0.0 ? std::atan2(network.mean[1], network.mean[0]) : 0.0;
  const std::array<AngleLaw, 2> laws{AngleLaw(center, h), AngleLaw(center + pi, h)};
  const std::vector<Sector> sectors = sectors_of(network, accuracy);
  PlanarError result;
  for (std::size_t i = 0; i < sectors.size(); ++i) {
    const Sector& sector = sectors[i];
    for (const int label : {1, -1}) {
      const AngleLaw& law = laws[label == 1 ? 0 : 1];
      const Sector& next = sectors[(i + 1) % sectors.size()];
      if (next.sign != sector.sign) {
        result.error += 0.5 * std::max(sector.blur, next.blur) * law.density(sector.to);
      }
      if (sector.sign * label > 0) continue;
      const Mass mass = law.of(sector);
      result.wrong += 0.5 * mass.value;
      if (sector.sign == 0) result.zero += 0.5 * mass.value;
      result.error += 0.5 * mass.error;
    }
  }
  result.wrong = std::min(result.wrong, 1.0);
  result.zero = std::min(result.zero, 1.0);
  result.error += network.mean_accuracy / network.noise_std +
                  16.0 * std::numeric_limits<double>::epsilon() * result.wrong;
  return result;
}

}  // namespace latetime
