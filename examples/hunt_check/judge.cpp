#include "judge.hpp"

#include <algorithm>
#include <map>

#include "support/dense.hpp"

namespace latetime::check_judge {
namespace {

constexpr double large = 10.0, moderate = 100.0, delta = 0.05;

/// Collects what a conclusion asks for. A value within a band of its bound leaves a doubt.
class Verdict {
 public:
  explicit Verdict(double band) : band_(band) {}

  void at_most(double value, double bound) { at_most(value, bound, band_ * std::abs(bound)); }
  void at_most(double value, double bound, double band) {
    if (!(value <= bound + band)) {
      lower(Truth::broken);
    } else if (!(value <= bound - band)) {
      lower(Truth::doubt);
    }
  }
  void at_least(double value, double bound) { at_most(-value, -bound); }
  /// Of small numbers that should be zero: up to a third of the tolerance, or beyond three.
  void zero(double value, double tolerance) {
    at_most(std::isnan(value) ? infinity : std::abs(value), 1.5 * tolerance, 1.4 * tolerance);
  }
  void must(bool condition) {
    if (!condition) lower(Truth::broken);
  }
  void doubt() { lower(Truth::doubt); }
  void doubt_unless(bool condition) {
    if (!condition) doubt();
  }
  Truth truth() const { return truth_; }

 private:
  void lower(Truth truth) { truth_ = std::min(truth_, truth); }

  double band_;
  Truth truth_ = Truth::holds;
};

double count(Index number) {
  return static_cast<double>(number);
}

double log1p_exp(double x) {
  return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

// ---- hypotheses

double log_pairs(const Setting& s) {
  return std::log(count(s.m() * s.n()) / delta);
}

struct Conditions {
  double orthogonality, step, weights, width;  // the largest C of each
};

Conditions conditions(const Setting& s) {
  const double power = s.slope > 0.0 ? std::pow(s.slope, 4.0) : 1.0;
  return {power / (s.ratio() * s.ratio() * s.np()), s.t1(),
          (s.slope > 0.0 ? s.slope : 1.0) / (s.sigma * s.r_max * std::sqrt(log_pairs(s))),
          count(s.m()) / std::log(count(s.n()) / delta)};
}

bool leaky_conditions(const Setting& s) {
  if (!(s.slope > 0.0 && s.slope < 1.0) || !s.full_batch) return false;
  const Conditions c = conditions(s);
  return c.orthogonality >= large && c.step >= large && c.weights >= large &&
         s.ratio() <= moderate && weights_as_a1(s);
}

bool relu_conditions(const Setting& s) {
  if (s.slope != 0.0 || !s.full_batch) return false;
  const Conditions c = conditions(s);
  return c.orthogonality >= large && c.step >= large && c.weights >= large && c.width >= large &&
         s.ratio() <= moderate && weights_as_a1(s) && patterns_as_a2(s);
}

bool orthogonal(const Setting& s) {
  return s.p <= 1e-12 * s.r_min * s.r_min;
}

bool independent(const Setting& s) {
  const Column values = dense_math::eigenvalues(s.gram);
  return values[0] > 1e-12 * s.r_max * s.r_max * count(s.n());
}

bool both_classes(const Setting& s) {
  const auto plus = std::count(s.y.begin(), s.y.end(), 1.0);
  return plus > 0 && plus < s.n();
}

bool relu_of_both_classes(const Setting& s) {
  return relu_conditions(s) && both_classes(s);
}

bool balanced(const Setting& s) {
  return 2 * std::count(s.y.begin(), s.y.end(), 1.0) == s.n();
}

// ---- parts of conclusions

/// Balance of all steps and looks with t ≥ 1, and of the limit.
Balance balance_seen(const Setting& s, const Evidence& e) {
  Balance all = e.steps.balance;
  for (const Look& look : e.looks) {
    if (look.theta >= 0.0) all.add(balance(s, s.rho(look.c)));
  }
  return all;
}

Balance balance_of_all(const Setting& s, const Evidence& e) {
  Balance all = balance_seen(s, e);
  if (e.end) all.add(balance(s, s.rho(e.end->c)));
  return all;
}

/// Coefficients of the first steps grow like ‖x_i‖².
double least_balance(const Setting& s) {
  return 1.0 / (moderate * s.ratio() * s.ratio());
}

double spread_of_all(const Setting& s, const Evidence& e) {
  double most = e.steps.spread;
  for (const Look& look : e.looks) most = std::max(most, spread(s, s.rho(look.c)));
  return most;
}

/// Coefficients a, b, c of a + b/θ + c/θ² through points of the last decade of θ; a is wanted.
double fitted_limit(const std::vector<std::pair<double, double>>& points) {
  const double last = points.back().first;
  std::vector<std::pair<double, double>> used;
  for (const auto& point : points) {
    if (point.first >= 0.0999 * last) used.push_back(point);
  }
  if (used.size() < 4 || used.front().first > 0.2 * last) return unknown;
  Eigen::MatrixXd powers(static_cast<Index>(used.size()), 3);
  Column values(powers.rows());
  for (Index row = 0; row < powers.rows(); ++row) {
    const auto& [theta, value] = used[static_cast<std::size_t>(row)];
    powers.row(row) << 1.0, last / theta, last * last / (theta * theta);
    values[row] = value;
  }
  return dense_math::least_squares(powers, values)[0];
}

/// Bounds of log t: from T1 on, and not before e.
double from_t1(const Setting& s) {
  return std::max(1.0, std::log(s.t1()));
}

/// −Δ log L/Δ log t between the last two looks.
double last_exponent(const Evidence& e) {
  if (e.looks.size() < 2) return unknown;
  const Look &a = e.looks[e.looks.size() - 2], &b = e.looks.back();
  return a.theta >= 1.0 ? (a.log_loss - b.log_loss) / (b.theta - a.theta) : unknown;
}

void loss_falls_like(const Evidence& e, double q, Verdict& v) {
  const double exponent = last_exponent(e);
  if (std::isnan(exponent)) return v.must(false);
  v.must(exponent > 0.0);
  if (1.0 - exponent <= 0.7e-6) return;
  if (1.0 - exponent <= 1.4e-6) return v.doubt();
  v.at_most((1.0 - exponent) / ((1.0 + exponent) * q), moderate);
}

void all_fates(const Setting& s, const Evidence& e, Verdict& v,
               const std::function<Fate(Index, Index)>& wanted) {
  if (!e.end) return;
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      const Fate fate = e.end->fate(k, i);
      if (fate == Fate::undecided) {
        v.doubt();
      } else {
        v.must(fate == wanted(k, i));
      }
    }
  }
}

double norm(const Setting& s, const Grid& c, Index k) {
  const auto row = c.row(k);
  return std::sqrt(std::max(
      0.0, s.w0.row(k).squaredNorm() + 2.0 * row.dot(s.z0.row(k)) + row.dot(row * s.gram)));
}

double data_norm(const Setting& s, const Grid& c, Index k) {
  return std::sqrt(std::max(0.0, c.row(k).dot(c.row(k) * s.gram)));
}

double largest_change(const Evidence& e) {
  return std::max(e.last_own, e.last_other);
}

// ---- conclusions, one a claim

void c411(const Setting& s, const Evidence& e, Verdict& v) {
  Span limits, off;
  for (Index k = 0; k < s.neurons(); ++k) limits.add(data_norm(s, e.end->c, k));
  for (Index k = 0; k < s.neurons(); ++k) {
    std::vector<std::pair<double, double>> curve;
    for (const Look& look : e.looks) {
      if (look.theta >= 1.0) curve.emplace_back(look.theta, norm(s, look.c, k) / look.theta);
    }
    off.add(std::abs(fitted_limit(curve) - data_norm(s, e.end->c, k)) / limits.most);
  }
  v.at_most(limits.most / limits.least, moderate);
  v.zero(off.most, 1e-6);
}

void c412(const Setting& s, const Evidence& e, Verdict& v) {
  const double most = moderate * (1.0 + s.sigma * std::sqrt(count(s.d())) / s.r_max);
  for (const Look& look : e.looks) {
    if (look.theta < from_t1(s)) continue;
    for (const std::size_t g : {0, 1}) v.at_most(look.excess[g] * look.theta, most);
  }
  for (const Index first : {Index(0), s.m()}) v.zero(rank_excess(s, e.end->c, first, s.m()), 1e-8);
}

void c413(const Setting& s, const Evidence& e, Verdict& v) {
  loss_falls_like(e, s.np() / (s.slope * s.slope), v);
}

void c431(const Setting& s, const Evidence& e, Verdict& v) {
  for (const Look& look : e.looks) {
    if (look.theta < 0.1 * e.looks.back().theta) continue;
    for (const std::size_t g : {0, 1}) v.at_most(1.0 + look.excess[g], 10.0);
  }
  for (const Index first : {Index(0), s.m()}) {
    if (e.end->c.middleRows(first, s.m()).cwiseAbs().maxCoeff() == 0.0) continue;
    v.at_most(1.0 + rank_excess(s, e.end->c, first, s.m()), 10.0);
  }
}

void c432(const Setting& s, const Evidence& e, Verdict& v) {
  loss_falls_like(e, s.np(), v);
}

void small_quantities(const Setting& s, const Evidence&, Verdict& v) {
  const Conditions c = conditions(s);
  double least = std::min({c.orthogonality, c.step, c.weights});
  if (s.slope == 0.0) least = std::min(least, c.width);
  const double gamma = s.slope > 0.0 ? s.slope : 1.0, r2 = s.ratio() * s.ratio();
  for (const double small :
       {s.beta / gamma, s.np() / std::pow(gamma, 3.0), s.np() * r2 / std::pow(gamma, 4.0)}) {
    v.at_most(small, 4.0 / least);
  }
}

void a1(const Setting& s, const Evidence&, Verdict& v) {
  v.must(weights_as_a1(s));
}

void a2(const Setting& s, const Evidence&, Verdict& v) {
  v.must(patterns_as_a2(s));
}

/// Largest hop of a pair around zero where a flow takes over, in ρ: those that it holds at zero
/// move by a few of them. Nearly orthogonal samples do not share them.
double largest_hop(const Setting& s, const Evidence& e) {
  for (std::size_t at = 1; at < e.looks.size(); ++at) {
    if (e.looks[at].exact) continue;
    double most = 0.0;
    const Column u = margins(s, e.looks[at - 1].z);
    for (Index i = 0; i < s.n(); ++i) {
      most = std::max(most, s.rate() * s.squares[i] * std::exp(std::min(0.0, -u[i])));
    }
    return most;
  }
  return 0.0;
}

void c51(const Setting& s, const Evidence& e, Verdict& v) {
  v.at_most(e.steps.wrong_side, 0.0, 0.0);
  const double hops = 20.0 * s.ratio() * largest_hop(s, e);
  for (const Look& look : e.looks) {
    const Grid rho = s.rho(look.c);
    const double largest = rho.cwiseAbs().maxCoeff();
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        const double beyond = -s.sign(k, i) * rho(k, i);
        if (look.exact || s.own(k, i)) {
          v.at_most(beyond, look.exact ? 0.0 : 1e-10 * largest);
        } else if (beyond > 0.0) {
          v.at_most(beyond, 0.5 * hops + 1e-10 * largest, 0.5 * hops);
        }
      }
    }
    const Grid off = look.z - s.z0 - look.c * s.gram;
    const Grid sizes = s.z0.cwiseAbs() + look.c.cwiseAbs() * s.gram.cwiseAbs();
    const double scale = sizes.maxCoeff() + (look.exact ? 0.0 : 1.0);
    if (!look.derived) v.zero(off.cwiseAbs().maxCoeff() / (scale > 0.0 ? scale : 1.0), 1e-10);
    if (std::isnan(look.norm)) continue;
    double squares = 0.0;
    for (Index k = 0; k < s.neurons(); ++k) squares += std::pow(norm(s, look.c, k), 2.0);
    v.zero((std::sqrt(squares) - look.norm) / std::sqrt(squares), 1e-10);
  }
}

void c52(const Setting&, const Evidence& e, Verdict& v) {
  v.zero(e.steps.off_rule, 1e-4);
}

void c53(const Setting&, const Evidence& e, Verdict& v) {
  v.must(e.steps.sequences);
}

void h4(const Setting& s, const Evidence& e, Verdict& v) {
  const double a = std::log(s.rate() * s.r_min * s.r_min) - 2.0 * s.beta;
  const double b = std::log(s.rate() * s.r_max * s.r_max) + 2.0 * s.beta;
  for (std::size_t at = 1; at < e.looks.size(); ++at) {
    const double t = e.looks[at - 1].theta, later = e.looks[at].theta;
    if (std::isinf(t)) continue;
    v.must(log1p_exp(a + later) / log1p_exp(b + later) >=
           log1p_exp(a + t) / log1p_exp(b + t) - 1e-12);
  }
}

void c54(const Setting& s, const Evidence& e, Verdict& v) {
  v.at_least(balance_of_all(s, e).sums, s.slope * s.slope * least_balance(s));
}

void b2(const Setting& s, const Evidence& e, Verdict& v) {
  double least = e.steps.early_neurons;
  for (const Look& look : e.looks) {
    if (look.theta < 0.0 || look.theta > std::log(s.t1())) continue;
    least = std::min(least, balance(s, s.rho(look.c)).neurons);
  }
  v.at_least(least, s.slope * least_balance(s));
  v.doubt_unless(e.looks.back().theta >= std::log(s.t1()));
}

void b3(const Setting& s, const Evidence& e, Verdict& v) {
  const double c3 = balance_of_all(s, e).sums / (s.slope * s.slope);
  const double part = s.np() / (s.slope * s.slope * c3);
  const double c4 = 1.0 - part, c5 = 1.0 - part / s.slope, c6 = 1.0 + part;
  if (!(c4 > 1e-9 && c5 > 1e-9)) return v.doubt();
  const auto means = [&](const Grid& c, const auto& see) {
    const Grid rho = s.rho(c).cwiseAbs();
    for (Index i = 0; i < s.n(); ++i) {
      see(rho.col(i).head(s.m()).mean());
      see(rho.col(i).tail(s.m()).mean());
    }
  };
  for (const Look& look : e.looks) {
    if (look.theta < std::log(s.t1())) continue;
    const double up =
        log1p_exp(std::log(s.rate() * s.r_max * s.r_max * c5) + 2.0 * s.beta + look.theta) /
        (c4 * s.slope);
    const double low = s.slope *
                       log1p_exp(std::log(s.rate() * s.r_min * s.r_min * c6) -
                                 (1.0 + s.slope) * s.beta + look.theta) /
                       (2.0 * c6);
    means(look.c, [&](double mean) {
      v.at_most(mean, up);
      v.at_least(mean, low);
    });
  }
  means(e.end->c, [&](double mean) {
    v.at_most(mean, (1.0 + 1e-9) / (c4 * s.slope));
    v.at_least(mean, s.slope / (2.0 * c6) * (1.0 - 1e-9));
  });
}

void b4(const Setting& s, const Evidence& e, Verdict& v) {
  v.at_least(balance_of_all(s, e).neurons, std::pow(s.slope, 3.0) * least_balance(s));
}

void c56(const Setting& s, const Evidence& e, Verdict& v) {
  const double latest = std::log(moderate * s.t1());
  v.at_most(std::exp(largest_change(e) - latest), 1.0);
  for (const Look& look : e.looks) {
    if (look.theta < latest) continue;
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) v.must(s.sign(k, i) * look.z(k, i) > 0.0);
    }
  }
  all_fates(s, e, v, [&](Index k, Index i) { return s.own(k, i) ? Fate::active : Fate::inactive; });
}

void c57(const Setting& s, const Evidence& e, Verdict& v) {
  // Gains of a class are equal, those of the other class slope times that.
  const auto even = [&](const Grid& gain, double largest) {
    double worst = spread(s, gain);
    for (Index i = 0; i < s.n(); ++i) {
      const Index own = s.own(0, i) ? 0 : s.m(), other = s.m() - own;
      worst = std::max(worst, std::abs(gain(other, i) + s.slope * gain(own, i)));
    }
    v.zero(worst / largest, 1e-8);
  };
  const Look* first = nullptr;
  bool seen = false;
  for (const Look& look : e.looks) {
    if (look.theta < largest_change(e)) continue;
    if (!first) {
      first = &look;
      continue;
    }
    const Grid rho = s.rho(look.c), gain = rho - s.rho(first->c);
    even(gain, gain.cwiseAbs().maxCoeff() + 1e-5 * rho.cwiseAbs().maxCoeff());
    seen = true;
  }
  if (!seen) return v.doubt();
  const Grid limit = s.rho(e.end->c);
  even(limit, limit.cwiseAbs().maxCoeff());
}

void c1(const Setting& s, const Evidence& e, Verdict& v) {
  v.at_most(spread_of_all(s, e), moderate);
  const Grid limit = s.rho(e.end->c);
  v.zero(spread(s, limit) / limit.cwiseAbs().maxCoeff(), 1e-8);
}

void c3(const Setting& s, const Evidence& e, Verdict& v) {
  const double start = s.sigma * std::sqrt(count(s.d()));
  const double apart = spread_of_all(s, e) * std::sqrt(count(s.n())) / s.r_min;
  const double one = 3.0 * (start + apart), two = 2.0 * std::pow(start + apart, 2.0);
  const double four = 1.5 * start * start + 3.0 * start * apart;
  bool any = false;
  for (const Look& look : e.looks) {
    for (const std::size_t g : {0, 1}) {
      const double size = data_norm(s, look.c, static_cast<Index>(g) * s.m());
      const double below = size * size - one * size - four;
      if (!(below > 0.0)) continue;
      any = true;
      v.at_most(look.excess[g], std::max(1e-12, (2.0 * one * size + two + four) / below));
    }
  }
  v.doubt_unless(any);
  for (const Index first : {Index(0), s.m()}) v.zero(rank_excess(s, e.end->c, first, s.m()), 1e-8);
}

void d2(const Setting& s, const Evidence& e, Verdict& v) {
  const double q = s.np() == 0.0 ? 0.0 : s.np() / balance_of_all(s, e).sums;  // c1 γ² cancels γ²
  const double a = (1.0 - q) / (1.0 + q);
  if (!(a > 1e-9)) return v.doubt();
  for (const Look& look : e.looks) {
    if (look.theta < std::log(s.t1())) continue;
    double sum = 0.0;  // of exponents that never get small: C = 100 keeps the logarithms near zero
    double top = -infinity;
    std::vector<double> terms;
    for (const double square : s.squares) {
      const double rate =
          std::log(s.rate() * square * (1.0 + s.slope * s.slope) * (1.0 + q) / 2.0) - moderate;
      terms.push_back(-a * log1p_exp(rate + look.theta));
      top = std::max(top, terms.back());
    }
    for (const double term : terms) sum += std::exp(term - top);
    v.at_most(look.log_loss, moderate + top + std::log(sum / count(s.n())), 1e-6);
  }
  v.at_most(-last_exponent(e), -(a - 1e-6), 5e-7);
}

void c55(const Setting& s, const Evidence& e, Verdict& v) {
  v.at_least(balance_of_all(s, e).starts, least_balance(s));
}

/// Calls visit(k, i) for r ∈ S_i⁽⁰⁾.
template <class Visit>
void at_start(const Setting& s, const Visit& visit) {
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      if (s.starts(k, i) > 0.0) visit(k, i);
    }
  }
}

void e1(const Setting& s, const Evidence& e, Verdict& v) {
  for (const Look& look : e.looks) {
    if (look.theta < 0.0) continue;
    at_start(s, [&](Index k, Index i) {
      const double x =
          look.theta + std::log(s.rate() * s.start_counts[i] * s.squares[i] / count(s.m()));
      const double rho = look.c(k, i) * s.squares[i];
      v.at_least(rho / log1p_exp(x - s.beta - std::log(2.0)), 1.0 / moderate);
      v.at_most(rho / log1p_exp(x + 2.0 * s.beta + std::log(2.0)), moderate);
    });
  }
  at_start(s, [&](Index k, Index i) {
    const double rho = e.end->c(k, i) * s.squares[i];
    v.at_least(rho, 1.0 / moderate);
    v.at_most(rho, moderate);
  });
}

void c58(const Setting& s, const Evidence& e, Verdict& v) {
  v.must(!e.steps.lost && !e.start_lost);
  for (const Look& look : e.looks) {
    at_start(s, [&](Index k, Index i) { v.must(look.z(k, i) > 0.0); });
  }
  at_start(s, [&](Index k, Index i) {
    if (e.end->fate(k, i) == Fate::undecided) return v.doubt();
    v.must(e.end->fate(k, i) == Fate::active);
  });
}

/// Largest other-class |ρ| over the least own-class ρ of S⁽⁰⁾, in a class; −∞ where nothing is
/// said.
double other_over_own(const Setting& s, const Grid& rho) {
  double most = -infinity;
  for (const Index first : {Index(0), s.m()}) {
    Span other, own;
    for (Index k = first; k < first + s.m(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        if (!s.own(k, i)) other.add(std::abs(rho(k, i)));
        if (s.starts(k, i) > 0.0) own.add(rho(k, i));
      }
    }
    if (other.empty() || own.empty() || (other.most == 0.0 && !(own.least > 0.0))) continue;
    most = std::max(most, own.least > 0.0 ? other.most / own.least : infinity);
  }
  return most;
}

void e2(const Setting& s, const Evidence& e, Verdict& v) {
  const double c1 = balance_of_all(s, e).starts;
  const double c = c1 > 0.0 ? std::min(2.0 / c1, moderate) : moderate;
  const double end = other_over_own(s, s.rho(e.end->c));
  if (std::isinf(other_over_own(s, s.rho(e.looks.back().c))) && std::isinf(end) && end < 0.0) {
    return v.doubt();  // a class has no samples
  }
  if (end > -infinity) v.at_most(end, c * s.np());
  if (v.truth() != Truth::holds) return;
  Verdict last(1e-2);
  last.at_most(other_over_own(s, s.rho(e.looks.back().c)), c * s.np());
  v.doubt_unless(last.truth() == Truth::holds);
}

void f1(const Setting& s, const Evidence& e, Verdict& v) {
  const Eigen::MatrixXd root = root_of_gram(s);
  const double mn = count(s.m() * s.n());
  const auto see = [&](const Grid& c, double theta) {
    for (const Index first : {Index(0), s.m()}) {
      const Eigen::MatrixXd inside = c.middleRows(first, s.m()) * root;
      const Column values = dense_math::singular_values(inside);
      v.at_most(values.squaredNorm(),
                moderate * mn * s.r_max * s.r_max / std::pow(s.r_min, 4.0) * theta * theta);
      v.at_least(values[0], std::sqrt(mn) * s.r_min / (s.r_max * s.r_max) * theta / moderate);
    }
  };
  for (const Look& look : e.looks) {
    if (look.theta >= from_t1(s)) see(look.c, look.theta);
  }
  see(e.end->c, 1.0);
}

void g1(const Setting& s, const Evidence& e, Verdict& v) {
  const double share = count(s.m()) / s.start_counts.minCoeff();
  const double q = s.np() == 0.0 ? 0.0 : s.np() / balance_of_all(s, e).starts;
  const double a = (1.0 - (1.0 + share) * q) / (share * share * (1.0 + q));
  if (!(a > 1e-9)) return v.doubt();
  for (const Look& look : e.looks) {
    double top = -infinity, sum = 0.0;
    std::vector<double> terms;
    for (Index i = 0; i < s.n(); ++i) {
      const double rate =
          s.rate() * s.start_counts[i] * s.squares[i] * std::exp(-s.beta) / (2.0 * count(s.m()));
      terms.push_back(-a * log1p_exp(std::log(rate) + look.theta));
      top = std::max(top, terms.back());
    }
    for (const double term : terms) sum += std::exp(term - top);
    v.at_most(look.log_loss, 2.0 * s.beta + top + std::log(sum / count(s.n())), 1e-9);
  }
  v.at_least(last_exponent(e), a);
}

/// ρ/log t by F.2.
Grid rates_by_f2(const Setting& s) {
  Grid rates = Grid::Zero(s.neurons(), s.n());
  at_start(s, [&](Index k, Index i) { rates(k, i) = count(s.m()) / s.start_counts[i]; });
  return rates;
}

void f2(const Setting& s, const Evidence& e, Verdict& v) {
  v.must(std::isinf(e.last_own));
  double settled = e.steps.last_other;
  for (const Look& look : e.looks) {
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        if (!s.own(k, i) && look.z(k, i) > 0.0) settled = std::max(settled, look.theta);
      }
    }
  }
  v.at_most(std::exp(settled) * s.rate() * s.r_min * s.r_min, moderate);
  const Look* reference = nullptr;
  for (const Look& look : e.looks) {
    if (!reference && look.theta >= settled) reference = &look;
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        const double rho = look.c(k, i) * s.squares[i];
        if (s.own(k, i)) {
          v.must((look.z(k, i) >= 0.0) == (s.z0(k, i) >= 0.0));
          if (s.z0(k, i) < 0.0) v.zero(rho, 1e-12);
        } else if (reference) {
          v.zero(rho - reference->c(k, i) * s.squares[i], 1e-12);
        }
      }
    }
  }
  const Grid wanted = rates_by_f2(s);
  const Look &last = e.looks.back(), &before = e.looks[e.looks.size() - 2];
  if (!last.exact && !before.exact) {
    const Grid rate = s.rho(last.c - before.c) / (last.theta - before.theta);
    v.zero((rate - wanted).cwiseAbs().maxCoeff(), 1e-8);
  }
  v.zero((s.rho(e.end->c) - wanted).cwiseAbs().maxCoeff(), 1e-8);
  all_fates(s, e, v,
            [&](Index k, Index i) { return s.starts(k, i) > 0.0 ? Fate::active : Fate::inactive; });
}

void f3(const Setting& s, const Evidence& e, Verdict& v) {
  const double small = 2.0 / (0.5 * count(s.n()) + 1.0) + 4.0 / std::sqrt(count(s.m()));
  const Grid wanted = rates_by_f2(s) * s.squares.cwiseInverse().asDiagonal();
  for (const std::size_t part : {0, 1, 2}) {
    const Index first = part == 1 ? s.m() : 0, rows = part == 2 ? 2 * s.m() : s.m();
    const double rank = 1.0 + rank_excess(s, wanted, first, rows);
    if (part < 2) v.at_most(std::abs(rank - 2.0), small);
    if (part == 2) {
      v.at_least(rank, 16.0 / 9.0 - small);
      v.at_most(rank, 9.0 + small);
    }
    v.zero(1.0 + rank_excess(s, e.end->c, first, rows) - rank, 1e-8);
    std::vector<std::pair<double, double>> curve;
    for (const Look& look : e.looks) {
      if (look.theta >= 1.0) curve.emplace_back(look.theta, 1.0 + look.excess[part]);
    }
    v.zero(fitted_limit(curve) - rank, 1e-8);
  }
}

void c71(const Setting&, const Evidence& e, Verdict& v) {
  v.zero(e.end->kkt, 1e-8);
}

void c72(const Setting&, const Evidence& e, Verdict& v) {
  for (const Fate fate : e.end->fates) {
    v.must(fate != Fate::switches);
    if (fate == Fate::undecided) v.doubt();
  }
}

/// V's neurons are one vector u and −u, and u = Σ a_i y_i x_i is the least-norm one of its margins:
/// a_i ≥ 0, and 0 where the margin is not the smallest.
void l1(const Setting& s, const Evidence& e, Verdict& v) {
  Grid rows = e.end->c;
  rows.bottomRows(s.m()) *= -1.0;
  const Eigen::RowVectorXd mean = rows.colwise().mean();
  const Column products = s.gram * mean.transpose();  // ⟨u, x_i⟩
  const double norm = std::sqrt(mean.dot(products));
  double apart = 0.0;
  for (Index k = 0; k < rows.rows(); ++k) {
    const Eigen::RowVectorXd difference = rows.row(k) - mean;
    apart =
        std::max(apart, std::sqrt(std::max(0.0, difference.dot(s.gram * difference.transpose()))));
  }
  Column pushed(s.n());  // y_i ⟨u, x_i⟩
  for (Index i = 0; i < s.n(); ++i) pushed[i] = s.y[static_cast<std::size_t>(i)] * products[i];
  const double least = pushed.minCoeff();
  double off = 0.0;
  for (Index i = 0; i < s.n(); ++i) {
    const double a = s.y[static_cast<std::size_t>(i)] * mean[i];
    off += std::max(-a, 0.0) * std::abs(pushed[i]) + std::abs(a) * (pushed[i] - least);
  }
  v.must(least > 0.0);
  // Neurons that differ may make f linear all the same: that is not for this judge to say.
  if (apart > 1e-7 * norm) {
    const Grid z = e.end->c * s.gram;
    const Column f = margins(s, z), mirrored = margins(s, -z);  // y f(x), y f(−x)
    v.zero((f + mirrored).cwiseAbs().maxCoeff() / f.cwiseAbs().maxCoeff(), 1e-7);
    v.doubt();
  }
  v.zero(off / (norm * norm), 1e-7);
}

bool mirrored(const Setting& s) {
  const auto partners = [&](Index i, double sign) {
    Index found = 0;
    for (Index l = 0; l < s.n(); ++l) {
      found += s.x.row(l) == sign * s.x.row(i) &&
               s.y[static_cast<std::size_t>(l)] == sign * s.y[static_cast<std::size_t>(i)];
    }
    return found;
  };
  for (Index i = 0; i < s.n(); ++i) {
    if (partners(i, 1.0) != partners(i, -1.0)) return false;
  }
  return true;
}

/// Independent pairs are separated by some plane.
bool l1_met(const Setting& s) {
  if (!s.full_batch || !mirrored(s)) return false;
  return margins(s, s.z0).cwiseAbs().maxCoeff() <= 1.0 / large;
}

enum class On { leaky, relu, any };

struct Rule {
  On on;
  void (*conclusion)(const Setting&, const Evidence&, Verdict&);
  bool (*met)(const Setting&);
  bool of_limit = true;  // says nothing without it
};

bool always(const Setting&) {
  return true;
}

bool descends(const Setting& s) {
  return s.full_batch;
}

const std::map<std::string, Rule>& rules() {
  const auto f3_met = [](const Setting& s) {
    return relu_conditions(s) && orthogonal(s) && s.ratio() <= 1.0 + 1e-12 && balanced(s);
  };
  static const std::map<std::string, Rule> all{
      {"4.1.1", {On::leaky, c411, leaky_conditions}},
      {"4.1.2", {On::leaky, c412, leaky_conditions}},
      {"4.1.3", {On::leaky, c413, leaky_conditions}},
      {"4.3.1", {On::relu, c431, relu_of_both_classes}},
      {"4.3.2", {On::relu, c432, relu_conditions}},
      {"B.5-B.7", {On::leaky, small_quantities, leaky_conditions, false}},
      {"E.5-E.7", {On::relu, small_quantities, relu_conditions, false}},
      {"A.1",
       {On::any, a1,
        [](const Setting& s) {
          return count(s.d()) >= 22.0 * log_pairs(s) && count(s.m()) >= std::log(1.0 / delta);
        },
        false}},
      {"A.2",
       {On::any, a2,
        [](const Setting& s) {
          return count(s.m()) >= 50.0 * std::log(2.0 * count(s.n()) / delta);
        },
        false}},
      {"5.1", {On::any, c51, independent, false}},
      {"5.2", {On::any, c52, descends, false}},
      {"5.3", {On::any, c53, always, false}},
      {"H.4",
       {On::any, h4, [](const Setting& s) { return s.ratio() > 1.0 + 1e-12 || s.beta > 0.0; },
        false}},
      {"5.4", {On::leaky, c54, leaky_conditions}},
      {"B.2", {On::leaky, b2, leaky_conditions, false}},
      {"B.3", {On::leaky, b3, leaky_conditions}},
      {"B.4", {On::leaky, b4, leaky_conditions}},
      {"5.6", {On::leaky, c56, leaky_conditions}},
      {"5.7", {On::leaky, c57, leaky_conditions}},
      {"C.1", {On::leaky, c1, leaky_conditions}},
      {"C.3", {On::leaky, c3, leaky_conditions}},
      {"D.2", {On::leaky, d2, leaky_conditions}},
      {"5.5", {On::relu, c55, relu_conditions}},
      {"E.1", {On::relu, e1, relu_conditions}},
      {"5.8", {On::relu, c58, relu_conditions}},
      {"E.2",
       {On::relu, e2, [](const Setting& s) { return relu_conditions(s) && !orthogonal(s); }}},
      {"F.1", {On::relu, f1, relu_of_both_classes}},
      {"G.1", {On::relu, g1, relu_conditions}},
      {"F.2", {On::relu, f2, [](const Setting& s) { return relu_conditions(s) && orthogonal(s); }}},
      {"F.3", {On::relu, f3, f3_met}},
      {"7.1", {On::any, c71, descends}},
      {"7.2", {On::any, c72, descends}},
      {"L.1", {On::leaky, l1, l1_met}}};
  return all;
}

}  // namespace

bool weights_as_a1(const Setting& s) {
  const double bound =
      std::sqrt(2.0 * std::log(8.0 * count(s.m() * s.n()) / delta)) * s.sigma * s.r_max;
  for (Index k = 0; k < s.neurons(); ++k) {
    const double expected = s.sigma * s.sigma * count(s.d()), square = s.w0.row(k).squaredNorm();
    if (!(square >= 0.5 * expected && square <= 1.5 * expected)) return false;
    for (Index i = 0; i < s.n(); ++i) {
      if (!(std::abs(s.z0(k, i)) <= bound)) return false;
    }
  }
  return true;
}

bool patterns_as_a2(const Setting& s) {
  for (const double active : s.start_counts) {
    if (!(active / count(s.m()) >= 0.4 && active / count(s.m()) <= 0.6)) return false;
  }
  return true;
}

Judgement judge(const std::string& claim, const Setting& s, const Evidence& e) {
  const Rule& rule = rules().at(claim);
  Judgement judgement{.met = rule.met(s)};
  judgement.asked = rule.on == On::any || (rule.on == On::relu && s.slope == 0.0) ||
                    (rule.on == On::leaky && s.slope > 0.0 && s.slope < 1.0);
  const bool nobody = rule.on == On::relu && s.start_counts.minCoeff() == 0.0;
  if (!judgement.asked || nobody || e.looks.size() < 2 || (rule.of_limit && !e.end)) {
    return judgement;
  }
  Verdict verdict(e.band);
  rule.conclusion(s, e, verdict);
  judgement.truth = verdict.truth();
  return judgement;
}

}  // namespace latetime::check_judge
