#pragma once

// The judge of tests/cli/hard_test.cpp and examples/hunt.cpp: every real step as plain loops, in
// any arithmetic, and gradient flow by many small steps. It shares nothing with the library.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include "support/dense.hpp"

namespace latetime::real_steps {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A two-class problem. Weights: the neurons of class +1, then those of class −1.
struct Problem {
  Rows x;                      ///< n × d
  std::vector<double> labels;  ///< n, +1 or −1
  Rows weights;                ///< 2m × d, at the start
  double slope = 0.0;
  double learning_rate = 0.1;
  bool exponential = false;  ///< the loss is e^{−u}; else log(1 + e^{−u})

  std::size_t samples() const { return labels.size(); }
  std::size_t neurons() const { return static_cast<std::size_t>(weights.rows()); }
};

/// Of a problem as `load_problem` of the library gives it: data, initial, config.
template <class Run>
Problem problem_of(const Run& run) {
  Problem problem{.x = Rows(run.data.x),
                  .weights = run.initial.weights,
                  .slope = run.config.network.slope,
                  .learning_rate = run.config.descent.learning_rate,
                  .exponential = run.config.descent.loss != decltype(run.config.descent.loss){}};
  for (Eigen::Index i = 0; i < run.data.size(); ++i) problem.labels.push_back(run.data.label(i));
  return problem;
}

/// What is compared: log of the mean loss, and the stable ranks of W_{+1}, W_{−1} and W (of K
/// classes those of all, and of W), NaN where the weights are zero.
struct Answer {
  double log_loss = 0.0;
  std::vector<double> ranks = std::vector<double>(3);

  /// Largest absolute difference; ranks that exist nowhere do not differ.
  double difference(const Answer& other) const {
    double largest = std::abs(log_loss - other.log_loss);
    for (std::size_t part = 0; part < ranks.size(); ++part) {
      if (std::isnan(ranks[part]) && std::isnan(other.ranks[part])) continue;
      const double off = std::abs(ranks[part] - other.ranks[part]);
      if (!(off <= largest)) largest = off;
    }
    return largest;
  }
};

inline double stable_rank(const Rows& weights) {
  const double scale = weights.cwiseAbs().maxCoeff();
  if (!(scale > 0.0)) return std::numeric_limits<double>::quiet_NaN();
  const Eigen::VectorXd values = dense_math::singular_values(weights / scale);
  return (values / values[0]).squaredNorm();
}

/// log of the mean of log(1 + e^{−u}), or of e^{−u}.
inline double log_mean_loss(const std::vector<double>& margins, bool exponential) {
  std::vector<double> logs;
  for (const double u : margins) {
    logs.push_back(exponential || u > 40.0 ? -u
                                           : std::log(u > 0.0 ? std::log1p(std::exp(-u))
                                                              : std::log1p(std::exp(u)) - u));
  }
  const double largest = *std::max_element(logs.begin(), logs.end());
  double sum = 0.0;
  for (const double log : logs) sum += std::exp(log - largest);
  return largest + std::log(sum / static_cast<double>(margins.size()));
}

/// Loops over neurons go by lanes of a fixed length, of which compilers make vectors. Rows are
/// filled up with neurons of sign 0, which do not count.
template <class T>
constexpr std::size_t lane = std::is_same_v<T, double> ? 8 : 1;
template <class T>
std::size_t padded(std::size_t neurons) {
  return (neurons + lane<T> - 1) / lane<T> * lane<T>;
}

/// Arrays of one state, n × padded<T>(K) with the neurons contiguous. `changes` holds the
/// coefficients since the arrays were last added up, and so keeps their digits.
template <class T>
struct Arrays {
  std::size_t n = 0, neurons = 0;
  bool exponential = false;    // the loss
  T slope{}, rate{}, width{};  // rate: η/(nm)
  std::vector<T> gram, labels, signs, preactivations, changes, step_changes, margins, push;
};

template <class T>
std::vector<T> signs_of(const Problem& problem) {
  std::vector<T> signs(padded<T>(problem.neurons()), T(0));
  for (std::size_t k = 0; k < problem.neurons(); ++k) {
    signs[k] = T(2 * k < problem.neurons() ? 1.0 : -1.0);
  }
  return signs;
}

/// The weights, with those that fill up.
template <class T>
Rows padded_weights(const Problem& problem) {
  const auto rows = static_cast<Eigen::Index>(padded<T>(problem.neurons()));
  Rows result = Rows::Zero(rows, problem.weights.cols());
  result.topRows(problem.weights.rows()) = problem.weights;
  return result;
}

template <class T>
[[gnu::always_inline]] inline void evaluate_margins(Arrays<T>& a) {
  const T slope = a.slope;
  for (std::size_t i = 0; i < a.n; ++i) {
    T sums[lane<T>];
    for (T& sum : sums) sum = T(0);
    for (std::size_t first = 0; first < a.neurons; first += lane<T>) {
      const T* z = a.preactivations.data() + i * a.neurons + first;
      const T* sign = a.signs.data() + first;
      for (std::size_t k = 0; k < lane<T>; ++k) {
        const T damped = slope * z[k];
        sums[k] += sign[k] * (z[k] >= 0 ? z[k] : damped);
      }
    }
    T sum(0);
    for (const T& part : sums) sum += part;
    a.margins[i] = a.labels[i] * sum / a.width;
  }
}

/// Moves all neurons by push_i along sample i, each as far as its activation lets it.
template <class T>
[[gnu::always_inline]] inline void move_neurons(Arrays<T>& a) {
  const T one(1), slope = a.slope;
  for (std::size_t first = 0; first < a.neurons; first += lane<T>) {
    const T* sign = a.signs.data() + first;
    for (std::size_t i = 0; i < a.n; ++i) {
      const T* z = a.preactivations.data() + i * a.neurons + first;
      T* change = a.changes.data() + i * a.neurons + first;
      T* now = a.step_changes.data() + i * lane<T>;
      const T push = a.push[i];
      for (std::size_t k = 0; k < lane<T>; ++k) {
        const T slope_here = z[k] >= 0 ? one : slope;
        now[k] = push * sign[k] * slope_here;
        change[k] += now[k];
      }
    }
    for (std::size_t l = 0; l < a.n; ++l) {
      T moved[lane<T>];
      for (T& move : moved) move = T(0);
      for (std::size_t i = 0; i < a.n; ++i) {
        const T* now = a.step_changes.data() + i * lane<T>;
        const T inner = a.gram[i * a.n + l];
        for (std::size_t k = 0; k < lane<T>; ++k) moved[k] += now[k] * inner;
      }
      T* z = a.preactivations.data() + l * a.neurons + first;
      for (std::size_t k = 0; k < lane<T>; ++k) z[k] += moved[k];
    }
  }
}

// The same for doubles in vectors of the compiler, which leaves the loops above as they are. Loaded
// and stored by memcpy: functions that took vectors would differ from one instruction set to
// another.
using Lane = double __attribute__((vector_size(64)));
static_assert(sizeof(Lane) == lane<double> * sizeof(double));

[[gnu::always_inline]] inline void evaluate_margins(Arrays<double>& a) {
  const double* signs = a.signs.data();
  for (std::size_t i = 0; i < a.n; ++i) {
    const double* row = a.preactivations.data() + i * a.neurons;
    Lane sums{}, z, sign;
    for (std::size_t first = 0; first < a.neurons; first += lane<double>) {
      std::memcpy(&z, row + first, sizeof z);
      std::memcpy(&sign, signs + first, sizeof z);
      sums += sign * (z >= 0.0 ? z : a.slope * z);
    }
    double sum = 0.0;
    for (std::size_t k = 0; k < lane<double>; ++k) sum += sums[k];
    a.margins[i] = a.labels[i] * sum / a.width;
  }
}

[[gnu::always_inline]] inline void move_neurons(Arrays<double>& a) {
  const std::size_t n = a.n, neurons = a.neurons;
  const double *gram = a.gram.data(), *push = a.push.data();
  double* steps = a.step_changes.data();
  const Lane ones = Lane{} + 1.0, slopes = Lane{} + a.slope;
  for (std::size_t first = 0; first < neurons; first += lane<double>) {
    Lane sign, z, change, now;
    std::memcpy(&sign, a.signs.data() + first, sizeof sign);
    for (std::size_t i = 0; i < n; ++i) {
      std::memcpy(&z, a.preactivations.data() + i * neurons + first, sizeof z);
      std::memcpy(&change, a.changes.data() + i * neurons + first, sizeof z);
      now = push[i] * sign * (z >= 0.0 ? ones : slopes);
      change += now;
      std::memcpy(a.changes.data() + i * neurons + first, &change, sizeof z);
      std::memcpy(steps + i * lane<double>, &now, sizeof now);
    }
    for (std::size_t l = 0; l < n; ++l) {
      Lane moved{};
      for (std::size_t i = 0; i < n; ++i) {
        std::memcpy(&now, steps + i * lane<double>, sizeof now);
        moved += now * gram[i * n + l];
      }
      std::memcpy(&z, a.preactivations.data() + l * neurons + first, sizeof z);
      z += moved;
      std::memcpy(a.preactivations.data() + l * neurons + first, &z, sizeof z);
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void take_steps(Arrays<T>& a, std::uint64_t steps) {
  using std::exp;
  for (std::uint64_t step = 0; step < steps; ++step) {
    evaluate_margins(a);
    for (std::size_t i = 0; i < a.n; ++i) {
      a.push[i] = a.rate * a.labels[i] / ((a.exponential ? 0 : 1) + exp(a.margins[i]));
    }
    move_neurons(a);
  }
}

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
[[gnu::target_clones("avx512f", "avx2", "default")]]
#endif
inline void
take_steps_fast(Arrays<double>& a, std::uint64_t steps) {
  take_steps(a, steps);
}

/// Gradient descent, every step of it. T is the arithmetic of a step; what steps add up to is kept
/// in Total.
template <class T, class Total = std::conditional_t<std::is_same_v<T, double>, long double, T>>
class Descent {
 public:
  explicit Descent(const Problem& problem) : problem_(problem) {
    const std::size_t n = problem.samples(), neurons = padded<T>(problem.neurons());
    arrays_.n = n;
    arrays_.neurons = neurons;
    arrays_.exponential = problem.exponential;
    arrays_.slope = T(problem.slope);
    arrays_.width = T(static_cast<double>(problem.neurons()) / 2);
    arrays_.rate = T(problem.learning_rate) / (T(static_cast<double>(n)) * arrays_.width);
    for (const double label : problem.labels) arrays_.labels.push_back(T(label));
    arrays_.signs = signs_of<T>(problem);
    gram_ = products(problem.x, problem.x);
    start_ = products(problem.x, padded_weights<T>(problem));
    for (const Total& value : gram_) arrays_.gram.push_back(static_cast<T>(value));
    totals_.assign(n * neurons, Total(0));
    arrays_.changes.assign(n * neurons, T(0));
    arrays_.step_changes.assign(n * neurons, T(0));
    arrays_.preactivations.assign(n * neurons, T(0));
    arrays_.margins.assign(n, T(0));
    arrays_.push.assign(n, T(0));
    add_up();
  }

  void advance_to(std::uint64_t target) {
    while (step_ < target) {
      const std::uint64_t block =
          std::min(target - step_, std::clamp<std::uint64_t>(step_ / 16, 1, 4096));
      if constexpr (std::is_same_v<T, double>) {
        take_steps_fast(arrays_, block);
      } else {
        take_steps(arrays_, block);
      }
      step_ += block;
      add_up();
    }
  }

  std::uint64_t step() const { return step_; }
  const std::vector<T>& preactivations() const { return arrays_.preactivations; }

  Answer answer() {
    evaluate_margins(arrays_);
    return answer_of(problem_, arrays_.margins, totals_);
  }

  template <class U, class V>
  static Answer answer_of(const Problem& problem, const std::vector<U>& margins,
                          const std::vector<V>& coefficients) {
    std::vector<double> u;
    for (const U& margin : margins) u.push_back(static_cast<double>(margin));
    const Eigen::Index neurons = problem.weights.rows(), n = problem.x.rows();
    const auto row = static_cast<Eigen::Index>(coefficients.size()) / n;  // with those that fill up
    Rows c(neurons, n);
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index k = 0; k < neurons; ++k) {
        c(k, i) = static_cast<double>(coefficients[static_cast<std::size_t>(i * row + k)]);
      }
    }
    const Rows weights = problem.weights + c * problem.x;
    return {log_mean_loss(u, problem.exponential),
            {stable_rank(weights.topRows(neurons / 2)),
             stable_rank(weights.bottomRows(neurons / 2)), stable_rank(weights)}};
  }

 private:
  /// ⟨a_i, b_k⟩, the k contiguous.
  static std::vector<Total> products(const Rows& a, const Rows& b) {
    std::vector<Total> result;
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
      for (Eigen::Index k = 0; k < b.rows(); ++k) {
        Total sum(0);
        for (Eigen::Index l = 0; l < a.cols(); ++l) sum += Total(a(i, l)) * Total(b(k, l));
        result.push_back(sum);
      }
    }
    return result;
  }

  void add_up() {
    const std::size_t n = arrays_.n, neurons = arrays_.neurons;
    for (std::size_t p = 0; p < n * neurons; ++p) {
      totals_[p] += Total(arrays_.changes[p]);
      arrays_.changes[p] = T(0);
    }
    std::vector<Total> sum(neurons);
    for (std::size_t l = 0; l < n; ++l) {
      for (std::size_t k = 0; k < neurons; ++k) sum[k] = start_[l * neurons + k];
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < neurons; ++k)
          sum[k] += totals_[i * neurons + k] * gram_[i * n + l];
      }
      for (std::size_t k = 0; k < neurons; ++k)
        arrays_.preactivations[l * neurons + k] = static_cast<T>(sum[k]);
    }
  }

  const Problem problem_;
  Arrays<T> arrays_;
  std::vector<Total> gram_, start_, totals_;
  std::uint64_t step_ = 0;
};

/// Where gradient flow by small steps is, in log(1 + t).
struct FlowPlace {
  double log_time = 0.0;
  std::uint64_t steps = 0;
};

/// Whether sample i moves a neuron. Where it does not, its push grows with t, and counts for
/// nothing.
inline bool moves_any(const Arrays<double>& a, std::size_t i) {
  if (a.slope > 0.0) return true;
  for (std::size_t k = 0; k < a.neurons && a.signs[k] != 0.0; ++k) {
    if (a.preactivations[i * a.neurons + k] >= 0.0) return true;
  }
  return false;
}

/// Goes on to log(1 + t) = `target`, or for that many steps. No margin moves by more than
/// `resolution` in one.
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
[[gnu::target_clones("avx512f", "avx2", "default")]]
#endif
inline void
take_flow_steps(Arrays<double>& a, const std::vector<double>& reach, double resolution,
                double target, std::uint64_t most, FlowPlace& place) {
  for (; place.log_time < target && place.steps < most; ++place.steps) {
    evaluate_margins(a);
    for (std::size_t i = 0; i < a.n; ++i) {
      const double u = a.margins[i];
      const double softplus = u > 0.0 ? u + std::log1p(std::exp(-u)) : std::log1p(std::exp(u));
      const double falls = a.exponential ? u : softplus;  // −log g
      a.push[i] = moves_any(a, i) ? a.rate * a.labels[i] * std::exp(place.log_time - falls) : 0.0;
    }
    double fastest = 1.0;
    for (std::size_t l = 0; l < a.n; ++l) {
      double speed = 0.0;
      for (std::size_t i = 0; i < a.n; ++i) speed += std::abs(a.push[i]) * reach[i * a.n + l];
      fastest = std::max(fastest, 2.0 * speed);
    }
    const double left = target - place.log_time, step = std::min(resolution / fastest, left);
    for (double& push : a.push) push *= step;
    move_neurons(a);
    place.log_time = step < left ? place.log_time + step : target;
  }
}

/// Gradient flow by small steps in log(1 + t). The error is of first order in `resolution`.
class Flow {
 public:
  Flow(const Problem& problem, double resolution) : problem_(problem), resolution_(resolution) {
    const std::size_t n = problem.samples(), neurons = padded<double>(problem.neurons());
    arrays_.n = n;
    arrays_.neurons = neurons;
    arrays_.exponential = problem.exponential;
    arrays_.slope = problem.slope;
    arrays_.width = static_cast<double>(problem.neurons()) / 2;
    arrays_.rate = problem.learning_rate / (static_cast<double>(n) * arrays_.width);
    arrays_.labels = problem.labels;
    arrays_.signs = signs_of<double>(problem);
    const Rows gram = problem.x * problem.x.transpose(),
               start = problem.x * padded_weights<double>(problem).transpose();
    arrays_.gram.assign(gram.data(), gram.data() + gram.size());
    arrays_.preactivations.assign(start.data(), start.data() + start.size());
    arrays_.changes.assign(n * neurons, 0.0);
    arrays_.step_changes.assign(n * neurons, 0.0);
    arrays_.margins.assign(n, 0.0);
    arrays_.push.assign(n, 0.0);
    for (const double inner : arrays_.gram) reach_.push_back(std::abs(inner));
  }

  /// Goes on to log(1 + t) = `target`; false when that takes more than `most` steps in all.
  bool advance_to(double target, std::uint64_t most) {
    take_flow_steps(arrays_, reach_, resolution_, target, most, place_);
    return place_.log_time >= target;
  }

  Answer answer() {
    evaluate_margins(arrays_);
    return Descent<double>::answer_of(problem_, arrays_.margins, arrays_.changes);
  }

 private:
  const Problem problem_;
  const double resolution_;
  Arrays<double> arrays_;
  std::vector<double> reach_;
  FlowPlace place_;
};

/// What is known of the truth at a time.
struct Truth {
  double log10_time = 0.0;
  Answer answer;
  double uncertainty = 0.0;
};

/// Gradient flow at these times (log10 t, ascending) by small steps, the finest of three
/// resolutions that have no multiple in common. The uncertainty is three times what the others make
/// of it, the largest of the rows around, as small steps are off as chance has it where pairs slide
/// or cross, and never less than a hundredth of `resolution`. Ends early when a time takes more
/// than `most` steps of `resolution`.
inline std::vector<Truth> flow_truth(
    const Problem& problem, const std::vector<double>& log10_times, double resolution,
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / 3) {
  Flow coarse(problem, resolution), middle(problem, resolution / 1.7),
      fine(problem, resolution / 2.9);
  std::vector<Truth> truth;
  std::vector<double> differences;
  for (const double log10_time : log10_times) {
    const double log_time = log10_time * std::log(10.0);
    const double target = log_time > 36.0 ? log_time : std::log1p(std::exp(log_time));
    if (!coarse.advance_to(target, most) || !middle.advance_to(target, 2 * most) ||
        !fine.advance_to(target, 3 * most)) {
      break;
    }
    const Answer answer = fine.answer();
    truth.push_back({log10_time, answer});
    differences.push_back(
        std::max(answer.difference(middle.answer()), answer.difference(coarse.answer())));
  }
  for (std::size_t row = 0; row < truth.size(); ++row) {
    constexpr std::size_t around = 8;
    const auto begin =
        differences.begin() + static_cast<std::ptrdiff_t>(row - std::min(row, around));
    const auto end =
        differences.begin() + static_cast<std::ptrdiff_t>(std::min(row + around + 1, truth.size()));
    truth[row].uncertainty = std::max(3.0 * *std::max_element(begin, end), 0.01 * resolution);
  }
  return truth;
}

}  // namespace latetime::real_steps
