#include "evidence.hpp"

#include <algorithm>

#include <Eigen/QR>

#include "support/dense.hpp"

namespace latetime::check_judge {
namespace {

double log_add(double a, double b) {
  const double top = std::max(a, b);
  return std::isinf(top) ? top : top + std::log1p(std::exp(std::min(a, b) - top));
}

/// Largest eigenvalue of a positive semidefinite matrix: powers, or all eigenvalues of a small one.
double largest_eigenvalue(const Eigen::MatrixXd& a) {
  if (a.rows() <= 40) {
    return dense_math::eigenvalues(a).tail(1)[0];
  }
  Column v = a.rowwise().sum() + a.col(0);
  double before = 0.0, now = 0.0;
  for (int round = 0; round < 3000; ++round) {
    v.normalize();
    const Column next = a * v;
    now = v.dot(next);
    if (round > 20 && now - before <= 1e-15 * now) break;
    before = now;
    v = next;
  }
  return now;
}

/// Stable ranks − 1 of W_{+1}, W_{−1} and W = W⁰ + c X from W Wᵀ.
std::array<double, 3> rank_excesses(const Setting& s, const Grid& start, const Grid& c) {
  const Grid cross = c * s.z0.transpose();
  const Grid products = start + cross + cross.transpose() + c * s.gram * c.transpose();
  const Index m = s.m();
  const auto excess = [](const Eigen::MatrixXd& a) {
    const double all = a.trace();
    return all > 0.0 ? all / largest_eigenvalue(a) - 1.0 : unknown;
  };
  return {excess(products.topLeftCorner(m, m)), excess(products.bottomRightCorner(m, m)),
          excess(products)};
}

/// Where W goes while every pair stays what it is: dW/d log t.
struct Heading {
  bool solved = false;
  Column lambda;  // t g_i
  Grid slopes, c, vx;
};

/// What a pair is: above zero, below, or held at zero.
using Sides = Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic>;

/// All margins grow like log t: Σ over neurons of ± σ' ⟨v, x_i⟩ / m = 1, v = Σ ± λ σ' x η/(nm).
/// Pairs at zero take the σ' between slope and 1 that keeps them there, if there is one.
Heading find_heading(const Setting& s, const Sides& sides, Column lambda) {
  Heading h{.lambda = std::move(lambda),
            .slopes = Grid::Constant(s.neurons(), s.n(), 1.0),
            .c = Grid::Zero(s.neurons(), s.n()),
            .vx = {}};
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      if (sides(k, i) < 0) h.slopes(k, i) = s.slope;
    }
  }
  const double width = static_cast<double>(s.m());
  double before = infinity;
  for (int round = 0; round < 4000; ++round) {
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        const double unit = s.sign(k, i) * s.rate() * h.lambda[i];
        h.c(k, i) = unit * h.slopes(k, i);
      }
      for (Index i = 0; i < s.n(); ++i) {
        if (sides(k, i) != 0) continue;
        const double unit = s.sign(k, i) * s.rate() * h.lambda[i];
        const double others = h.c.row(k).dot(s.gram.row(i)) - h.c(k, i) * s.gram(i, i);
        const double wanted = unit == 0.0 ? s.slope : -others / (unit * s.gram(i, i));
        h.slopes(k, i) = std::clamp(wanted, s.slope, 1.0);
        h.c(k, i) = unit * h.slopes(k, i);
      }
    }
    h.vx = h.c * s.gram;
    double worst = 0.0;
    for (Index i = 0; i < s.n(); ++i) {
      double growth = 0.0, pull = 0.0;
      for (Index k = 0; k < s.neurons(); ++k) {
        growth += s.sign(k, i) * h.slopes(k, i) * h.vx(k, i) / width;
        pull += s.rate() * h.slopes(k, i) * h.slopes(k, i) * s.gram(i, i) / width;
      }
      if (!(pull > 0.0)) return h;
      const double next = std::max(0.0, h.lambda[i] + (1.0 - growth) / pull);
      worst = std::max(worst, std::abs(next - h.lambda[i]) / (next + h.lambda[i] + 1e-300));
      h.lambda[i] = next;
    }
    if (!std::isfinite(worst)) return h;
    h.solved = worst < 1e-12;
    if (worst < 1e-15 || (h.solved && !(worst < before))) return h;  // rounding is all that is left
    before = worst;
  }
  return h;
}

/// Straight lines from crossing to crossing.
struct Line {
  double from;
  Grid c, z;
  Heading heading;
  bool slides;
};

struct Path {
  std::vector<Line> lines;
  Sides sides;
  bool sure = true;
  double last_own = -infinity, last_other = -infinity;
  bool start_lost = false;
};

/// A pair turns over, or comes to rest at zero.
void cross(const Setting& s, Path& path, Grid& z, Index k, Index i, double theta) {
  int& side = path.sides(k, i);
  if (s.own(k, i)) {
    if (s.starts(k, i) > 0.0 && side > 0) path.start_lost = true;
    side = -side;
    path.last_own = theta;
  } else {
    side = 0;
    path.last_other = theta;
  }
  z(k, i) = 0.0;
}

/// From the state at log t = θ on; `moved`: pairs that changed their activation lately.
Path follow(const Setting& s, double theta, Grid c, Grid z, const Sides& moved, double end) {
  Path path{.sides = Sides(s.neurons(), s.n())};
  const double hop = 3.0 * s.rate() * std::exp(-theta);  // times t g ‖x‖²
  Column lambda(s.n());
  const Column u = margins(s, z);
  for (Index i = 0; i < s.n(); ++i) lambda[i] = std::exp(theta - u[i]);
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      const bool rests =
          moved(k, i) && !s.own(k, i) && std::abs(z(k, i)) <= hop * lambda[i] * s.squares[i];
      path.sides(k, i) = rests ? 0 : (z(k, i) >= 0.0 ? 1 : -1);
    }
  }
  for (int round = 0; round < 5000; ++round) {
    Heading h = find_heading(s, path.sides, lambda);
    if (!h.solved) {
      path.sure = false;
      return path;
    }
    const double small = 1e-11 * h.vx.cwiseAbs().maxCoeff();
    bool slides = false;
    double next = infinity;
    Index at_k = 0, at_i = 0;
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        int& side = path.sides(k, i);
        if (side == 0 && std::abs(h.vx(k, i)) > small) side = h.vx(k, i) > 0.0 ? 1 : -1;
        if (side == 0 && h.slopes(k, i) <= s.slope + 1e-9) side = -1;  // nothing holds it at zero
        if (side == 0) {
          slides = true;
          continue;
        }
        if (side * h.vx(k, i) >= -small) continue;
        const double when = theta + std::max(0.0, -z(k, i) / h.vx(k, i));
        if (when < next) next = when, at_k = k, at_i = i;
      }
    }
    path.lines.push_back({theta, c, z, h, slides});
    if (next > end) return path;
    c += (next - theta) * h.c;
    z += (next - theta) * h.vx;
    theta = next;
    lambda = h.lambda;
    cross(s, path, z, at_k, at_i, theta);
  }
  path.sure = false;
  return path;
}

Ending ending_of(const Setting& s, const Path& path) {
  const Heading& h = path.lines.back().heading;
  Ending end{.c = h.c, .fates = {}};
  const double scale = h.vx.cwiseAbs().maxCoeff();
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      const int side = path.sides(k, i);
      Fate fate = side > 0 ? Fate::active : Fate::inactive;
      if (side == 0) {
        const double inside = std::min(h.slopes(k, i) - s.slope, 1.0 - h.slopes(k, i));
        fate = inside > 1e-6 ? Fate::switches : Fate::undecided;
      } else if (-side * h.vx(k, i) > 1e-11 * scale) {
        fate = Fate::undecided;
      }
      end.fates.push_back(fate);
    }
  }
  return end;
}

Look late_look(const Setting& s, const Path& path, const Grid& start, double theta) {
  const auto after = std::upper_bound(path.lines.begin(), path.lines.end(), theta,
                                      [](double t, const Line& line) { return t < line.from; });
  const Line& line = *(after - 1);
  Look look{.theta = theta, .exact = false};
  look.c = line.c + (theta - line.from) * line.heading.c;
  look.z = line.z + (theta - line.from) * line.heading.vx;
  double losses = -infinity;
  for (const double lambda : line.heading.lambda) {
    if (lambda > 0.0) losses = log_add(losses, std::log(lambda));
  }
  look.log_loss = losses - std::log(static_cast<double>(s.n())) - theta;
  look.excess = rank_excesses(s, start, look.c);
  look.slides = line.slides;
  return look;
}

}  // namespace

Setting::Setting(Grid samples, std::vector<double> labels, Grid weights, double gamma, double step,
                 double spread_of_weights, bool full)
    : x(std::move(samples)),
      y(std::move(labels)),
      w0(std::move(weights)),
      slope(gamma),
      eta(step),
      sigma(spread_of_weights),
      full_batch(full),
      gram(x * x.transpose()),
      z0(w0 * x.transpose()),
      squares(gram.diagonal()) {
  r_min = std::sqrt(squares.minCoeff());
  r_max = std::sqrt(squares.maxCoeff());
  p = 0.0;
  for (Index i = 0; i < n(); ++i) {
    for (Index l = 0; l < i; ++l) p = std::max(p, std::abs(gram(i, l)));
  }
  beta = z0.cwiseAbs().maxCoeff();
  starts = Grid::Zero(neurons(), n());
  for (Index k = 0; k < neurons(); ++k) {
    for (Index i = 0; i < n(); ++i) starts(k, i) = own(k, i) && z0(k, i) > 0.0;
  }
  start_counts = starts.colwise().sum();
}

void Balance::add(const Balance& other) {
  const auto lower = [](double& mine, double theirs) {
    if (!(theirs >= mine)) mine = theirs;
  };
  lower(sums, other.sums);
  lower(neurons, other.neurons);
  lower(starts, other.starts);
}

Balance balance(const Setting& s, const Grid& rho) {
  Span sums, entries, starts;
  for (Index i = 0; i < s.n(); ++i) {
    double plus = 0.0, minus = 0.0;
    for (Index k = 0; k < s.neurons(); ++k) {
      (k < s.m() ? plus : minus) += std::abs(rho(k, i));
      entries.add(std::abs(rho(k, i)));
      if (s.starts(k, i) > 0.0) starts.add(rho(k, i));
    }
    sums.add(plus);
    sums.add(minus);
  }
  if (!(entries.most > 0.0)) return {};
  return {sums.least / sums.most, entries.least / entries.most,
          starts.empty() ? infinity : starts.least / entries.most};
}

double spread(const Setting& s, const Grid& rho) {
  double most = 0.0;
  for (Index i = 0; i < s.n(); ++i) {
    for (const Index first : {Index(0), s.m()}) {
      Span values;
      for (Index k = first; k < first + s.m(); ++k) values.add(rho(k, i));
      most = std::max(most, values.most - values.least);
    }
  }
  return most;
}

Column margins(const Setting& s, const Grid& z) {
  Column u = Column::Zero(s.n());
  for (Index k = 0; k < s.neurons(); ++k) {
    for (Index i = 0; i < s.n(); ++i) {
      u[i] += s.sign(k, i) * (z(k, i) >= 0.0 ? z(k, i) : s.slope * z(k, i));
    }
  }
  return u / static_cast<double>(s.m());
}

double log_mean_loss(const Column& u) {
  double sum = -infinity;
  for (const double margin : u) {
    const double loss = margin > 36.0 ? -margin : std::log(log_add(0.0, -margin));
    sum = log_add(sum, loss);
  }
  return sum - std::log(static_cast<double>(u.size()));
}

void StepJudge::look(std::uint64_t step, const Grid& c, const Grid& z) {
  const Grid rho = s_.rho(c);
  const Column u = margins(s_, z);
  const double log_t = std::log(static_cast<double>(step));
  for (Index i = 0; i < s_.n(); ++i) {
    double unit = 0.0, scale = 1.0;
    if (step > 0) {
      unit = s_.rate() * s_.squares[i] / (1.0 + std::exp(margins_[i]));
      scale = unit + 1e-9 * rho.col(i).cwiseAbs().maxCoeff();
    }
    for (Index k = 0; k < s_.neurons(); ++k) {
      steps_.wrong_side = std::max(steps_.wrong_side, -s_.sign(k, i) * rho(k, i));
      if (s_.starts(k, i) > 0.0 && z(k, i) <= 0.0) steps_.lost = true;
      if (step == 0) continue;
      const double rule = s_.sign(k, i) * unit * (z_(k, i) >= 0.0 ? 1.0 : s_.slope);
      steps_.off_rule = std::max(steps_.off_rule, std::abs(rho(k, i) - rho_(k, i) - rule) / scale);
      if ((z(k, i) >= 0.0) != (z_(k, i) >= 0.0)) {
        (s_.own(k, i) ? steps_.last_own : steps_.last_other) = log_t;
      }
    }
  }
  if (step > 0) {
    const Balance now = balance(s_, rho);
    steps_.balance.add(now);
    if (static_cast<double>(step) <= s_.t1()) {
      steps_.early_neurons = std::min(steps_.early_neurons, now.neurons);
    }
  }
  steps_.spread = std::max(steps_.spread, spread(s_, rho));
  follow_margins(step, u);
  steps_.last = step;
  rho_ = rho;
  z_ = z;
  margins_ = u;
}

/// x_t between log(e^{x_0} + C₁ t) and log(e^{x_0} + C₂ e^{C₂} t), C₁ and C₂ the least and the
/// largest of (x_{t+1} − x_t) e^{x_t} so far.
void StepJudge::follow_margins(std::uint64_t step, const Column& u) {
  sequences_.resize(static_cast<std::size_t>(u.size()));
  for (Index i = 0; i < u.size(); ++i) {
    Sequence& q = sequences_[static_cast<std::size_t>(i)];
    if (!q.under_way || u[i] < 0.0) {
      q = {u[i] >= 0.0, u[i], u[i], -infinity, infinity, step};
      continue;
    }
    const double gain = u[i] - q.last;
    const double log_gain = gain > 0.0 ? std::log(gain) + q.last : -infinity;
    q.largest = std::max(q.largest, log_gain);
    q.least = std::min(q.least, log_gain);
    q.last = u[i];
    const double log_steps = std::log(static_cast<double>(step - q.start));
    if (u[i] > log_add(q.first, q.largest + std::exp(q.largest) + log_steps) + 1e-9 ||
        (std::isfinite(q.least) && u[i] < log_add(q.first, q.least + log_steps) - 1e-9)) {
      steps_.sequences = false;
    }
  }
}

void walk(const Setting& s, std::uint64_t steps,
          const std::function<void(std::uint64_t, const Grid&, const Grid&)>& visit) {
  Grid c = Grid::Zero(s.neurons(), s.n()), z = s.z0;
  for (std::uint64_t step = 0;; ++step) {
    visit(step, c, z);
    if (step == steps) return;
    const Column u = margins(s, z);
    for (Index i = 0; i < s.n(); ++i) {
      const double push = s.rate() / (1.0 + std::exp(u[i]));
      for (Index k = 0; k < s.neurons(); ++k) {
        c(k, i) += s.sign(k, i) * push * (z(k, i) >= 0.0 ? 1.0 : s.slope);
      }
    }
    z.noalias() = c * s.gram;
    z += s.z0;
  }
}

Evidence find_evidence(const Setting& s, const std::vector<double>& times, std::uint64_t steps,
                       std::uint64_t looked, bool to_the_end) {
  Evidence found{.band = 1e-2};
  const Grid start = s.w0 * s.w0.transpose();
  StepJudge judge(s);
  std::size_t next = 0;
  Grid last_c, last_z, before = s.z0;
  Sides moved = Sides::Zero(s.neurons(), s.n());
  walk(s, steps, [&](std::uint64_t step, const Grid& c, const Grid& z) {
    if (step <= looked) judge.look(step, c, z);
    const double theta = std::log(static_cast<double>(step));
    for (Index k = 0; k < s.neurons(); ++k) {
      for (Index i = 0; i < s.n(); ++i) {
        if (s.starts(k, i) > 0.0 && z(k, i) <= 0.0) found.start_lost = true;
        if ((z(k, i) >= 0.0) == (before(k, i) >= 0.0)) continue;
        (s.own(k, i) ? found.last_own : found.last_other) = theta;
        if (step > steps / 10) moved(k, i) = 1;
      }
    }
    before = z;
    if (step == steps) last_c = c, last_z = z;
    if (next == times.size() || times[next] > theta + 1e-9) return;
    found.looks.push_back({.theta = theta,
                           .c = c,
                           .z = z,
                           .log_loss = log_mean_loss(margins(s, z)),
                           .excess = rank_excesses(s, start, c)});
    ++next;
  });
  found.steps = judge.steps();
  if (next == times.size() || !to_the_end) return found;
  const Path path =
      follow(s, std::log(static_cast<double>(steps)), last_c, last_z, moved, 2.0 * times.back());
  if (!path.sure) return found;
  for (; next < times.size(); ++next) {
    found.looks.push_back(late_look(s, path, start, times[next]));
    if (found.looks.back().slides) found.last_other = std::max(found.last_other, times[next]);
  }
  found.last_own = std::max(found.last_own, path.last_own);
  found.last_other = std::max(found.last_other, path.last_other);
  found.start_lost = found.start_lost || path.start_lost;
  found.end = ending_of(s, path);
  return found;
}

Eigen::MatrixXd root_of_gram(const Setting& s) {
  const Eigen::MatrixXd features = s.x.transpose();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(features);
  const Eigen::MatrixXd upper =
      qr.matrixQR().topRows(std::min(s.n(), s.d())).triangularView<Eigen::Upper>();
  return upper.transpose();
}

double rank_excess(const Setting& s, const Grid& c, Index first, Index count) {
  const Eigen::MatrixXd inside = c.middleRows(first, count) * root_of_gram(s);
  const Column values = dense_math::singular_values(inside.transpose() * inside);
  if (!(values[0] > 0.0)) return unknown;
  return values.tail(values.size() - 1).sum() / values[0];
}

double kkt_violation(const Setting& s, const Grid& c) {
  const Grid vx = c * s.gram;
  const double scale = vx.cwiseAbs().maxCoeff();
  const Column growth = margins(s, vx);
  double worst = 0.0;
  for (Index i = 0; i < s.n(); ++i) {
    // λ of the sample: its largest coefficient, which an active neuron has.
    double lambda = 0.0;
    for (Index k = 0; k < s.neurons(); ++k) lambda = std::max(lambda, std::abs(c(k, i)));
    worst = std::max(worst, 1.0 - growth[i]);
    if (lambda > 0.0) worst = std::max(worst, std::abs(growth[i] - 1.0));
    for (Index k = 0; k < s.neurons(); ++k) {
      if (lambda == 0.0) continue;
      const double slope = s.sign(k, i) * c(k, i) / lambda, z = vx(k, i) / scale;
      const double least = z > 1e-9 ? 1.0 : s.slope, most = z < -1e-9 ? s.slope : 1.0;
      worst = std::max({worst, least - slope, slope - most});
    }
  }
  return worst;
}

}  // namespace latetime::check_judge
