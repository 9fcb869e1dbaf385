#include "latetime/prove/reference_curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"

namespace latetime {
namespace {

std::vector<SlopeRow> slopes_at_start(const std::vector<std::vector<bool>>& active,
                                      const std::vector<SlopeChange>& starts) {
  std::vector<SlopeRow> slopes;
  for (const auto& row : active) {
    SlopeRow declared;
    for (const bool on : row) declared.push_back(on ? Declared::high : Declared::low);
    slopes.push_back(std::move(declared));
  }
  for (const SlopeChange& start : starts) slopes[at(start.neuron)][at(start.sample)] = start.slope;
  return slopes;
}

std::vector<std::vector<bool>> activity(const std::vector<BallVector>& z) {
  std::vector<std::vector<bool>> active;
  for (const BallVector& row : z) {
    std::vector<bool> on;
    for (const Ball& value : row) on.push_back(!value.is_negative());
    active.push_back(std::move(on));
  }
  return active;
}

}  // namespace

std::vector<BallVector> preactivation_balls(const ProofProblem& problem, const Matrix& weights) {
  const auto dim = static_cast<slong>(weights.cols());
  BallMatrix left(static_cast<slong>(weights.rows()), dim);
  BallMatrix right(dim, static_cast<slong>(problem.n()));
  for (Eigen::Index k = 0; k < weights.rows(); ++k) {
    for (slong j = 0; j < dim; ++j) left.set(k, j, Ball(weights(k, j)));
  }
  for (Eigen::Index i = 0; i < problem.n(); ++i) {
    for (slong j = 0; j < dim; ++j) right.set(j, i, Ball(problem.data().x(i, j)));
  }
  const BallMatrix product = left * right;
  std::vector<BallVector> z(at(weights.rows()), BallVector(at(problem.n())));
  for (Eigen::Index k = 0; k < weights.rows(); ++k) {
    for (Eigen::Index i = 0; i < problem.n(); ++i) {
      Ball& value = z[at(k)][at(i)];
      value = product(k, i);
      if (value.is_positive() || value.is_negative()) continue;
      const bool is_zero = (weights.row(k).array() * problem.data().x.row(i).array() == 0.0).all();
      if (!is_zero) {
        throw Unproved(fmt::format("the sign of the pre-activation of neuron {} at sample {} is "
                                   "hidden by rounding",
                                   k, i),
                       "take weights of another step");
      }
      value = Ball();
    }
  }
  return z;
}

Bounds polynomial_range(const BallVector& coefficients, double length) {
  const std::size_t degree = coefficients.size() - 1;
  BallVector scaled;
  Ball power(1.0);
  for (const Ball& c : coefficients) {
    scaled.push_back(c * power);
    power *= Ball(length);
  }
  Bounds range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i <= degree; ++i) {
    Ball value = scaled[0];
    Ball ratio(1.0);  // C(i, j) / C(degree, j)
    for (std::size_t j = 1; j <= i; ++j) {
      ratio *= Ball(static_cast<double>(i - j + 1)) / Ball(static_cast<double>(degree - j + 1));
      value.add_product(ratio, scaled[j]);
    }
    const Enclosure bounds = value.enclosure();
    range.low = std::min(range.low, bounds.lower);
    range.high = std::max(range.high, bounds.upper);
  }
  return range;
}

ReferenceCurve::ReferenceCurve(const ProofProblem& problem, const Matrix& weights,
                               std::uint64_t step, const std::vector<SlopeChange>& starts)
    : problem_(&problem),
      z_(preactivation_balls(problem, weights)),
      active_(activity(z_)),
      mode_(problem, slopes_at_start(active_, starts)),
      step_(step) {
  coefficients_.assign(z_.size(), BallVector(at(problem.n())));
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const auto& sliding = mode_.motion(k).sliding;
    if (!sliding.empty()) take_to_zero(k, {sliding.begin(), sliding.end()});
  }
  start_square_ = above(start_square_);
  travel_ = above(weights.norm()) + above(std::sqrt(start_square_));
  round();
}

/// Takes a combination of the sliding samples from row k that makes their pre-activations zero.
void ReferenceCurve::take_to_zero(Eigen::Index k, const std::vector<slong>& sliding) {
  BallVector& z = z_[at(k)];
  BallMatrix values(static_cast<slong>(sliding.size()), 1);
  for (std::size_t s = 0; s < sliding.size(); ++s) {
    values.set(static_cast<slong>(s), 0, z[static_cast<std::size_t>(sliding[s])]);
  }
  const auto shares = problem_->gram().block(sliding, sliding).solved(values);
  if (!shares) {
    throw Unproved("samples of sliding pairs depend on each other",
                   "leave out samples that are multiples or combinations of others");
  }
  Ball square;
  for (std::size_t s = 0; s < sliding.size(); ++s) {
    const Ball share = (*shares)(static_cast<slong>(s), 0);
    square.add_product(share, values(static_cast<slong>(s), 0));
    coefficients_[at(k)][static_cast<std::size_t>(sliding[s])] -= share;
    for (Eigen::Index i = 0; i < problem_->n(); ++i) {
      z[at(i)] -= share * problem_->gram()(i, sliding[s]);
    }
  }
  for (const slong s : sliding) z[static_cast<std::size_t>(s)] = Ball();
  start_square_ += square.magnitude();
}

void ReferenceCurve::round() {
  middle_.resize(problem_->neurons(), problem_->n());
  double worst = 0.0;
  for (Eigen::Index k = 0; k < middle_.rows(); ++k) {
    for (Eigen::Index i = 0; i < middle_.cols(); ++i) {
      middle_(k, i) = z_[at(k)][at(i)].middle();
      worst = std::max(worst, (z_[at(k)][at(i)] - Ball(middle_(k, i))).magnitude());
    }
  }
  error_ = above(worst);
}

Enclosure ReferenceCurve::log_time() const {
  return (theta_ + log(Ball(static_cast<double>(step_)))).enclosure();
}

Bounds ReferenceCurve::time() const {
  const Enclosure bounds = (exp(theta_) * Ball(static_cast<double>(step_))).enclosure();
  return {below(bounds.lower), above(bounds.upper)};
}

Ball ReferenceCurve::log_multiplier(Eigen::Index l) const {
  Ball sum;
  for (Eigen::Index k = 0; k < problem_->neurons(); ++k) {
    const Declared slope = mode_.slope(k, l);
    if (slope == Declared::sliding || problem_->slope(slope) == 0.0) continue;
    sum.add_product(Ball(problem_->sign(k) * problem_->slope(slope)), z_[at(k)][at(l)]);
  }
  const Ball margin =
      Ball(problem_->label(l)) * sum / Ball(static_cast<double>(problem_->shape().width));
  return theta_ + log(Ball(static_cast<double>(step_))) - margin;
}

std::pair<Vector, double> ReferenceCurve::multipliers() const {
  Vector values(problem_->n());
  double slide = 0.0, rounding = 0.0;
  for (Eigen::Index l = 0; l < problem_->n(); ++l) {
    const Ball logarithm = log_multiplier(l);
    values[l] = exp(logarithm).middle();
    if (!(values[l] > 1e-250)) {
      throw Unproved(fmt::format("the multiplier of sample {} underflows", l),
                     "scale the samples, or train with a smaller learning rate");
    }
    rounding = std::max(rounding, (log(Ball(values[l])) - logarithm).magnitude());
    double zeros = 0.0;
    for (Eigen::Index k = 0; k < problem_->neurons(); ++k) {
      if (mode_.slope(k, l) != Declared::sliding) continue;
      zeros += problem_->output() * (std::abs(middle_(k, l)) + error_);
    }
    slide = std::max(slide, zeros);
  }
  return {values, above(rounding + slide)};
}

Matrix ReferenceCurve::series(const Vector& start, Eigen::Index degree) const {
  const Matrix& kernel = mode_.kernel_middle();
  const Eigen::Index n = start.size();
  Matrix series = Matrix::Zero(n, degree + 1);
  Matrix rates(n, degree + 1);
  series.col(0) = start;
  for (Eigen::Index j = 0; j < degree; ++j) {
    rates.col(j) = -(kernel * series.col(j));
    if (j == 0) rates.col(0).array() += 1.0;
    for (Eigen::Index a = 0; a <= j; ++a) {
      series.col(j + 1).array() += series.col(a).array() * rates.col(j - a).array();
    }
    series.col(j + 1) /= static_cast<double>(j + 1);
  }
  return series;
}

/// At least |log E_i| at the end of the piece less that at its beginning: h Σ|P_j| h^j / min λ̂_i.
Vector ReferenceCurve::off_growth(const Piece& piece) const {
  const Eigen::Index n = problem_->n();
  const auto degree = static_cast<std::size_t>(piece.degree());
  std::vector<BallVector> series(at(n)), rate(at(n));
  for (Eigen::Index l = 0; l < n; ++l) {
    for (std::size_t j = 0; j <= degree; ++j) {
      series[at(l)].emplace_back(piece.multipliers(l, static_cast<Eigen::Index>(j)));
    }
  }
  for (std::size_t j = 0; j <= degree; ++j) {
    BallVector column;
    for (Eigen::Index l = 0; l < n; ++l) column.push_back(series[at(l)][j]);
    for (Eigen::Index i = 0; i < n; ++i) {
      Ball value = -dot(mode_.kernel()[at(i)], column);
      if (j == 0) value += Ball(1.0);
      rate[at(i)].push_back(value);
    }
  }
  Vector growth(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    double sum = 0.0, power = 1.0;
    for (std::size_t j = 0; j <= 2 * degree; ++j) {
      const std::size_t first = j > degree ? j - degree : 0, last = std::min(j, degree);
      Ball coefficient = -dot_reversed(series[at(i)].data() + first,
                                       rate[at(i)].data() + (j - last), last - first + 1);
      if (j < degree) coefficient += Ball(static_cast<double>(j + 1)) * series[at(i)][j + 1];
      sum += coefficient.magnitude() * power;
      power *= piece.length;
    }
    growth[i] = above(piece.length * sum / piece.low[i]);
  }
  return growth;
}

Piece ReferenceCurve::piece(double length, Eigen::Index degree) const {
  const Eigen::Index n = problem_->n();
  const auto [start, error] = multipliers();
  Piece piece;
  piece.length = length;
  piece.multipliers = series(start, degree);
  piece.low.resize(n);
  piece.high.resize(n);
  piece.drift = Vector::Zero(n);
  for (Eigen::Index l = 0; l < n; ++l) {
    double wiggle = 0.0, power = 1.0;
    for (Eigen::Index j = 1; j <= degree; ++j) {
      const double c = std::abs(piece.multipliers(l, j));
      piece.drift[l] += static_cast<double>(j) * c * power;
      power *= length;
      wiggle += c * power;
    }
    piece.drift[l] = above(piece.drift[l]);
    piece.low[l] = below(start[l] - above(wiggle));
    piece.high[l] = above(start[l] + wiggle);
    if (!(piece.low[l] > 0.0)) {
      throw Unproved(fmt::format("the multiplier of sample {} is not bounded below on a piece", l),
                     "prove from a later step");
    }
  }
  piece.integral = integral(piece, length);
  piece.off = off_growth(piece).array() + error;
  piece.off = piece.off.unaryExpr([](double value) { return above(value); });
  piece.end.resize(z_.size());
  piece.reach.resize(problem_->neurons(), n);
  Vector total(n);
  for (Eigen::Index l = 0; l < n; ++l) total[l] = piece.integral[at(l)].upper();
  for (Eigen::Index k = 0; k < problem_->neurons(); ++k) {
    const NeuronMotion& motion = mode_.motion(k);
    for (Eigen::Index i = 0; i < n; ++i) {
      piece.end[at(k)].push_back(z_[at(k)][at(i)] + dot(motion.move[at(i)], piece.integral));
    }
    piece.reach.row(k) = (motion.move_size * total).transpose();
  }
  piece.reach = piece.reach.unaryExpr([](double value) { return above(value); });
  return piece;
}

BallVector ReferenceCurve::integral(const Piece& piece, double time) const {
  BallVector result;
  for (Eigen::Index l = 0; l < problem_->n(); ++l) {
    Ball sum, power(time);
    for (Eigen::Index j = 0; j <= piece.degree(); ++j) {
      sum += Ball(piece.multipliers(l, j)) * power / Ball(static_cast<double>(j + 1));
      power *= Ball(time);
    }
    result.push_back(sum);
  }
  return result;
}

BallVector ReferenceCurve::coefficient_change(Eigen::Index k, const BallVector& integral) const {
  const NeuronMotion& motion = mode_.motion(k);
  BallVector effective(integral.size());
  for (std::size_t s = 0; s < motion.sliding.size(); ++s) {
    effective[at(motion.sliding[s])] = dot(motion.hold[s], integral);
  }
  for (Eigen::Index l = 0; l < problem_->n(); ++l) {
    const Declared slope = mode_.slope(k, l);
    if (slope != Declared::sliding) {
      effective[at(l)] = Ball(problem_->slope(slope)) * integral[at(l)];
    }
    effective[at(l)] *= problem_->factor() * Ball(problem_->sign(k) * problem_->label(l));
  }
  return effective;
}

Bounds ReferenceCurve::range(const Piece& piece, Eigen::Index k, Eigen::Index i) const {
  const auto [place, is_new] = piece.ranges.try_emplace({k, i});
  if (!is_new) return place->second;
  Bounds& range = place->second;
  const BallVector& row = mode_.motion(k).move[at(i)];
  BallVector coefficients{z_[at(k)][at(i)]};
  for (Eigen::Index j = 0; j <= piece.degree(); ++j) {
    Ball sum;
    for (Eigen::Index l = 0; l < problem_->n(); ++l) {
      sum.add_product(row[at(l)], Ball(piece.multipliers(l, j)));
    }
    coefficients.push_back(sum / Ball(static_cast<double>(j + 1)));
  }
  range = polynomial_range(coefficients, piece.length);
  return range;
}

void ReferenceCurve::advance(const Piece& piece) {
  z_ = piece.end;
  for (Eigen::Index k = 0; k < problem_->neurons(); ++k) {
    const BallVector change = coefficient_change(k, piece.integral);
    for (std::size_t l = 0; l < change.size(); ++l) coefficients_[at(k)][l] += change[l];
  }
  theta_ += Ball(piece.length);
  Vector total(problem_->n());
  for (Eigen::Index l = 0; l < total.size(); ++l) total[l] = piece.integral[at(l)].upper();
  travel_ = above(travel_ + problem_->length(total));
  round();
}

double ReferenceCurve::change(const std::vector<SlopeChange>& changes) {
  const auto [lambda, error] = multipliers();
  std::vector<bool> is_changed(at(problem_->neurons()));
  for (const SlopeChange& change : changes) {
    mode_.set(change.neuron, change.sample, change.slope);
    is_changed[at(change.neuron)] = true;
  }
  mode_.update();
  const double count = static_cast<double>(std::count(is_changed.begin(), is_changed.end(), true));
  return above(4.0 * count * problem_->output() * problem_->rate() * lambda.dot(problem_->norm()) *
               std::exp(error));
}

void ReferenceCurve::jump(double distance) {
  error_ = above(error_ + distance * problem_->largest_norm());
}

}  // namespace latetime
