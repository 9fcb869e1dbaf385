#include "latetime/prove/curve_search.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/optimize/box_qp.hpp"
#include "latetime/prove/bounds.hpp"
#include "latetime/prove/certificate.hpp"

namespace latetime {
namespace {

constexpr Eigen::Index degree = 16;       // of pieces on which multipliers move
constexpr double longest_piece = 0.75;    // of them, in log t
constexpr double longest_straight = 1e3;  // of a piece on which they rest
constexpr double most_wiggle = 0.6;       // of a multiplier on a piece, relative
constexpr double series_end = 1e-9;       // of a series' last term, relative
constexpr int most_pieces = 4000;
// Gaps that are zero to rounding: of pre-activations, and of β/λ.
constexpr double zero_gap = 1e-9, zero_share = 1e-8;
constexpr double passed_gap = -1e-11, passed_share = -1e-9;

const char* const other_step = "prove from a later step, or take other samples";

char letter(Declared slope) {
  return slope == Declared::sliding ? 's' : slope == Declared::high ? '1' : '0';
}

Vector powers(double time, Eigen::Index count) {
  Vector result(count);
  double power = 1.0;
  for (Eigen::Index j = 0; j < count; ++j) {
    result[j] = power;
    power *= time;
  }
  return result;
}

/// t, t²/2, t³/3, …
Vector integrated_powers(double time, Eigen::Index count) {
  Vector result = powers(time, count) * time;
  for (Eigen::Index j = 0; j < count; ++j) result[j] /= static_cast<double>(j + 1);
  return result;
}

/// Times are logarithms in doubles: how far the reference moves while one of them is rounded.
double time_rounding(const ProofProblem& problem, double log_time, const Vector& multipliers) {
  return above(16.0 * unit_roundoff * (std::abs(log_time) + 1.0) * problem.length(multipliers));
}

}  // namespace

CurveSearch::CurveSearch(const ProofProblem& problem, const Matrix& weights, std::uint64_t step,
                         const ProofOptions& options)
    : problem_(&problem),
      step_(step),
      options_(options),
      products_(std::make_shared<const WeightProducts>(problem, weights)) {
  const std::vector<SlopeChange> begin = starts(weights);
  std::map<Eigen::Index, std::string> slides;
  for (const SlopeChange& start : begin) {
    if (start.slope == Declared::sliding) slides[start.neuron] += fmt::format(" {}", start.sample);
  }
  for (const auto& [k, samples] : slides) lines_.push_back(fmt::format("slide {}{}", k, samples));
  for (const SlopeChange& start : begin) {
    if (start.slope != Declared::sliding) note_change(start, "start");
  }
  tube_.emplace(ReferenceCurve(problem, weights, step, begin),
                options.start_distance.value_or(0.0));
  look_at_mode();
}

void CurveSearch::note_change(const SlopeChange& change, const char* word) {
  lines_.push_back(
      fmt::format("{} {} {} {}", word, change.neuron, change.sample, letter(change.slope)));
}

/// Other-class pairs that are within a few steps of zero at T, and what they do there.
std::vector<SlopeChange> CurveSearch::starts(const Matrix& weights) const {
  const Matrix z = preactivations(weights, problem_->data().x);
  const Eigen::Index n = problem_->n();
  std::vector<SlopeRow> slopes(at(z.rows()), SlopeRow(at(n)));
  Vector outputs = Vector::Zero(n);
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool on = z(k, i) >= 0.0;
      slopes[at(k)][at(i)] = on ? Declared::high : Declared::low;
      outputs[i] += problem_->sign(k) * (on ? 1.0 : problem_->gamma()) * z(k, i);
    }
  }
  Vector lambda(n);
  const auto width = static_cast<double>(problem_->shape().width);
  for (Eigen::Index i = 0; i < n; ++i) {
    lambda[i] = static_cast<double>(step_) *
                problem_->problem().loss.multiplier(problem_->label(i) * outputs[i] / width);
  }
  std::vector<SlopeChange> result;
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    std::vector<Eigen::Index> zero;
    for (Eigen::Index i = 0; i < n; ++i) {
      const double reach = 4.0 * problem_->rate() * problem_->output() * lambda[i] *
                           problem_->gram_middle()(i, i) / static_cast<double>(step_);
      if (!problem_->is_own(k, i) && std::abs(z(k, i)) <= reach) zero.push_back(i);
    }
    for (const SlopeChange& change : decide(k, zero, slopes[at(k)], lambda)) {
      if (change.slope != slopes[at(k)][at(change.sample)]) result.push_back(change);
    }
  }
  return result;
}

/// Slopes of the other-class pairs `zero` of neuron k, which are at zero: a box QP for the
/// effective multipliers that keep them there. `slopes`: of its other pairs.
std::vector<SlopeChange> CurveSearch::decide(Eigen::Index k, const std::vector<Eigen::Index>& zero,
                                             const SlopeRow& slopes, const Vector& lambda) const {
  const auto count = static_cast<Eigen::Index>(zero.size());
  if (count == 0) return {};
  Eigen::MatrixXd gram(count, count);
  Vector force = Vector::Zero(count), upper(count);
  std::vector<bool> is_zero(slopes.size());
  for (const Eigen::Index i : zero) is_zero[at(i)] = true;
  for (Eigen::Index r = 0; r < count; ++r) {
    for (Eigen::Index s = 0; s < count; ++s) {
      gram(r, s) = problem_->gram_middle()(zero[at(r)], zero[at(s)]);
    }
    upper[r] = lambda[zero[at(r)]];
    for (Eigen::Index l = 0; l < problem_->n(); ++l) {
      if (is_zero[at(l)] || slopes[at(l)] == Declared::sliding) continue;
      force[r] += problem_->sign(k) * problem_->label(l) * problem_->slope(slopes[at(l)]) *
                  lambda[l] * problem_->gram_middle()(l, zero[at(r)]);
    }
  }
  const Vector lower = problem_->gamma() * upper;
  const BoxQpResult solution = solve_box_qp(gram, force, lower, upper);
  std::vector<SlopeChange> result;
  for (Eigen::Index r = 0; r < count; ++r) {
    const double share = (solution.x[r] / upper[r] - problem_->gamma()) / (1.0 - problem_->gamma());
    const Declared slope = share < 1e-10         ? Declared::low
                           : share > 1.0 - 1e-10 ? Declared::high
                                                 : Declared::sliding;
    result.push_back({k, zero[at(r)], slope});
  }
  return result;
}

void CurveSearch::look_at_mode() {
  const ReferenceMode& mode = curve().mode();
  side_.resize(problem_->neurons(), problem_->n());
  sliders_.clear();
  std::vector<Eigen::RowVectorXd> rows;
  for (Eigen::Index k = 0; k < side_.rows(); ++k) {
    for (Eigen::Index i = 0; i < side_.cols(); ++i) {
      const Declared slope = mode.slope(k, i);
      side_(k, i) = slope == Declared::sliding ? 0.0 : slope == Declared::high ? 1.0 : -1.0;
    }
    const NeuronMotion& motion = mode.motion(k);
    for (std::size_t s = 0; s < motion.sliding.size(); ++s) {
      sliders_.push_back({k, motion.sliding[s]});
      rows.push_back(motion.hold_middle.row(static_cast<Eigen::Index>(s)));
    }
  }
  hold_.resize(static_cast<Eigen::Index>(rows.size()), problem_->n());
  for (std::size_t s = 0; s < rows.size(); ++s) hold_.row(static_cast<Eigen::Index>(s)) = rows[s];
}

Matrix CurveSearch::speeds(const Vector& lambda) const {
  Matrix result(problem_->neurons(), problem_->n());
  for (Eigen::Index k = 0; k < result.rows(); ++k) {
    result.row(k) = (curve().mode().motion(k).move_middle * lambda).transpose();
  }
  return result;
}

CurveSearch::Gaps CurveSearch::gaps(const Vector& lambda, const Vector& total) const {
  Gaps result{(curve().z() + speeds(total)).cwiseProduct(side_), Vector(hold_.rows())};
  const Vector beta = hold_ * lambda;
  for (std::size_t s = 0; s < sliders_.size(); ++s) {
    if (side_(sliders_[s].neuron, sliders_[s].sample) != 0.0) continue;
    const double own = lambda[sliders_[s].sample];
    const double share = beta[static_cast<Eigen::Index>(s)];
    result.slides[static_cast<Eigen::Index>(s)] =
        std::min(share - problem_->gamma() * own, own - share) / own;
  }
  result.pairs = (side_.array() == 0.0).select(1e300, result.pairs);
  return result;
}

CurveSearch::Gaps CurveSearch::gaps_at(const Matrix& series, double time) const {
  return gaps(series * powers(time, series.cols()),
              series * integrated_powers(time, series.cols()));
}

/// The earliest time in (0, length] at which a gap is negative.
std::optional<double> CurveSearch::first_event(const Matrix& series, double length) const {
  const int cells = series.cols() == 1 ? 1 : std::max(1, static_cast<int>(std::ceil(8 * length)));
  const Gaps now = gaps_at(series, 0.0);
  // Pairs that are on the wrong side by rounding already may stay there.
  const Matrix floor = (2.0 * now.pairs.array().min(0.0) + passed_gap).matrix();
  double low = 0.0;
  for (int cell = 1; cell <= cells; ++cell) {
    double high = length * cell / cells;
    const Gaps there = gaps_at(series, high);
    if (!(there.pairs.array() < floor.array()).any() &&
        !(there.slides.array() < passed_share).any()) {
      low = high;
      continue;
    }
    for (int halving = 0; halving < 80; ++halving) {
      const double middle = (low + high) / 2;
      const Gaps inside = gaps_at(series, middle);
      const bool is_past = (inside.pairs.array() < passed_gap / 10).any() ||
                           (inside.slides.array() < passed_share / 10).any();
      (is_past ? high : low) = middle;
    }
    return high;
  }
  return std::nullopt;
}

/// When an own-class pair crosses at `length`: the length of a piece that ends before its zone
/// begins, if there is one.
std::optional<double> CurveSearch::before_own(const Matrix& series, double length) const {
  const Gaps there = gaps_at(series, length);
  const Matrix speed = speeds(series * powers(length, series.cols()));
  const Matrix& rooms = tube_->rooms(tube_->free());
  double zone = 0.0;
  for (Eigen::Index k = 0; k < side_.rows(); ++k) {
    for (Eigen::Index i = 0; i < side_.cols(); ++i) {
      if (!problem_->is_own(k, i) || !(there.pairs(k, i) < zero_gap)) continue;
      if (tube_->free()[at(k)][at(i)]) continue;
      zone = std::max(zone, 1.03 * (tube_->slip(k, i, rooms, radius_) + tube_->shift(k, i)) /
                                std::abs(speed(k, i)));
    }
  }
  if (zone == 0.0 || !(length - zone > 0.02 * zone)) return std::nullopt;
  return length - zone;
}

double CurveSearch::piece_length(const Matrix& series) const {
  double length = longest_piece;
  const auto is_too_long = [&] {
    const Vector scale = powers(length, series.cols());
    for (Eigen::Index l = 0; l < series.rows(); ++l) {
      double wiggle = 0.0;
      for (Eigen::Index j = 1; j < series.cols(); ++j) {
        wiggle += std::abs(series(l, j)) * scale[j];
      }
      const double last = std::abs(series(l, series.cols() - 1)) * scale[series.cols() - 1];
      if (wiggle > most_wiggle * series(l, 0) || last > series_end * series(l, 0)) return true;
    }
    return false;
  };
  while (is_too_long()) length *= 0.8;
  return length;
}

void CurveSearch::advance(double length, Eigen::Index piece_degree) {
  if (options_.keep_going && !options_.keep_going()) throw Interrupted();
  const Piece piece = curve().piece(length, piece_degree);
  const Tube::Charge charge = tube_->fitted(piece, radius_);
  const double distance =
      charge.shifts.empty() ? radius_ : above(radius_ + tube_->shift_norm(charge.shifts));
  radii_.emplace_back(curve().theta(), distance);
  lines_.push_back(
      fmt::format("piece {} {} {}", hexadecimal(length), piece_degree, hexadecimal(radius_)));
  enclose_along(piece, distance);
  tube_->take(piece, charge, radius_);
}

/// At the times that were asked for and lie on a piece which begins now, where the weights are no
/// farther than `distance` from the reference.
void CurveSearch::enclose_along(const Piece& piece, double distance) {
  const double begin = std::log(static_cast<double>(step_)) + curve().theta();
  const Eigen::Index neurons = problem_->neurons();
  for (; next_time_ < options_.log_times.size(); ++next_time_) {
    const double after = options_.log_times[next_time_] - begin;
    if (after >= piece.length) return;
    if (after < 0.0) continue;
    const BallVector integral = curve().integral(piece, after);
    std::vector<BallVector> c = curve().coefficients(), z(at(neurons));
    for (Eigen::Index k = 0; k < neurons; ++k) {
      const BallVector change = curve().coefficient_change(k, integral);
      z[at(k)] = curve().z_balls(k);
      for (std::size_t l = 0; l < change.size(); ++l) {
        c[at(k)][l] += change[l];
        z[at(k)][l] += dot(curve().mode().motion(k).move[l], integral);
      }
    }
    const double time = options_.log_times[next_time_];
    enclosures_.push_back(products_->enclose(
        time, c, z, above(distance + time_rounding(*problem_, time, piece.high))));
  }
}

/// On the straight line, whose exact weights are no farther than `distance` from the reference.
void CurveSearch::enclose_line(double distance) {
  const double begin = std::log(static_cast<double>(step_)) + curve().theta();
  Vector multipliers(problem_->n());
  for (Eigen::Index l = 0; l < multipliers.size(); ++l) {
    multipliers[l] = limit_->multipliers[at(l)].upper();
  }
  for (; next_time_ < options_.log_times.size(); ++next_time_) {
    const double time = options_.log_times[next_time_];
    const Ball after(std::max(0.0, time - begin));
    std::vector<BallVector> c = curve().coefficients(), z(at(problem_->neurons()));
    for (const ModeBalls& mode : limit_->modes) {
      for (const Eigen::Index k : mode.neurons) {
        z[at(k)] = curve().z_balls(k);
        for (std::size_t l = 0; l < at(problem_->n()); ++l) {
          c[at(k)][l].add_product(after, mode.coefficients[l]);
          z[at(k)][l].add_product(after, mode.preactivations[l]);
        }
      }
    }
    enclosures_.push_back(products_->enclose(
        time, c, z, above(distance + time_rounding(*problem_, time, multipliers))));
  }
}

/// Decides every neuron with a gap that is zero and falls.
void CurveSearch::change_now() {
  const Vector lambda = curve().multipliers().first;
  const Gaps now = gaps(lambda, Vector::Zero(problem_->n()));
  const Matrix speed = speeds(lambda).cwiseProduct(side_);
  std::set<Eigen::Index> neurons;
  for (Eigen::Index k = 0; k < side_.rows(); ++k) {
    for (Eigen::Index i = 0; i < side_.cols(); ++i) {
      if (now.pairs(k, i) < zero_gap && speed(k, i) < 0.0) neurons.insert(k);
    }
  }
  for (std::size_t s = 0; s < sliders_.size(); ++s) {
    if (now.slides[static_cast<Eigen::Index>(s)] < zero_share) neurons.insert(sliders_[s].neuron);
  }
  // Just after: a pair whose share lies at a bound leaves to where it moves.
  const Vector rate =
      (Vector::Ones(problem_->n()) - curve().mode().kernel_middle() * lambda).cwiseProduct(lambda);
  const Vector after = lambda + 1e-6 * rate;
  std::vector<SlopeChange> changes;
  for (const Eigen::Index k : neurons) {
    SlopeRow slopes = curve().mode().slopes(k);
    std::vector<Eigen::Index> zero;
    for (Eigen::Index i = 0; i < problem_->n(); ++i) {
      Declared& slope = slopes[at(i)];
      if (!problem_->is_own(k, i)) {
        if (std::abs(curve().z()(k, i)) < zero_gap) zero.push_back(i);
      } else if (now.pairs(k, i) < zero_gap && speed(k, i) < 0.0) {
        slope = slope == Declared::high ? Declared::low : Declared::high;
        changes.push_back({k, i, slope});
      }
    }
    for (const SlopeChange& change : decide(k, zero, slopes, after)) {
      if (change.slope != curve().mode().slope(k, change.sample)) changes.push_back(change);
    }
  }
  if (changes.empty()) return;
  for (const SlopeChange& change : changes) note_change(change, "set");
  changes_.push_back(curve().theta());
  tube_->change(changes);
  look_at_mode();
}

bool CurveSearch::all_outward(const Vector& lambda) const {
  return !(speeds(lambda).cwiseProduct(side_).array() < -1e-13).any();
}

/// The straight end, after a straight piece if own-class pairs need it.
void CurveSearch::finish(const Vector& lambda) {
  support_.clear();
  for (const double value : lambda) support_.push_back(value > 1e-5 * lambda.maxCoeff());
  std::optional<Unproved> first;
  for (const double wait : {0.0, 2.0, 5.0, 20.0, 60.0, 200.0}) {
    const CurveSearch before = *this;
    try {
      if (wait > 0.0) advance(wait, 0);
      const double begin = curve().theta();
      double jump = 0.0;
      limit_ = tube_->tail(radius_, support_, jump);
      enclose_line(above(radius_ + jump));
      radii_.emplace_back(begin, radius_);
      lines_.push_back(fmt::format("tail {} {}", hexadecimal(radius_), support_word(support_)));
      return;
    } catch (const Unproved& open) {
      if (!first) first = open;
      *this = before;
      if (!open.passes) throw;
    }
  }
  throw *first;
}

/// How long own pairs that the reference has crossed with need until W has, too; nothing if there
/// are none.
std::optional<double> CurveSearch::crossing_zone() const {
  std::optional<double> zone;
  const Vector lambda = curve().multipliers().first;
  const Matrix speed = speeds(lambda);
  for (const auto& [pair, crossing] : tube_->crossings()) {
    const auto [k, i] = pair;
    if (!crossing.is_past) continue;
    // W still has the slope of the old side, with which it is slower.
    const double turn = (1.0 - problem_->gamma()) * problem_->rate() * problem_->output() *
                        problem_->gram_middle()(i, i) * lambda[i];
    const double before = speed(k, i) * side_(k, i) - turn;
    if (before > 0.0) zone = std::max(zone.value_or(0.0), 0.6 * crossing.depth / before);
  }
  return zone;
}

void CurveSearch::run() {
  std::optional<double> zone;
  double stretch = 1.0;
  for (int count = 0; count < most_pieces; ++count) {
    const Vector lambda = curve().multipliers().first;
    const Vector unrest =
        (Vector::Ones(problem_->n()) - curve().mode().kernel_middle() * lambda).cwiseAbs();
    const bool rests = unrest.cwiseProduct(lambda).maxCoeff() < 2e-10 * lambda.maxCoeff();
    if (rests && all_outward(lambda)) {
      finish(lambda);
      return;
    }
    const Eigen::Index piece_degree = rests ? 0 : degree;
    const Matrix series = curve().series(lambda, piece_degree);
    double length = rests ? longest_straight : piece_length(series);
    if (zone) length = std::min(length, *zone);
    zone.reset();
    const std::optional<double> event = first_event(series, length);
    if (event) {
      if (const auto before = before_own(series, *event)) {
        advance(*before, piece_degree);
        continue;
      }
      length = *event;
    }
    if (length > 1e-14) advance(length, piece_degree);
    if (event) change_now();
    zone = crossing_zone();
    stretch = zone ? 2.0 * stretch : 1.0;
    if (zone) *zone *= stretch;
  }
  throw Unproved("the reference does not come to a straight end in 4000 pieces", other_step);
}

}  // namespace latetime
