#include "latetime/dynamics/switching_room.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "latetime/model/blas.hpp"
#include "latetime/model/network.hpp"

namespace latetime {
namespace {

constexpr double unit_roundoff = 0x1p-53;
constexpr double infinity = std::numeric_limits<double>::infinity();

// The mean of |p| over a block may exceed that since the last fold, and that of its first step, by
// this part: where neurons hop, margins go up and down from step to step.
constexpr double budget_over_pull = 1.25;

/// As FrozenProof's margin of a block: four times that of a single step, which is four times the
/// sum of all errors of one comparison. Σ |p| is a sum of as many terms as a block has steps.
double rounding_margin(double n, double scale) {
  constexpr auto steps = static_cast<double>(SwitchingRoom::longest_block);
  return (16.0 * (3.0 * n + 24.0) + 4.0 * steps) * unit_roundoff * scale +
         std::numeric_limits<double>::min();
}

}  // namespace

SwitchingRoom::SwitchingRoom(const CoefficientEngine& base, const Matrix& gram,
                             const TrainingState& start)
    : base_(base), gram_(gram), up_(gram), down_(gram) {
  find_budgets(start.preactivations);
  for (Eigen::Index l = 0; l < gram.rows(); ++l) {
    const auto sample = static_cast<std::size_t>(l);
    const double pull = base.classes()[sample] == 0 ? budget_[sample] : -budget_[sample];
    up_.row(l) = (pull * gram.row(l)).cwiseMax(0.0);
    down_.row(l) = (-pull * gram.row(l)).cwiseMax(0.0);
  }
  find_rooms(start);
  steps_ = steps_to_zero(base.pattern());
  const Eigen::Index width = base.shape().width;
  for (std::size_t g = 0; g < 2; ++g) {
    least_[g].assign(budget_.size(), infinity);
    for (Eigen::Index k = 0; k < width; ++k) {
      const double* steps = steps_.row(static_cast<Eigen::Index>(g) * width + k).data();
      for (std::size_t i = 0; i < budget_.size(); ++i) {
        least_[g][i] = std::min(least_[g][i], steps[i]);
      }
    }
  }
}

void SwitchingRoom::find_budgets(const Matrix& z) {
  const Eigen::Index width = base_.shape().width;
  Eigen::RowVectorXd f = Eigen::RowVectorXd::Zero(z.cols());
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    const auto sigma = z.row(k).cwiseMax(base_.shape().slope * z.row(k));
    f += k < width ? Eigen::RowVectorXd(sigma) : Eigen::RowVectorXd(-sigma);
  }
  const auto since_fold = base_.step() % CoefficientEngine::fold_period;
  for (Eigen::Index i = 0; i < z.cols(); ++i) {
    const auto sample = static_cast<std::size_t>(i);
    const double y = base_.classes()[sample] == 0 ? 1.0 : -1.0;
    const double booked = std::abs(base_.cumulative()[sample]);
    const double mean = since_fold > 0 ? booked / static_cast<double>(since_fold) : 0.0;
    const double u = y * f[i] / static_cast<double>(width);
    const double pull = base_.loss() == logistic ? base_.rate() / (1.0 + std::exp(u))
                                                 : base_.rate() * base_.loss().multiplier(u);
    budget_.push_back(budget_over_pull * std::max(pull, mean));
    booked_ += booked + static_cast<double>(longest_block) * budget_.back();
  }
}

void SwitchingRoom::find_rooms(const TrainingState& start) {
  const double largest_gram = gram_.cwiseAbs().maxCoeff();
  room_ = start.preactivations.cwiseAbs();
  for (Eigen::Index k = 0; k < room_.rows(); ++k) {
    const double scale =
        room_.row(k).maxCoeff() +
        4.0 * largest_gram * (start.coefficients.row(k).cwiseAbs().sum() + booked_);
    room_.row(k).array() -= rounding_margin(static_cast<double>(room_.cols()), scale);
  }
  for (Eigen::Index i = 0; i < room_.cols(); ++i) {  // a zero sample's z stays as it is, to the bit
    if ((gram_.col(i).array() == 0.0).all()) room_.col(i).setConstant(infinity);
  }
}

/// How many steps each pre-activation stays on its side of zero where σ' is at most 1 on
/// `largest_slopes` and γ elsewhere. Neurons of one pattern move alike.
Matrix SwitchingRoom::steps_to_zero(const PairBits& largest_slopes) const {
  const Eigen::Index n = gram_.rows(), neurons = room_.rows();
  const auto words = static_cast<std::ptrdiff_t>(PairBits::words_per_row(n));
  std::map<std::vector<std::uint64_t>, Eigen::Index> known;
  std::vector<Eigen::Index> kind;
  for (Eigen::Index k = 0; k < neurons; ++k) {
    const std::uint64_t* row = largest_slopes.row(k);
    kind.push_back(known.try_emplace({row, row + words}, std::ssize(known)).first->second);
  }
  Matrix slopes(std::ssize(known), n);
  for (const auto& [pattern, row] : known) {
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool active = pattern[static_cast<std::size_t>(i) / 64] >> (i % 64) & 1;
      slopes(row, i) = active ? 1.0 : base_.shape().slope;
    }
  }
  Matrix up = Matrix::Zero(slopes.rows(), n), down = up;
  add_product(slopes, up_, up);
  add_product(slopes, down_, down);
  Matrix steps(neurons, n);
  for (Eigen::Index k = 0; k < neurons; ++k) {
    const bool first_group = k < base_.shape().width;
    const double* rise = (first_group ? up : down).row(kind[static_cast<std::size_t>(k)]).data();
    const double* fall = (first_group ? down : up).row(kind[static_cast<std::size_t>(k)]).data();
    const std::uint64_t* pattern = base_.pattern().row(k);
    for (Eigen::Index i = 0; i < n; ++i) {
      const bool active = pattern[i / 64] >> (i % 64) & 1;
      const double speed = active ? fall[i] : rise[i], room = room_(k, i);
      steps(k, i) = room > 0.0 ? room / speed : 0.0;  // 0 for what is not a number, too
    }
  }
  return steps;
}

std::array<std::size_t, 2> SwitchingRoom::open_at_least(std::uint64_t steps) const {
  std::array<std::size_t, 2> result{};
  for (std::size_t g = 0; g < 2; ++g) {
    for (const double least : least_[g]) result[g] += !(least > static_cast<double>(steps));
  }
  return result;
}

std::array<std::vector<std::uint32_t>, 2> SwitchingRoom::open_for(std::uint64_t steps) const {
  const auto length = static_cast<double>(steps);
  const Eigen::Index n = gram_.rows(), width = base_.shape().width;
  PairBits slopes = base_.pattern();
  Matrix room = steps_;
  std::array<std::vector<char>, 2> open{std::vector<char>(budget_.size(), 0),
                                        std::vector<char>(budget_.size(), 0)};
  // A pair that may switch may come to be active, with a slope of 1, which moves its neuron.
  for (bool grown = true; grown;) {
    grown = false;
    for (Eigen::Index k = 0; k < room.rows(); ++k) {
      for (Eigen::Index i = 0; i < n; ++i) {
        if (room(k, i) > length) continue;
        open[static_cast<std::size_t>(k / width)][static_cast<std::size_t>(i)] = 1;
        const std::uint64_t bit = std::uint64_t{1} << (i % 64);
        std::uint64_t& word = slopes.row(k)[i / 64];
        grown |= (word & bit) == 0;
        word |= bit;
      }
    }
    if (grown) room = steps_to_zero(slopes);
  }
  std::array<std::vector<std::uint32_t>, 2> result;
  for (std::size_t g = 0; g < 2; ++g) {
    for (std::uint32_t i = 0; i < budget_.size(); ++i) {
      if (open[g][i]) result[g].push_back(i);
    }
  }
  return result;
}

}  // namespace latetime
