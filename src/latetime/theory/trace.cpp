#include "latetime/theory/trace.hpp"

#include <cmath>

namespace latetime {
namespace {

/// A smallest and a largest entry as a quotient, with both places. NaN when everything is zero.
void add_ratio(Range& range, const Extreme& low, const Extreme& high) {
  if (!low.known() || !high.known() || high.value <= 0.0) return;
  Place place = low.at;
  place.other_neuron = high.at.neuron;
  place.other_sample = high.at.sample;
  range.add(low.value / high.value, place);
}

Place pair_place(Place at, Eigen::Index neuron, Eigen::Index sample) {
  at.neuron = neuron;
  at.sample = sample;
  return at;
}

void add_sums(const ClaimSetting& setting, const Matrix& rho, const Place& at,
              BalanceAccount& account) {
  Range both;
  for (int group = 0; group < 2; ++group) {
    const auto rows = rho.middleRows(group * setting.width(), setting.width());
    const Vector sums = rows.cwiseAbs().colwise().sum().transpose();
    Range one;
    Eigen::Index low = 0, high = 0;
    const double least = sums.minCoeff(&low), most = sums.maxCoeff(&high);
    Place place = at;
    place.group = group;
    place.sample = low;
    one.add(least, place);
    place.sample = high;
    one.add(most, place);
    add_ratio(account.within, one.least, one.most);
    both.add(one);
  }
  add_ratio(account.across, both.least, both.most);
}

}  // namespace

bool has_initial_pair(const ClaimSetting& setting, const PairBits& pairs) {
  for (Eigen::Index k = 0; k < pairs.neurons; ++k) {
    for (Eigen::Index i = 0; i < pairs.samples; ++i) {
      if (pairs.test(k, i) && setting.active0(k, i)) return true;
    }
  }
  return false;
}

void BalanceAccount::add(const BalanceAccount& other) {
  across.add(other.across);
  within.add(other.within);
  neuronwise.add(other.neuronwise);
  relu.add(other.relu);
}

BalanceAccount balance_of(const ClaimSetting& setting, const Matrix& rho, const Place& at) {
  BalanceAccount account;
  add_sums(setting, rho, at, account);
  Eigen::Index low_k = 0, low_i = 0, high_k = 0, high_i = 0;
  const double least = rho.cwiseAbs().minCoeff(&low_k, &low_i);
  const double most = rho.cwiseAbs().maxCoeff(&high_k, &high_i);
  const Extreme high{most, pair_place(at, high_k, high_i)};
  add_ratio(account.neuronwise, {least, pair_place(at, low_k, low_i)}, high);
  Extreme low;
  for (Eigen::Index k = 0; k < rho.rows(); ++k) {
    for (Eigen::Index i = 0; i < rho.cols(); ++i) {
      if (!setting.active0(k, i)) continue;
      if (!(rho(k, i) >= low.value)) low = {rho(k, i), pair_place(at, k, i)};
    }
  }
  add_ratio(account.relu, low, high);
  return account;
}

Range spread_of(const ClaimSetting& setting, const Matrix& rho, const Place& at) {
  Range range;
  for (int group = 0; group < 2; ++group) {
    const auto rows = rho.middleRows(group * setting.width(), setting.width());
    for (Eigen::Index i = 0; i < rho.cols(); ++i) {
      Eigen::Index low = 0, high = 0;
      const double spread = rows.col(i).maxCoeff(&high) - rows.col(i).minCoeff(&low);
      if (range.count > 0 && !(spread > range.most.value)) continue;
      Place place = pair_place(at, group * setting.width() + high, i);
      place.other_neuron = group * setting.width() + low;
      range.add(spread, place);
    }
  }
  return range;
}

Matrix rho_of(const ClaimSetting& setting, const Matrix& coefficients) {
  return coefficients * setting.squared_norms.asDiagonal();
}

const Limit* RunTrace::sure_limit() const {
  return limit && limit_problem.empty() ? &*limit : nullptr;
}

std::string RunTrace::no_limit_reason() const {
  if (!limit_problem.empty()) return limit_problem;
  return late.problem.empty() ? "no limit was computed" : late.problem;
}

}  // namespace latetime
