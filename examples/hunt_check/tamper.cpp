#include "tamper.hpp"

#include <algorithm>
#include <functional>

#include "judge.hpp"
#include "latetime/theory/step_watch.hpp"

namespace latetime::check_judge {
namespace {

/// A place in the record.
struct Spot {
  std::size_t look;
  Index k, i;
};

std::size_t first_late(const RunTrace& run) {
  std::size_t at = 0;
  while (at < run.snapshots.size() && run.snapshots[at].exact) ++at;
  return at;
}

/// Any recorded time but the start: one of the early ones, of the late ones, or the last.
Spot spot(Dice& dice, const Recorded& record) {
  const auto last = static_cast<Index>(record.run.snapshots.size()) - 1;
  const auto late = std::min(last, static_cast<Index>(first_late(record.run)));
  const std::array<Index, 4> looks{dice.between(1, std::max<Index>(1, std::min<Index>(4, last))),
                                   dice.between(1, std::max<Index>(1, late)),
                                   dice.between(late, last), last};
  return {static_cast<std::size_t>(dice.one_of(looks)),
          dice.between(0, record.setting.neurons() - 1), dice.between(0, record.setting.n() - 1)};
}

double factor(Dice& dice) {
  const double size = dice.power(-5.0, 6.0);
  return dice.one_in(2) ? 1.0 + size : 1.0 / (1.0 + size);
}

bool coefficient(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  double& c = r.run.snapshots[at.look].coefficients(at.k, at.i);
  c *= dice.one_in(4) ? -factor(dice) : factor(dice);
  return c != 0.0;
}

bool neuron(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  const double by = factor(dice);
  for (std::size_t look = at.look; look < r.run.snapshots.size(); ++look) {
    r.run.snapshots[look].coefficients.row(at.k) *= by;
  }
  return true;
}

bool sample(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  const Index m = r.setting.m();
  r.run.snapshots[at.look].coefficients.col(at.i).segment(at.k < m ? 0 : m, m) *= factor(dice);
  return true;
}

bool weights(Dice& dice, Recorded& r) {
  const double by = factor(dice);
  const std::size_t first = dice.one_in(2) ? 1 : spot(dice, r).look;
  for (std::size_t at = first; at < r.run.snapshots.size(); ++at) {
    r.run.snapshots[at].coefficients *= by;
  }
  return true;
}

bool addition(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  const double much = dice.power(-12.0, 4.0);
  Matrix& c = r.run.snapshots[at.look].coefficients;
  c(at.k, at.i) += r.setting.sign(at.k, at.i) * much / r.setting.squares[at.i];
  return true;
}

bool activation(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  double& z = r.run.snapshots[at.look].preactivations(at.k, at.i);
  z *= -factor(dice);
  return z != 0.0;
}

bool loss(Dice& dice, Recorded& r) {
  const std::size_t first = spot(dice, r).look;
  auto& all = r.run.snapshots;
  if (dice.one_in(2)) {
    const double much = dice.power(-3.0, 5.0);
    const std::size_t last = dice.one_in(2) ? first + 1 : all.size();
    for (std::size_t at = first; at < last; ++at) all[at].log_loss += much;
    return true;
  }
  const double by = 1.0 - dice.power(-8.0, -0.01), from = all[first].log_loss;
  for (std::size_t at = first; at < all.size(); ++at) {
    all[at].log_loss = from + by * (all[at].log_loss - from);
  }
  return true;
}

bool rank(Dice& dice, Recorded& r) {
  const std::size_t first = spot(dice, r).look;
  const std::size_t last = dice.one_in(2) ? first + 1 : r.run.snapshots.size();
  const auto part = static_cast<std::size_t>(dice.between(0, 2));
  const double much = dice.one_in(2) ? dice.power(-9.0, 3.0) : dice.power(0.0, 3.0);
  for (std::size_t at = first; at < last; ++at) {
    StableRank& rank = r.run.snapshots[at].stable_ranks[part];
    rank.excess += much;
    rank.value = 1.0 + rank.excess;
  }
  return true;
}

/// The limit and its recorded KKT residual, as a solver would have written them that went wrong.
bool limit(Dice& dice, Recorded& r) {
  if (!r.run.limit) return false;
  Limit& limit = *r.run.limit;
  const Spot at = spot(dice, r);
  Matrix& c = limit.coefficients;
  switch (dice.between(0, 4)) {
    case 0:
      c(at.k, at.i) *= factor(dice);
      break;
    case 1:
      c.row(at.k) *= factor(dice);
      break;
    case 2:
      c.col(at.i) *= factor(dice);
      break;
    case 3:
      c *= factor(dice);
      break;
    default:
      c(at.k, at.i) += r.setting.sign(at.k, at.i) * dice.power(-9.0, 3.0) / r.setting.squares[at.i];
  }
  limit.kkt_residual = std::max(limit.kkt_residual, kkt_violation(r.setting, c));
  return true;
}

bool fate(Dice& dice, Recorded& r) {
  if (!r.run.limit) return false;
  const Spot at = spot(dice, r);
  PairVerdict& verdict =
      r.run.limit->verdicts[static_cast<std::size_t>(at.k * r.setting.n() + at.i)];
  const auto before = verdict;
  verdict = dice.one_of(std::array{PairVerdict::active, PairVerdict::inactive,
                                   PairVerdict::switches, PairVerdict::undecided});
  return verdict != before;
}

/// An own-class pair that crossed while the flow went on.
bool event(Dice& dice, Recorded& r) {
  if (!r.run.late.reached) return false;
  const Spot at = spot(dice, r);
  if (!r.setting.own(at.k, at.i)) return false;
  const double from = r.run.late.from.log();
  const double theta = from + dice.uniform(0.0, 1.0) * (dice.one_in(2) ? 1.0 : 1e4);
  r.run.late.add({.log_time = theta,
                  .neuron = at.k,
                  .sample = at.i,
                  .cause = FlowCause::own_crosses,
                  .decided = true},
                 r.run.setting);
  r.evidence.last_own = std::max(r.evidence.last_own, theta);
  if (r.setting.starts(at.k, at.i) > 0.0) r.evidence.start_lost = true;
  return true;
}

bool sliding(Dice& dice, Recorded& r) {
  r.run.snapshots[spot(dice, r).look].sliding_pairs += 1;
  return true;
}

bool recorded_norm(Dice& dice, Recorded& r) {
  Snapshot& snapshot = r.run.snapshots[spot(dice, r).look];
  double squares = 0.0;
  for (Index k = 0; k < r.setting.neurons(); ++k) {
    squares += (r.setting.w0.row(k) + snapshot.coefficients.row(k) * r.setting.x).squaredNorm();
  }
  snapshot.norm_w = std::sqrt(squares) * (1.0 + dice.sign() * dice.power(-14.0, -1.0));
  return true;
}

/// A few hundred steps, one of them recorded wrongly.
bool steps(Dice& dice, Recorded& r) {
  const auto last = static_cast<std::uint64_t>(dice.between(2, 300));
  const auto step = static_cast<std::uint64_t>(dice.between(1, static_cast<Index>(last)));
  const Spot at = spot(dice, r);
  const double by = factor(dice);
  const auto kind = dice.between(0, 3);
  StepWatch watch(r.run.setting);
  StepJudge judge(r.setting);
  walk(r.setting, last, [&](std::uint64_t now, const Grid& c, const Grid& z) {
    Grid wrong_c = c, wrong_z = z;
    if (now == step) {
      if (kind == 0) wrong_c(at.k, at.i) *= by;
      if (kind == 1) wrong_c.row(at.k) *= by;
      if (kind == 2) wrong_c(at.k, at.i) *= -1.0;
      if (kind == 3) wrong_z(at.k, at.i) *= -by;
    }
    watch.look(now, wrong_c, wrong_z);
    judge.look(now, wrong_c, wrong_z);
  });
  r.run.steps = watch.account();
  Evidence& e = r.evidence;
  e.steps = judge.steps();
  e.last_own = std::max(e.last_own, e.steps.last_own);
  e.last_other = std::max(e.last_other, e.steps.last_other);
  return true;
}

/// Another draw of a neuron, which no lemma on the initial weights allows.
bool start(Dice& dice, Recorded& r) {
  const Spot at = spot(dice, r);
  Grid w0 = r.setting.w0;
  switch (dice.between(0, 2)) {
    case 0:
      w0.row(at.k) *= factor(dice);
      break;
    case 1:
      w0.row(at.k) += dice.power(-3.0, 2.0) * r.setting.sigma * r.setting.x.row(at.i).normalized() *
                      std::sqrt(static_cast<double>(r.setting.d()));
      break;
    default: {  // many neurons turn towards a sample
      const auto turned = dice.between(1, r.setting.m());
      for (Index k = 0; k < turned; ++k) {
        if (r.setting.z0(k, at.i) < 0.0) w0.row(k) *= -1.0;
        if (r.setting.z0(k + r.setting.m(), at.i) < 0.0) w0.row(k + r.setting.m()) *= -1.0;
      }
    }
  }
  const Setting& s = r.setting;
  r.setting = Setting(s.x, s.y, w0, s.slope, s.eta, s.sigma, s.full_batch);
  Network network = r.run.setting.problem.initial;
  network.weights = w0;
  r.run.setting =
      ClaimSetting({r.run.setting.problem.data, network, s.eta}, r.run.setting.descent, s.sigma);
  return true;
}

/// max |⟨w⁰, x_i⟩|, from which the small quantities follow.
bool inner_products(Dice& dice, Recorded& r) {
  r.run.setting.beta *= 1.0 + dice.power(-3.0, 6.0);
  r.setting.beta = r.run.setting.beta;
  return true;
}

struct Kind {
  const char* name;
  std::function<bool(Dice&, Recorded&)> change;
  std::vector<std::string> claims = {};
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{{"coefficient", coefficient},
                                     {"neuron", neuron},
                                     {"sample", sample},
                                     {"weights", weights},
                                     {"addition", addition},
                                     {"activation", activation},
                                     {"loss", loss},
                                     {"rank", rank},
                                     {"limit", limit},
                                     {"fate", fate},
                                     {"event", event},
                                     {"sliding", sliding},
                                     {"norm", recorded_norm, {"5.1"}},
                                     {"steps", steps},
                                     {"start", start, {"A.1", "A.2"}},
                                     {"inner products", inner_products, {"B.5-B.7", "E.5-E.7"}}};
  return all;
}

Fate fate_of(PairVerdict verdict) {
  switch (verdict) {
    case PairVerdict::active:
      return Fate::active;
    case PairVerdict::inactive:
      return Fate::inactive;
    case PairVerdict::switches:
      return Fate::switches;
    case PairVerdict::undecided:
      return Fate::undecided;
  }
  return Fate::undecided;
}

}  // namespace

Recorded read_record(const RunTrace& run, const Setting& setting, const Evidence& own) {
  Recorded record{run, setting, own};
  Evidence& e = record.evidence;
  e.band = 1e-6;
  e.looks.clear();
  e.end.reset();
  for (const Snapshot& snapshot : run.snapshots) {
    const auto& ranks = snapshot.stable_ranks;
    e.looks.push_back({.theta = snapshot.log_time(),
                       .exact = snapshot.exact,
                       .derived = snapshot.derived,
                       .c = snapshot.coefficients,
                       .z = snapshot.preactivations,
                       .log_loss = snapshot.log_loss,
                       .excess = {ranks[0].excess, ranks[1].excess, ranks[2].excess},
                       .norm = snapshot.norm_w,
                       .slides = snapshot.sliding_pairs > 0});
    if (snapshot.sliding_pairs > 0) e.last_other = std::max(e.last_other, snapshot.log_time());
  }
  if (const Limit* limit = run.sure_limit()) {
    Ending end{.c = limit->coefficients, .fates = {}, .kkt = limit->kkt_residual};
    for (const PairVerdict verdict : limit->verdicts) end.fates.push_back(fate_of(verdict));
    e.end = std::move(end);
  }
  return record;
}

std::vector<std::string> tamper_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.emplace_back(kind.name);
  return names;
}

std::vector<std::string> claims_of(const std::string& name) {
  for (const Kind& kind : kinds()) {
    if (kind.name == name) return kind.claims;
  }
  return {};
}

bool tamper(const std::string& name, Dice& dice, Recorded& record) {
  for (const Kind& kind : kinds()) {
    if (kind.name != name) continue;
    if (!kind.change(dice, record)) return false;
    record = read_record(record.run, record.setting, record.evidence);
    return true;
  }
  return false;
}

}  // namespace latetime::check_judge
