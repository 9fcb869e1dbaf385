#pragma once

// What the judge of hunt_check sees of a run: every real step as plain loops, straight lines in
// log t between crossings from there on, and the limit of those lines. It shares nothing with the
// library but Eigen.

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Cholesky>

namespace latetime::check_judge {

using Grid = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Column = Eigen::VectorXd;
using Eigen::Index;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// The largest and the smallest of many numbers.
struct Span {
  double least = infinity, most = -infinity;

  void add(double value) {
    if (!(value >= least)) least = value;
    if (!(value <= most)) most = value;
  }
  bool empty() const { return least > most; }
};

/// Data, weights and steps, and what the paper calls them. Neurons: m of class +1, m of class −1.
struct Setting {
  Setting(Grid samples, std::vector<double> labels, Grid weights, double slope, double eta,
          double sigma, bool full_batch);

  Grid x;                 // n × d
  std::vector<double> y;  // n
  Grid w0;                // 2m × d
  double slope, eta, sigma;
  bool full_batch;

  Grid gram, z0;
  Column squares;  // ‖x_i‖²
  double r_min, r_max, p, beta;
  Grid starts;  // 1 where r ∈ S_i⁽⁰⁾
  Column start_counts;

  Index n() const { return x.rows(); }
  Index d() const { return x.cols(); }
  Index m() const { return w0.rows() / 2; }
  Index neurons() const { return w0.rows(); }
  bool own(Index k, Index i) const { return (k < m()) == (y[static_cast<std::size_t>(i)] > 0); }
  double sign(Index k, Index i) const { return own(k, i) ? 1.0 : -1.0; }
  double rate() const { return eta / static_cast<double>(n() * m()); }
  double t1() const { return 1.0 / (rate() * r_max * r_max); }  // nm/(η R_max²)
  double ratio() const { return r_max / r_min; }
  double np() const { return static_cast<double>(n()) * p / (r_min * r_min); }
  Grid rho(const Grid& c) const { return c * squares.asDiagonal(); }
};

/// Balance ratios of coefficients at one time, or the least of many times.
struct Balance {
  double sums = infinity;     // Σ_r|ρ_{j,r,i}| over the largest of them
  double neurons = infinity;  // |ρ_{j,r,i}| over the largest
  double starts = infinity;   // ρ_{k,i} of S_i⁽⁰⁾ over the largest |ρ|

  void add(const Balance& other);
};
Balance balance(const Setting& s, const Grid& rho);

/// Largest difference of ρ between neurons of a class on a sample.
double spread(const Setting& s, const Grid& rho);

/// What is true of every step from 0 to `last`.
struct Steps {
  std::uint64_t last = 0;
  double off_rule = 0.0;          // |Δρ − rule| in units of (η/(nm)) g_i ‖x_i‖²
  double wrong_side = -infinity;  // of coefficients
  Balance balance;
  double early_neurons = infinity;  // balance.neurons for t ≤ T1
  double spread = 0.0;
  bool lost = false;                                    // a pair of S_i⁽⁰⁾ had z ≤ 0
  double last_own = -infinity, last_other = -infinity;  // log t of the last change of activation
  bool sequences = true;                                // Lemmas H.1, H.2 for the margins
};

/// Collects `Steps`.
class StepJudge {
 public:
  explicit StepJudge(const Setting& s) : s_(s) {}
  void look(std::uint64_t step, const Grid& c, const Grid& z);
  const Steps& steps() const { return steps_; }

 private:
  void follow_margins(std::uint64_t step, const Column& margins);

  const Setting& s_;
  Steps steps_;
  Grid rho_, z_;
  Column margins_;
  struct Sequence {
    bool under_way = false;
    double first = 0.0, last = 0.0, largest = -infinity, least = infinity;  // logarithms
    std::uint64_t start = 0;
  };
  std::vector<Sequence> sequences_;
};

Column margins(const Setting& s, const Grid& z);
double log_mean_loss(const Column& margins);

/// Gradient descent as anyone would write it down; `visit(step, c, z)`.
void walk(const Setting& s, std::uint64_t steps,
          const std::function<void(std::uint64_t, const Grid&, const Grid&)>& visit);

/// A recorded time.
struct Look {
  double theta;  // log t; −∞ at the start
  bool exact = true;
  bool derived = false;  // z was computed from c
  Grid c, z;
  double log_loss;
  std::array<double, 3> excess;  // stable rank − 1 of W_{+1}, W_{−1}, W
  double norm = unknown;         // of W, where it was recorded
  bool slides = false;
};

enum class Fate : std::uint8_t { inactive, active, switches, undecided };

struct Ending {
  Grid c;  // V = c X, W = V log t + o(log t)
  std::vector<Fate> fates;
  double kkt = 0.0;  // as recorded; 0 in the judge's own

  Fate fate(Index k, Index i) const { return fates[static_cast<std::size_t>(k * c.cols() + i)]; }
};

/// All that a claim can be judged by.
struct Evidence {
  Steps steps;
  std::vector<Look> looks;
  std::optional<Ending> end;
  double last_own = -infinity, last_other = -infinity;  // log t of the last changes
  bool start_lost = false;  // a pair of S_i⁽⁰⁾ changed at some time
  double band = 1e-6;       // values so near to their bound leave the judge in doubt
};

/// The judge's own account of a run, at these times (log t, ascending); steps are taken up to
/// `steps`, looked at one by one up to `looked`; lines are followed from there `to_the_end`, where
/// every sample has been learned by then.
Evidence find_evidence(const Setting& s, const std::vector<double>& times, std::uint64_t steps,
                       std::uint64_t looked, bool to_the_end);

/// L with G = L Lᵀ, n × min(n, d), of singular G as well: singular values of c X are those of c L.
Eigen::MatrixXd root_of_gram(const Setting& s);

/// ‖A‖_F²/‖A‖₂² − 1 of c X, rows `first` to `first + count`.
double rank_excess(const Setting& s, const Grid& c, Index first, Index count);

/// Largest relative violation of the KKT conditions of min ½‖V‖², y_i f(V; x_i) ≥ 1.
double kkt_violation(const Setting& s, const Grid& c);

}  // namespace latetime::check_judge
