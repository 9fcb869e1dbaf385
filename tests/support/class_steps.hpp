#pragma once

// Every real step of K classes as plain loops, in any arithmetic, for examples/hunt.cpp: the
// softmax cross-entropy, or Σ exp(F_k − F_y), of groups of neurons. It shares nothing with the
// library.

#include <cstdint>
#include <vector>

#include "support/real_steps.hpp"

namespace latetime::real_steps {

/// A problem of K classes. Weights: the neurons of class 0, then those of class 1, ...
struct ClassProblem {
  Rows x;                    ///< n × d
  std::vector<int> classes;  ///< n
  int groups = 3;            ///< K
  Rows weights;              ///< Km × d, at the start
  double slope = 0.0;
  double learning_rate = 0.1;
  bool exponential = false;
};

/// Gradient descent on it. T is the arithmetic of a step, coefficients are summed in Total.
template <class T, class Total = std::conditional_t<std::is_same_v<T, double>, long double, T>>
class ClassDescent {
 public:
  explicit ClassDescent(const ClassProblem& problem)
      : problem_(problem),
        n_(problem.classes.size()),
        neurons_(static_cast<std::size_t>(problem.weights.rows())),
        width_(neurons_ / static_cast<std::size_t>(problem.groups)),
        totals_(n_ * neurons_, Total(0)),
        outputs_(n_ * static_cast<std::size_t>(problem.groups)),
        pulls_(outputs_) {
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t l = 0; l < n_; ++l) gram_.push_back(product(problem.x, i, problem.x, l));
      for (std::size_t k = 0; k < neurons_; ++k) {
        start_.push_back(product(problem.x, i, problem.weights, k));
      }
    }
    z_.assign(start_.begin(), start_.end());
    for (const Total& value : gram_) steps_gram_.push_back(static_cast<T>(value));
  }

  void advance_to(std::uint64_t target) {
    while (step_ < target) {
      take_step();
      if (++step_ % 1024 == 0) add_up();
    }
    add_up();
  }

  Answer answer() {
    evaluate();
    const std::size_t groups = group_count();
    std::vector<double> logs;
    for (std::size_t i = 0; i < n_; ++i) {
      // log of log(1 + Σ e^{F_k − F_y}), or of the sum.
      const auto own = static_cast<std::size_t>(problem_.classes[i]);
      double top = -std::numeric_limits<double>::infinity(), sum = 0.0;
      for (std::size_t k = 0; k < groups; ++k) {
        if (k != own) top = std::max(top, above(i, k, own));
      }
      for (std::size_t k = 0; k < groups; ++k) {
        if (k != own) sum += std::exp(above(i, k, own) - top);
      }
      const double others = top + std::log(sum);
      logs.push_back(problem_.exponential || others < -40.0 ? others
                     : others > 0.0 ? std::log(others + std::log1p(std::exp(-others)))
                                    : std::log(std::log1p(std::exp(others))));
    }
    const double largest = *std::max_element(logs.begin(), logs.end());
    double sum = 0.0;
    for (const double log : logs) sum += std::exp(log - largest);
    Answer answer{.log_loss = largest + std::log(sum / static_cast<double>(n_)), .ranks = {}};
    const auto width = static_cast<Eigen::Index>(width_);
    Rows c(static_cast<Eigen::Index>(neurons_), static_cast<Eigen::Index>(n_));
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t k = 0; k < neurons_; ++k) {
        c(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(i)) =
            static_cast<double>(totals_[i * neurons_ + k]);
      }
    }
    const Rows weights = problem_.weights + c * problem_.x;
    for (Eigen::Index k = 0; k < problem_.groups; ++k) {
      answer.ranks.push_back(stable_rank(weights.middleRows(k * width, width)));
    }
    answer.ranks.push_back(stable_rank(weights));
    return answer;
  }

 private:
  static Total product(const Rows& a, std::size_t i, const Rows& b, std::size_t k) {
    Total sum(0);
    for (Eigen::Index l = 0; l < a.cols(); ++l) {
      sum += Total(a(static_cast<Eigen::Index>(i), l)) * Total(b(static_cast<Eigen::Index>(k), l));
    }
    return sum;
  }
  std::size_t group_count() const { return static_cast<std::size_t>(problem_.groups); }
  /// F_k − F_y of sample i.
  double above(std::size_t i, std::size_t k, std::size_t own) const {
    return static_cast<double>(outputs_[i * group_count() + k] - outputs_[i * group_count() + own]);
  }

  void evaluate() {
    const std::size_t groups = group_count();
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t group = 0; group < groups; ++group) {
        T sum(0);
        for (std::size_t k = group * width_; k < (group + 1) * width_; ++k) {
          const T z = z_[i * neurons_ + k];
          sum += z >= T(0) ? z : T(problem_.slope) * z;
        }
        outputs_[i * groups + group] = sum / T(static_cast<double>(width_));
      }
    }
  }

  void take_step() {
    using std::exp;
    evaluate();
    const std::size_t groups = group_count();
    const T rate = T(problem_.learning_rate) / T(static_cast<double>(n_ * width_));
    for (std::size_t i = 0; i < n_; ++i) {
      const auto own = static_cast<std::size_t>(problem_.classes[i]);
      T sum(0), top(0);  // of the softmax, the own output's share is 1
      for (std::size_t k = 0; k < groups; ++k) {
        const T up = outputs_[i * groups + k] - outputs_[i * groups + own];
        if (up > top) top = up;
      }
      if (problem_.exponential) top = T(0);
      for (std::size_t k = 0; k < groups; ++k) {
        if (k == own) continue;
        pulls_[i * groups + k] =
            exp(T(outputs_[i * groups + k] - outputs_[i * groups + own] - top));
        sum += pulls_[i * groups + k];
      }
      const T all = problem_.exponential ? T(1) : T(exp(T(-top)) + sum);
      for (std::size_t k = 0; k < groups; ++k) {
        if (k != own) pulls_[i * groups + k] *= T(-1) / all;
      }
      pulls_[i * groups + own] = sum / all;
    }
    std::vector<T> moves(n_);
    for (std::size_t k = 0; k < neurons_; ++k) {
      for (std::size_t i = 0; i < n_; ++i) {
        const T pull = rate * pulls_[i * groups + k / width_];
        moves[i] = z_[i * neurons_ + k] >= T(0) ? pull : T(T(problem_.slope) * pull);
        totals_[i * neurons_ + k] += Total(moves[i]);
      }
      for (std::size_t l = 0; l < n_; ++l) {
        T moved(0);
        for (std::size_t i = 0; i < n_; ++i) moved += moves[i] * steps_gram_[i * n_ + l];
        z_[l * neurons_ + k] += moved;
      }
    }
  }

  void add_up() {
    for (std::size_t l = 0; l < n_; ++l) {
      for (std::size_t k = 0; k < neurons_; ++k) {
        Total sum = start_[l * neurons_ + k];
        for (std::size_t i = 0; i < n_; ++i) sum += totals_[i * neurons_ + k] * gram_[i * n_ + l];
        z_[l * neurons_ + k] = static_cast<T>(sum);
      }
    }
  }

  const ClassProblem problem_;
  const std::size_t n_, neurons_, width_;
  std::vector<Total> gram_, start_, totals_;
  std::vector<T> steps_gram_, z_, outputs_, pulls_;
  std::uint64_t step_ = 0;
};

}  // namespace latetime::real_steps
