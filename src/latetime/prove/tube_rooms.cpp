// How far pre-activations can be from those of the reference, and which pairs that leaves open
// (docs/proofs.md, 4).

#include <algorithm>
#include <cmath>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/tube.hpp"

namespace latetime {
namespace {

constexpr double largest_wrong_side = 0.69;  // below log 2: what a step may be (docs/proofs.md, 4)

}  // namespace

const Tube::RoomBlock& Tube::room_block(Eigen::Index k, const PairFlags& free) const {
  const ProofProblem& p = problem();
  const Eigen::Index n = p.n();
  const std::vector<bool>& is_free = free[at(k)];
  std::string key(1, p.sign(k) > 0 ? '+' : '-');
  std::vector<slong> span, all;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double base = base_[at(k)][at(i)];
    key += is_free[at(i)] ? 'f' : base == 1.0 ? '1' : '0';
    if (is_free[at(i)]) span.push_back(i);
    all.push_back(i);
  }
  const auto [place, is_new] = blocks_->try_emplace(key);
  RoomBlock& block = place->second;
  if (!is_new) return block;
  std::optional<BallMatrix> shares(std::in_place, 0, n);
  if (!span.empty()) shares = p.gram().block(span, span).solved(p.gram().block(span, all));
  block.part.resize(n);
  block.touch = Vector::Zero(n);
  block.gamma = BallMatrix(n, n);
  if (!shares) {  // dependent samples: what holds for all, and nothing for the Gram matrix, which
                  // it
    block.part = p.norm().cwiseAbs2();  // would only make larger
    return block;
  }
  const double output = p.output();
  for (Eigen::Index l = 0; l < n; ++l) {
    if (is_free[at(l)]) {
      block.part[l] = p.norm()[l] * p.norm()[l];
      continue;
    }
    Ball projected;
    for (std::size_t s = 0; s < span.size(); ++s) {
      projected.add_product((*shares)(static_cast<slong>(s), l), p.gram()(span[s], l));
    }
    block.part[l] = above(std::max(projected.upper(), 0.0));
    const double slope = base_[at(k)][at(l)];
    for (Eigen::Index i = 0; i < n; ++i) {
      Ball kept = p.gram()(l, i);
      for (std::size_t s = 0; s < span.size(); ++s) {
        kept -= (*shares)(static_cast<slong>(s), l) * p.gram()(span[s], i);
      }
      const double size = output * slope * kept.magnitude();
      block.touch[i] += size * size;
      if (!is_free[at(i)]) {
        block.gamma.set(l, i, kept * Ball(slope * base_[at(k)][at(i)] * p.label(l) * p.label(i)));
      }
    }
  }
  block.touch = block.touch.unaryExpr([](double value) { return above(value); });
  return block;
}

const Matrix& Tube::rooms(const PairFlags& free) const {
  if (rooms_of_ != free) {
    rooms_ = fresh_rooms(free);
    rooms_of_ = free;
  }
  return rooms_;
}

Matrix Tube::fresh_rooms(const PairFlags& free) const {
  const ProofProblem& p = problem();
  const Eigen::Index n = p.n();
  std::vector<const RoomBlock*> blocks;
  std::map<const RoomBlock*, double> counts;
  std::vector<bool> is_live(at(n));
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    blocks.push_back(&room_block(k, free));
    counts[blocks.back()] += 1.0;
    for (Eigen::Index l = 0; l < n; ++l) {
      if (!free[at(k)][at(l)] && base_[at(k)][at(l)] != 0.0) is_live[at(l)] = true;
    }
  }
  std::vector<slong> live;
  for (Eigen::Index l = 0; l < n; ++l) {
    if (is_live[at(l)]) live.push_back(l);
  }
  BallMatrix gamma(static_cast<slong>(live.size()), static_cast<slong>(live.size()));
  const Ball width(static_cast<double>(p.shape().width));
  for (const auto& [block, count] : counts) {
    const Ball weight = Ball(count) / (width * width);
    for (std::size_t l = 0; l < live.size(); ++l) {
      for (std::size_t j = 0; j < live.size(); ++j) {
        gamma.add_product(static_cast<slong>(l), static_cast<slong>(j), weight,
                          block->gamma(live[l], live[j]));
      }
    }
  }
  const double least = least_eigenvalue_bound(gamma);
  Matrix rooms(p.neurons(), n);
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    const RoomBlock& block = *blocks[at(k)];
    for (Eigen::Index i = 0; i < n; ++i) {
      const double touch = block.touch[i] <= 1e-280 ? 0.0 : block.touch[i];
      double room = p.norm()[i];
      if (least > 0.0 || touch == 0.0) {
        const double share = touch == 0.0 ? 0.0 : above(touch / least);
        room = std::min(room, above(std::sqrt(block.part[i] + share)));
      }
      rooms(k, i) = room;
    }
  }
  return rooms;
}

Bounds Tube::range(const Piece& piece, Eigen::Index k, Eigen::Index i, const Tail* tail) const {
  if (tail == nullptr) return curve_.range(piece, k, i);
  if (curve_.mode().slope(k, i) == Declared::sliding) return {0.0, 0.0};
  return {curve_.z()(k, i) - curve_.error(), curve_.z()(k, i) + curve_.error()};
}

/// Pairs whose sign may differ from the slope of the reference on the piece, with where z(Z) is;
/// `free` grows until it is closed. Own pairs count as near within one step (`stride`, over the
/// norm of the sample) of it, too: they must not cross in the step that straddles the end of the
/// piece.
std::map<PairIndex, Bounds> Tube::near(const Piece& piece, double radius, double stride,
                                       const Shift& shift, const PairFlags& sure, PairFlags& free,
                                       const Tail* tail) const {
  const ProofProblem& p = problem();
  for (;;) {
    const Matrix& room = rooms(free);
    PairFlags next = free;
    bool has_grown = false;
    std::map<PairIndex, Bounds> found;
    for (Eigen::Index k = 0; k < p.neurons(); ++k) {
      for (Eigen::Index i = 0; i < p.n(); ++i) {
        const Declared slope = curve_.mode().slope(k, i);
        const double step = p.is_own(k, i) ? stride * p.norm()[i] : 0.0;
        const double margin = above(slip(k, i, room, radius) + step + shift.at(k, i));
        const double z = curve_.z()(k, i);
        if (slope != Declared::sliding &&
            std::abs(z) > above(margin + piece.reach(k, i) + curve_.error()) &&
            (z > 0.0) == (slope == Declared::high)) {
          continue;
        }
        const Bounds where = range(piece, k, i, tail);
        if (slope == Declared::high && where.low > margin) continue;
        if (slope == Declared::low && where.high < -margin) continue;
        found.emplace(PairIndex{k, i}, where);
        // The signs of such an own pair may be known otherwise: decide_own().
        if (p.is_own(k, i) && sure[at(k)][at(i)]) continue;
        if (next[at(k)][at(i)]) continue;
        next[at(k)][at(i)] = true;
        has_grown = true;
      }
    }
    if (!has_grown) return found;
    free = std::move(next);
  }
}

/// A lower bound of the drift of z_ki(W) upwards (`side` 1) or downwards (−1) a unit of log t,
/// whatever the pairs of open sign do, itself among them: docs/proofs.md, (5).
double Tube::drift(Eigen::Index k, Eigen::Index i, double side, const Charge& state,
                   const Vector& high, const Vector& low) const {
  const ProofProblem& p = problem();
  const ReferenceMode& mode = curve_.mode();
  double worst = 0.0;
  for (Eigen::Index l = 0; l < p.n(); ++l) {
    const double pull = p.sign(k) * p.label(l) * side * p.gram_middle()(i, l);
    const bool is_known = mode.slope(k, l) != Declared::sliding &&
                          !(state.free[at(k)][at(l)] && state.found.count({k, l}) > 0);
    const double least = is_known ? p.slope(mode.slope(k, l)) : p.gamma();
    const double most = is_known ? p.slope(mode.slope(k, l)) : 1.0;
    worst += below(std::max(pull - p.gram_error(), 0.0) * least * low[l]) -
             above(std::max(p.gram_error() - pull, 0.0) * most * high[l]);
  }
  worst -= 1e-9 * high.sum() * p.largest_norm() * p.largest_norm();
  if (!(worst > 0.0)) return 0.0;
  return below(p.problem().rate() * worst);
}

/// Own pairs among the open ones: those that provably keep their sign, and those that may not.
void Tube::decide_own(Charge& state, const Vector& high, const Vector& low) const {
  state.kept.clear();
  state.lost.clear();
  for (const auto& [pair, where] : state.found) {
    const auto [k, i] = pair;
    if (!problem().is_own(k, i)) continue;
    const double side = curve_.mode().slope(k, i) == Declared::high ? 1.0 : -1.0;
    const double outward = drift(k, i, side, state, high, low);
    if (state.sure[at(k)][at(i)] && outward > 0.0) {
      state.kept.push_back(pair);
    } else {
      state.lost[pair] = {outward, drift(k, i, -side, state, high, low)};
    }
  }
}

double Tube::shift(Eigen::Index k, Eigen::Index i) const {
  double sum = 0.0;
  for (const auto& [pair, crossing] : crossings_) {
    if (pair.first == k) sum += crossing.shift() * problem().gram_size()(pair.second, i);
  }
  return above(sum);
}

double Tube::shift_norm(const std::map<PairIndex, double>& shifts) const {
  double sum = 0.0;
  for (const auto& [pair, size] : shifts) sum += size * problem().norm()[pair.second];
  return above(sum);
}

Tube::Shift Tube::shift_of(const std::map<PairIndex, double>& shifts) const {
  const ProofProblem& p = problem();
  Shift result{.pairs = {}, .margins = Vector::Zero(p.n())};
  for (const auto& [pair, size] : shifts) {
    Vector& seen = result.pairs.try_emplace(pair.first, Vector::Zero(p.n())).first->second;
    seen += size * p.gram_size().col(pair.second);
  }
  for (auto& [k, seen] : result.pairs) {
    for (Eigen::Index l = 0; l < p.n(); ++l) {
      seen[l] = above(seen[l]);
      const Declared slope = curve_.mode().slope(k, l);
      const double share = slope == Declared::sliding ? 1.0 : p.slope(slope);
      result.margins[l] = above(result.margins[l] + p.output() * share * seen[l]);
    }
  }
  return result;
}

/// At least how far a pre-activation moves in a step at `begin`, over the norm of its sample.
double Tube::stride(const Vector& g_high, double radius, const Shift& shift, double begin) const {
  const ProofProblem& p = problem();
  double sum = 0.0;
  for (Eigen::Index l = 0; l < p.n(); ++l) {
    sum += g_high[l] * std::exp(p.feature_norm()[l] * radius + shift.margins[l]) * p.norm()[l];
  }
  return above(2.0 * p.rate() * p.output() * sum / (begin - 2.0));
}

/// The closed set of free pairs for a radius, and with it bounds of t h_l and t g_l.
Tube::Closed Tube::close(const Piece& piece, double radius, double begin, const Shift& shift,
                         const Tail* tail) const {
  const ProofProblem& p = problem();
  const ReferenceMode& mode = curve_.mode();
  const Eigen::Index n = p.n();
  const double jump = 1.0 - p.gamma();
  Closed closed;
  Charge& state = closed.state;
  state.free = free_;
  state.sure = sure_;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    for (const Eigen::Index s : mode.motion(k).sliding) state.free[at(k)][at(s)] = true;
  }
  closed.g_high.resize(n);
  for (Eigen::Index l = 0; l < n; ++l) {
    closed.g_high[l] = above(piece.high[l] * std::exp(piece.off[l]));
  }
  const double step = tail == nullptr ? stride(closed.g_high, radius, shift, begin) : 0.0;
  for (;;) {
    state.found = near(piece, radius, step, shift, state.sure, state.free, tail);
    closed.wrong_side = Vector::Zero(n);
    closed.hop.clear();
    Vector extra = Vector::Zero(n), low(n);
    closed.high.resize(n);
    for (const auto& [pair, where] : state.found) {
      const auto [k, i] = pair;
      const Declared slope = mode.slope(k, i);
      if (p.is_own(k, i)) {
        extra[i] += p.output() * jump * (where.size() + p.norm()[i] * radius + shift.at(k, i));
        continue;
      }
      const double wrong = slope == Declared::sliding ? where.size()
                           : slope == Declared::low   ? std::max(0.0, where.high)
                                                      : std::max(0.0, -where.low);
      // A pair that its shift alone may take across pays for all of it.
      const double moved = shift.at(k, i);
      closed.wrong_side[i] += p.output() * jump * (wrong + moved);
      closed.hop[k].push_back(i);
    }
    if (!(closed.wrong_side.maxCoeff() < largest_wrong_side)) {
      throw Unproved(
          "pairs on the side of zero that is not theirs change a margin by more than 0.69",
          "prove from a later step");
    }
    for (Eigen::Index l = 0; l < n; ++l) {
      const double room =
          above(p.feature_norm()[l] * radius + closed.wrong_side[l] + shift.margins[l]);
      closed.high[l] = above(closed.g_high[l] * std::exp(room));
      low[l] = std::max(0.0, below(piece.low[l] * std::exp(-above(piece.off[l] + room + extra[l])) *
                                   (1.0 - 4.0 * closed.g_high[l] / begin)));
    }
    decide_own(state, closed.high, low);
    bool is_closed = true;
    for (const auto& [pair, drift] : state.lost) {
      if (state.free[at(pair.first)][at(pair.second)]) continue;
      state.sure[at(pair.first)][at(pair.second)] = false;
      is_closed = false;
    }
    if (is_closed) return closed;
  }
}

}  // namespace latetime
