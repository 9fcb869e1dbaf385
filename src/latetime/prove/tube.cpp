#include "latetime/prove/tube.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"

namespace latetime {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

std::string pair_text(const PairIndex& pair) {
  return fmt::format("neuron {} at sample {}", pair.first, pair.second);
}

// Radii are larger than what was found by this share, and grow by that one while they are looked
// for; beyond the last of these the proof gives up.
constexpr double slack = 1e-4, growth = 1e-2, largest_radius = 1e3;
constexpr int most_trials = 60;

const char* const later = "prove from a later step";

}  // namespace

/// What the last piece has in place of a piece's defects.
struct Tube::Tail {
  LimitBalls limit;
  std::vector<bool> on_support;
  Matrix speeds;  ///< |⟨v_k, x_i⟩| from below, neurons × n; 0 where v_k = 0
  Vector margin;  ///< μ_l from below
};

Tube::Tube(ReferenceCurve curve, double start_distance)
    : curve_(std::move(curve)),
      start_distance_(start_distance),
      blocks_(std::make_shared<std::map<std::string, RoomBlock>>()) {
  const ProofProblem& p = problem();
  const double distance = above(start_distance + std::sqrt(curve_.start_square()));
  // A checker knows squares to 10⁻²⁰.
  square_ = 2e-20 + (start_distance > 0.0 ? above(distance * distance) : curve_.start_square());
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    std::vector<bool> free, sure;
    std::vector<double> base;
    for (Eigen::Index i = 0; i < p.n(); ++i) {
      const Declared slope = curve_.mode().slope(k, i);
      free.push_back(slope == Declared::sliding);
      base.push_back(slope == Declared::sliding ? 0.0 : p.slope(slope));
      const double z = std::abs(curve_.z()(k, i)) - curve_.error();
      sure.push_back(slope != Declared::sliding &&
                     curve_.was_active(k, i) == (slope == Declared::high) &&
                     (start_distance == 0.0 || z > above(start_distance * p.norm()[i])));
    }
    std::vector<bool> open;
    for (Eigen::Index i = 0; i < p.n(); ++i) {
      const bool is_high = curve_.mode().slope(k, i) == Declared::high;
      open.push_back(free[at(i)] || curve_.was_active(k, i) != is_high);
    }
    ever_open_.push_back(std::move(open));
    free_.push_back(std::move(free));
    sure_.push_back(std::move(sure));
    base_.push_back(std::move(base));
  }
}

double Tube::slip(Eigen::Index k, Eigen::Index i, const Matrix& rooms, double radius) const {
  return above(rooms(k, i) * (radius + start_distance_) + start_distance_ * problem().norm()[i]);
}

double Tube::radius() const {
  return above(above(std::sqrt(square_)) + linear_);
}

/// Largest |α − slope of W| of a pair that may hop.
double Tube::hop_gap(Eigen::Index k, Eigen::Index i, const Piece& piece) const {
  const ProofProblem& p = problem();
  const double jump = 1.0 - p.gamma();
  if (curve_.mode().slope(k, i) != Declared::sliding) return jump;
  const NeuronMotion& motion = curve_.mode().motion(k);
  const auto place = std::find(motion.sliding.begin(), motion.sliding.end(), i);
  const auto row = motion.hold_middle.row(place - motion.sliding.begin());
  double least = 0.0, most = 0.0, size = 0.0;
  for (Eigen::Index l = 0; l < p.n(); ++l) {
    least += row[l] * (row[l] > 0.0 ? piece.low[l] : piece.high[l]);
    most += row[l] * (row[l] > 0.0 ? piece.high[l] : piece.low[l]);
    size += std::abs(row[l]) * piece.high[l];
  }
  const double rounding = 8.0 * unit_roundoff * static_cast<double>(p.n() + 4) * size;
  const double upper = piece.low[i] > 0.0 ? (most + rounding) / piece.low[i] : 1.0;
  const double lower = piece.high[i] > 0.0 ? (least - rounding) / piece.high[i] : p.gamma();
  return above(std::min(jump, std::max({upper - p.gamma(), 1.0 - lower, 0.0}) + 1e-9));
}

/// How far β̂ of a sliding pair leaves [γλ̂, λ̂] on the piece.
double Tube::excess(const Piece& piece, Eigen::Index s, const Eigen::RowVectorXd& hold) const {
  const double gamma = problem().gamma();
  if (gamma == 0.0 && hold.isZero(0.0)) return 0.0;
  const double size = hold.cwiseAbs().dot(piece.high) + piece.high[s];
  const double rounding = 40.0 * unit_roundoff * static_cast<double>(problem().n()) * size;
  double worst = 0.0;
  for (const auto& [side, bound] : {std::pair{1.0, gamma}, std::pair{-1.0, 1.0}}) {
    const Eigen::RowVectorXd gap =
        side * (hold * piece.multipliers - bound * piece.multipliers.row(s));
    double wiggle = 0.0, power = 1.0;
    for (Eigen::Index j = 1; j < gap.size(); ++j) {
      power *= piece.length;
      wiggle += std::abs(gap[j]) * power;
    }
    if (gap[0] - above(wiggle) > 1e-12 * size) continue;
    BallVector coefficients;
    for (const double c : gap) coefficients.emplace_back(c);
    const double low = polynomial_range(coefficients, piece.length).low;
    worst = std::max(worst, above(std::max(0.0, -low) + rounding));
  }
  return worst;
}

/// q |a| ‖x‖ (β̂ outside [γλ̂, λ̂]) over all sliding pairs: what no slope in [γ, 1] gives.
double Tube::clipped(const Piece& piece) const {
  const ProofProblem& p = problem();
  std::map<const NeuronMotion*, double> known;
  double total = 0.0;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    const NeuronMotion& motion = curve_.mode().motion(k);
    const auto [place, is_new] = known.try_emplace(&motion, 0.0);
    if (is_new) {
      for (std::size_t s = 0; s < motion.sliding.size(); ++s) {
        const Eigen::Index sample = motion.sliding[s];
        const Eigen::RowVectorXd hold = motion.hold_middle.row(static_cast<Eigen::Index>(s));
        place->second += excess(piece, sample, hold) * p.norm()[sample] * p.rate() * p.output();
      }
    }
    total += place->second;
  }
  return total;
}

/// Squares and linear part of a piece's defects (docs/proofs.md, 3 and 5).
std::pair<double, double> Tube::defects(const Piece& piece, const Closed& closed, double duration,
                                        double inverse) const {
  const ProofProblem& p = problem();
  const Vector drift =
      piece.high.array() * piece.off.unaryExpr([](double off) { return std::expm1(off); }).array();
  const Vector curl = closed.g_high.array().square() + 0.5 * (piece.drift + piece.high).array();
  const double square = above(2.0 * p.rate() * closed.high.dot(closed.wrong_side) * duration);
  const double linear = above(p.length(drift * above(1.0)) * duration) +
                        above(clipped(piece) * duration) + above(p.length(curl) * inverse);
  return {square, above(linear)};
}

std::pair<double, double> Tube::tail_charges(const Tail& tail, const Piece& piece,
                                             const Vector& high, double begin) const {
  const ProofProblem& p = problem();
  double square = 0.0;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    for (Eigen::Index i = 0; i < p.n(); ++i) {
      const Declared slope = curve_.mode().slope(k, i);
      if (slope == Declared::sliding || p.is_own(k, i)) continue;
      const Bounds where = range(piece, k, i, &tail);
      const double wrong = std::max(0.0, slope == Declared::low ? where.high : -where.low);
      if (wrong == 0.0) continue;
      if (!(tail.speeds(k, i) > 0.0)) {
        throw Unproved(fmt::format("{} does not come to the side that it stays on in the limit",
                                   pair_text({k, i})),
                       "take other initial weights: the neuron of the limit is zero");
      }
      square += 2.0 * p.rate() * high[i] * p.output() * (1.0 - p.gamma()) * wrong *
                (wrong / tail.speeds(k, i) + 3.0 / (begin - 2.0));
    }
  }
  const double inverse = above(1.0 / (begin - 2.0));
  Vector curl = Vector::Zero(p.n());
  double linear = 0.0;
  for (Eigen::Index l = 0; l < p.n(); ++l) {
    if (tail.on_support[at(l)]) {
      curl[l] = piece.high[l] * (piece.high[l] + 0.5);
    } else {
      linear += p.rate() * p.feature_norm()[l] * piece.high[l] * std::exp(piece.off[l]) *
                (inverse + 1.0 / (tail.margin[l] - 1.0));
    }
  }
  return {above(square), above(linear + p.length(curl) * inverse)};
}

Unproved Tube::grows_without_end() const {
  return Unproved(
      fmt::format("the bound of the distance to the reference grows without end at log(t/T) = "
                  "{:.6g}",
                  curve_.theta()),
      later);
}

Tube::Charge Tube::fitted(const Piece& piece, double& radius) const {
  const Bounds now = curve_.time();
  return fitted(piece, radius, {now.low, above(now.high * std::exp(piece.length))}, nullptr);
}

Tube::Charge Tube::fitted(const Piece& piece, double& radius, Bounds time, const Tail* tail) const {
  radius = std::max(radius, this->radius() * (1.0 + slack));
  for (int trial = 0; trial < most_trials; ++trial) {
    Charge trial_charge = charge(piece, radius, time, tail);
    const double wanted = std::sqrt(square_ + trial_charge.square) + linear_ + trial_charge.linear;
    if (wanted * (1.0 + slack) <= radius) return trial_charge;
    radius = wanted * (1.0 + growth);
    if (!(radius < largest_radius)) break;
  }
  throw grows_without_end();
}

/// Charges for shifts that are assumed, larger ones until they are seen to be large enough.
Tube::Charge Tube::charge(const Piece& piece, double radius, Bounds time, const Tail* tail) const {
  std::map<PairIndex, double> assumed;
  for (const auto& [pair, crossing] : crossings_) assumed[pair] = crossing.shift();
  for (int trial = 0; trial < most_trials; ++trial) {
    Charge found = charge_shifted(piece, radius, time, assumed, tail);
    bool is_enough = true;
    for (const auto& [pair, size] : found.shifts) {
      const auto known = assumed.find(pair);
      if (known != assumed.end() && size <= known->second) continue;
      assumed[pair] = size * (1.0 + growth);
      is_enough = false;
    }
    if (is_enough) return found;
  }
  throw grows_without_end();
}

Tube::Charge Tube::charge_shifted(const Piece& piece, double radius, Bounds time,
                                  const std::map<PairIndex, double>& shifts,
                                  const Tail* tail) const {
  const ProofProblem& p = problem();
  const double begin = time.low;
  const Shift shift = shift_of(shifts);
  Closed closed = close(piece, radius, begin, shift, tail);
  Charge& state = closed.state;
  if (tail != nullptr && !state.lost.empty()) {
    throw Unproved(fmt::format("{}, of the same class, is not proved to keep its sign for ever",
                               pair_text(state.lost.begin()->first)),
                   later, true);
  }
  const double duration = above(piece.length + 3.0 / (begin - 2.0));
  const double inverse =
      above(1.0 / (begin - 2.0) - (time.high == infinite ? 0.0 : below(1.0 / time.high)));
  const double trace = p.feature_norm().squaredNorm();
  const double share = shift.is_none() ? 0.5 : 1.0;
  const double damp = 1.0 - above(share * p.rate() * trace * closed.high.maxCoeff() / begin);
  if (!(damp > 0.1)) {
    if (above(0.5 * p.rate() * trace * closed.g_high.maxCoeff() / begin) < 0.9) {
      throw grows_without_end();
    }
    throw Unproved("steps are not short: the learning rate is large for this step", later);
  }
  double hops = 0.0;
  for (const auto& [k, samples] : closed.hop) {
    Vector sizes = Vector::Zero(p.n());
    for (const Eigen::Index i : samples) sizes[i] = closed.g_high[i] * hop_gap(k, i, piece);
    hops += sizes.dot(p.gram_size() * sizes);
  }
  state.square = above(p.rate() * p.rate() * p.output() * p.output() * hops / damp * inverse);
  const auto [square, linear] = tail != nullptr ? tail_charges(*tail, piece, closed.high, begin)
                                                : defects(piece, closed, duration, inverse);
  state.square += square;
  state.linear = linear;
  state.square += above(p.rate() * closed.high.dot(shift.margins.cwiseAbs2()) * duration);
  charge_own(state, closed.high, shift, radius, piece.length, duration, begin);
  return std::move(state);
}

/// Mismatches of own pairs on a piece: added to the linear part, or kept apart as shifts of
/// crossings.
void Tube::charge_own(Charge& state, const Vector& high, const Shift& shift, double radius,
                      double length, double duration, double begin) const {
  const ProofProblem& p = problem();
  state.crossings.clear();
  for (const auto& [pair, crossing] : crossings_) {
    const auto lost = state.lost.find(pair);
    const bool goes_on = lost != state.lost.end() &&
                         (crossing.is_past ? lost->second.outward : lost->second.inward) > 0.0;
    if (goes_on) {
      state.crossings[pair] = crossing;
    } else {
      state.linear += above(crossing.shift() * p.norm()[pair.second]);
    }
  }
  for (auto next = state.lost.begin(); next != state.lost.end();) {
    const auto [pair, speed] = *next++;
    const auto [k, i] = pair;
    const double push = above(p.rate() * p.output() * (1.0 - p.gamma()) * high[i]);
    const double size = state.found.at(pair).size() + above(p.norm()[i] * radius + shift.at(k, i));
    state.linear += above(push * size * p.feature_norm()[i] * duration);
    const bool begins = crossings_.count(pair) == 0 && sure_[at(k)][at(i)] && speed.inward > 0.0;
    if (begins) state.crossings[pair].was_free = free_[at(k)][at(i)];
    const auto known = state.crossings.find(pair);
    if (known == state.crossings.end()) {
      state.linear += above(push * p.norm()[i] * duration);
      continue;
    }
    Crossing& crossing = known->second;
    if (!crossing.is_past) {
      crossing.early += above(push * duration);
      state.shifts[pair] = crossing.shift();
      continue;
    }
    crossing.late += above(
        push * std::min(duration, above(crossing.depth / speed.outward + 6.0 / (begin - 2.0))));
    state.shifts[pair] = crossing.shift();
    crossing.depth -= below(speed.outward * std::max(0.0, length - 6.0 / (begin - 2.0)));
    if (crossing.depth > 0.0) continue;
    state.merged += above(crossing.shift() * p.norm()[i]);
    state.crossings.erase(known);
    state.lost.erase(pair);
  }
}

/// The shift of a crossing joins the distance.
void Tube::merge(const PairIndex& pair) {
  const auto known = crossings_.find(pair);
  if (known == crossings_.end()) return;
  linear_ = above(linear_ + known->second.shift() * problem().norm()[pair.second]);
  crossings_.erase(known);
}

/// Returns whether the sign of a pair is open on the piece.
bool Tube::commit(const Charge& charge, double radius) {
  square_ = above(square_ + charge.square);
  linear_ = above(linear_ + charge.linear);
  crossings_ = charge.crossings;
  if (!(this->radius() <= radius)) {
    throw Unproved(fmt::format("the distance may exceed {:.6g} at log(t/T) = {:.6g}: it is at most "
                               "{:.6g}",
                               radius, curve_.theta(), this->radius()),
                   later);
  }
  linear_ = above(linear_ + charge.merged);
  free_ = charge.free;
  for (Eigen::Index k = 0; k < problem().neurons(); ++k) {
    for (Eigen::Index i = 0; i < problem().n(); ++i) {
      if (problem().is_own(k, i)) sure_[at(k)][at(i)] = charge.lost.count({k, i}) == 0;
    }
  }
  bool is_open = false;
  for (const auto& [pair, where] : charge.found) {
    const bool is_kept =
        std::find(charge.kept.begin(), charge.kept.end(), pair) != charge.kept.end();
    if (is_kept) continue;
    is_open = true;
    ever_open_[at(pair.first)][at(pair.second)] = true;
  }
  return is_open;
}

void Tube::take(const Piece& piece, const Charge& charge, double radius) {
  const bool is_open = commit(charge, radius);
  curve_.advance(piece);
  if (is_open) last_open_ = curve_.theta();  // at its end they may be open still
  // The next piece begins with multipliers rounded anew: the step across feels the difference.
  const Vector fresh = curve_.multipliers().first;
  Vector jump(fresh.size());
  for (Eigen::Index l = 0; l < jump.size(); ++l) {
    double end = 0.0;
    for (Eigen::Index j = piece.degree(); j >= 0; --j) {
      end = end * piece.length + piece.multipliers(l, j);
    }
    jump[l] = std::abs(fresh[l] - end) + 2e-12 * piece.high[l];
  }
  linear_ = above(linear_ + problem().length(jump) / (curve_.time().low - 1.0));
}

void Tube::change(const std::vector<SlopeChange>& changes) {
  const ProofProblem& p = problem();
  std::vector<std::pair<bool, bool>> before;  // whether the pair was free, and sure
  for (const SlopeChange& change : changes) {
    const bool is_own = p.is_own(change.neuron, change.sample);
    if (is_own && change.slope == Declared::sliding) {
      throw Unproved(fmt::format("{}, of the same class, cannot slide",
                                 pair_text({change.neuron, change.sample})),
                     later);
    }
    const std::size_t k = at(change.neuron), i = at(change.sample);
    before.emplace_back(free_[k][i], sure_[k][i]);
    free_[k][i] = true;
    ever_open_[k][i] = true;
    if (is_own) sure_[k][i] = false;
  }
  const Vector old = curve_.multipliers().first;
  const double last = curve_.time().low - 1.0;
  linear_ = above(linear_ + curve_.change(changes) / last);
  const auto [fresh, off] = curve_.multipliers();
  const Vector jump = (fresh - old).cwiseAbs() + 2e-12 * (fresh + old);
  linear_ = above(linear_ + p.length(jump) / last);
  const double step =
      p.rate() * p.output() * p.largest_norm() * fresh.dot(p.norm()) * 2.0 * std::exp(off) / last;
  for (std::size_t j = 0; j < changes.size(); ++j) {
    if (!p.is_own(changes[j].neuron, changes[j].sample)) continue;
    cross(changes[j], before[j].first, before[j].second, step);
  }
}

/// The reference crosses with an own pair. If W has not crossed yet, it is not deep on the old
/// side, as it has had no mismatch of this pair so far.
void Tube::cross(const SlopeChange& change, bool was_free, bool was_sure, double step) {
  const auto [k, i, slope] = change;
  const double gap = std::abs(curve_.z()(k, i)) + curve_.error() + step;
  const auto known = crossings_.find({k, i});
  const bool crosses_once = known != crossings_.end() ? !known->second.is_past : was_sure;
  if (!crosses_once) {
    merge({k, i});
    crossings_[{k, i}] = {.depth = above(problem().norm()[i] * radius() + shift(k, i) + gap),
                          .is_past = true};
    return;
  }
  Crossing crossing = known != crossings_.end() ? known->second : Crossing{.was_free = was_free};
  crossings_.erase({k, i});
  PairFlags others = free_;
  others[at(k)][at(i)] = crossing.was_free;
  crossing.depth = above(slip(k, i, fresh_rooms(others), radius()) + shift(k, i) + gap);
  crossing.is_past = true;
  crossings_[{k, i}] = crossing;
}

namespace {

/// The pattern of the limit; a neuron that no support sample moves stays behind, whatever its
/// slopes are elsewhere.
LimitPattern pattern_of(const ProofProblem& p, const ReferenceMode& mode,
                        const std::vector<bool>& support, std::vector<bool>& rests) {
  LimitPattern pattern{.verdicts = {}, .support = support};
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    const NeuronMotion& motion = mode.motion(k);
    bool is_still = p.gamma() == 0.0;
    for (Eigen::Index l = 0; l < p.n(); ++l) {
      if (!support[at(l)]) continue;
      if (mode.slope(k, l) == Declared::high) is_still = false;
    }
    for (std::size_t s = 0; s < motion.sliding.size() && is_still; ++s) {
      for (Eigen::Index l = 0; l < p.n(); ++l) {
        if (support[at(l)] && !motion.hold[s][at(l)].is_zero()) is_still = false;
      }
    }
    rests.push_back(is_still);
    for (Eigen::Index i = 0; i < p.n(); ++i) {
      const Declared slope = mode.slope(k, i);
      pattern.verdicts.push_back(is_still || slope == Declared::low ? PairVerdict::inactive
                                 : slope == Declared::high          ? PairVerdict::active
                                                                    : PairVerdict::switches);
    }
  }
  return pattern;
}

}  // namespace

/// A lower bound of the least eigenvalue of every G_SS, S the sliding pairs of a neuron.
double Tube::least_of_sliding() const {
  const ProofProblem& p = problem();
  if (p.least() > 0.0) return p.least();
  double least = std::numeric_limits<double>::infinity();
  std::set<const NeuronMotion*> known;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    const NeuronMotion& motion = curve_.mode().motion(k);
    if (motion.sliding.empty() || !known.insert(&motion).second) continue;
    const std::vector<slong> sliding(motion.sliding.begin(), motion.sliding.end());
    least = std::min(least, least_eigenvalue_bound(p.gram().block(sliding, sliding)));
  }
  return least;
}

/// Z jumps to exact weights of the straight line. Returns how far; makes the piece that stands for
/// all of the line.
double Tube::enter_tail(const Tail& tail, Piece& piece) {
  const ProofProblem& p = problem();
  const Eigen::Index n = p.n();
  const auto [start, error] = curve_.multipliers();
  const double begin = curve_.time().low;
  double slide = 0.0;
  std::vector<slong> support;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    for (const Eigen::Index s : curve_.mode().motion(k).sliding) {
      const double z = std::abs(curve_.z()(k, s)) + curve_.error();
      slide += z * z;
    }
  }
  const double first = slide > 0.0 ? above(std::sqrt(slide / least_of_sliding())) : 0.0;
  Vector straddled = Vector::Zero(n);
  double residual = 0.0;
  for (Eigen::Index l = 0; l < n; ++l) {
    straddled[l] = (Ball(start[l]) - tail.limit.multipliers[at(l)]).magnitude();
    if (!tail.on_support[at(l)]) continue;
    support.push_back(l);
    const Ball& lambda = tail.limit.multipliers[at(l)];
    const double off =
        (curve_.log_multiplier(l) - log(lambda)).magnitude() + error + p.feature_norm()[l] * first;
    residual += off * off;
  }
  BallMatrix kernel(static_cast<slong>(support.size()), static_cast<slong>(support.size()));
  for (std::size_t l = 0; l < support.size(); ++l) {
    for (std::size_t j = 0; j < support.size(); ++j) {
      kernel.set(static_cast<slong>(l), static_cast<slong>(j),
                 curve_.mode().kernel()[at(support[l])][at(support[j])]);
    }
  }
  const double least = least_eigenvalue_bound(kernel);
  if (!(least > 0.0)) throw Unproved("the kernel of the support is not proved positive", later);
  const double jump = above(first + above(std::sqrt(residual * p.rate() / least)));
  linear_ = above(linear_ + jump + p.length(straddled) / (begin - 1.0));
  curve_.jump(jump);
  piece.low = Vector::Zero(n);
  piece.high = start.unaryExpr([](double value) { return above(value); });
  piece.off = Vector::Zero(n);
  for (Eigen::Index l = 0; l < n; ++l) {
    if (tail.on_support[at(l)]) {
      const Enclosure bounds = tail.limit.multipliers[at(l)].enclosure();
      piece.low[l] = below(bounds.lower);
      piece.high[l] = above(bounds.upper);
    } else {
      piece.off[l] = above(error + p.feature_norm()[l] * jump);
    }
  }
  piece.multipliers = piece.high;
  piece.drift = Vector::Zero(n);
  piece.reach = Matrix::Zero(p.neurons(), n);
  return jump;
}

LimitBalls Tube::tail(double& radius, const std::vector<bool>& support, double& jump) {
  const ProofProblem& p = problem();
  std::vector<bool> rests;
  Proof<LimitBalls> limit =
      enclose_limit(p.problem(), pattern_of(p, curve_.mode(), support, rests));
  if (!is_proved(limit)) {
    const NotProved& open = std::get<NotProved>(limit);
    throw Unproved(open.reason, open.remedy);
  }
  Tail tail{.limit = std::move(std::get<LimitBalls>(limit)),
            .on_support = support,
            .speeds = Matrix::Zero(p.neurons(), p.n()),
            .margin = Vector::Ones(p.n())};
  for (const ModeBalls& mode : tail.limit.modes) {
    for (const Eigen::Index k : mode.neurons) {
      if (rests[at(k)]) continue;
      for (Eigen::Index i = 0; i < p.n(); ++i) {
        const Enclosure z = mode.preactivations[at(i)].enclosure();
        tail.speeds(k, i) = below(std::max({z.lower, -z.upper, 0.0}));
      }
    }
  }
  for (Eigen::Index l = 0; l < p.n(); ++l) tail.margin[l] = tail.limit.margins[at(l)].lower();
  while (!crossings_.empty()) merge(crossings_.begin()->first);
  Piece piece;
  const double begin = curve_.time().low;
  jump = enter_tail(tail, piece);
  const Charge last = fitted(piece, radius, {begin, infinite}, &tail);
  if (commit(last, radius)) last_open_ = curve_.theta();
  speeds_ = std::make_shared<const Matrix>(std::move(tail.speeds));
  return std::move(tail.limit);
}

std::optional<double> Tube::settled_from() const {
  const ProofProblem& p = problem();
  const Matrix& room = rooms(free_);
  double latest = last_open_;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    for (Eigen::Index i = 0; i < p.n(); ++i) {
      const Declared slope = curve_.mode().slope(k, i);
      if (slope == Declared::sliding) continue;
      const double z = curve_.z()(k, i);
      const double out = (slope == Declared::high ? z : -z) - curve_.error();
      const double gap = slip(k, i, room, radius()) - out;
      if (gap < 0.0) continue;
      const double speed = (*speeds_)(k, i);
      if (!(speed > 0.0)) return std::nullopt;
      latest = std::max(latest, curve_.theta() + above(gap / speed + 1e-12));
    }
  }
  return latest;
}

}  // namespace latetime
