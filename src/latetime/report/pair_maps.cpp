#include "latetime/report/pair_maps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace latetime {
namespace {

/// State of every pair, (2, m, n).
std::vector<PairVerdict> states_of(const RunResults& run) {
  std::vector<PairVerdict> states;
  if (run.limit && run.limit->has_direction()) {
    for (const std::uint8_t code : run.limit->verdicts)
      states.push_back(static_cast<PairVerdict>(code));
    return states;
  }
  const auto& times = run.column("log10_t");
  const auto switched_lately = [&](std::size_t pair) {
    if (!run.counts_switches()) return false;
    const auto record = static_cast<std::size_t>(run.state.last_switch_record[pair]);
    return record > 0 && record < times.size() && times[record] > times.back() - 1.0;
  };
  for (std::size_t pair = 0; pair < run.state.preactivations.size(); ++pair) {
    states.push_back(switched_lately(pair)                 ? PairVerdict::switches
                     : run.state.preactivations[pair] >= 0 ? PairVerdict::active
                                                           : PairVerdict::inactive);
  }
  return states;
}

std::vector<Band> in_bands(int label, const std::vector<std::size_t>& order, std::size_t most) {
  std::vector<Band> bands;
  const std::size_t each = (order.size() + most - 1) / most;
  for (std::size_t begin = 0; begin < order.size(); begin += each) {
    const std::size_t end = std::min(order.size(), begin + each);
    bands.push_back({label,
                     {order.begin() + static_cast<std::ptrdiff_t>(begin),
                      order.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
  return bands;
}

void append(std::vector<Band>& bands, std::vector<Band> more) {
  for (Band& band : more) bands.push_back(std::move(band));
}

/// Numbers 0 … m − 1 of the neurons of a group, like ones next to each other.
std::vector<std::size_t> ordered_neurons(const RunResults& run, std::size_t group,
                                         const std::vector<PairVerdict>& states) {
  const auto count = [&](std::size_t r, PairVerdict state) {
    const auto row = states.begin() + static_cast<std::ptrdiff_t>((group * run.width + r) * run.n);
    return std::count(row, row + static_cast<std::ptrdiff_t>(run.n), state);
  };
  std::vector<std::pair<std::ptrdiff_t, std::ptrdiff_t>> keys;
  for (std::size_t r = 0; r < run.width; ++r) {
    keys.emplace_back(-count(r, PairVerdict::active), -count(r, PairVerdict::switches));
  }
  std::vector<std::size_t> order(run.width);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  return order;
}

class MapFiller {
 public:
  MapFiller(const RunResults& run, const std::vector<PairVerdict>& states, PairMaps& maps)
      : run_(run), states_(states), maps_(maps), times_(run.column("log10_t")) {
    for (auto& counts : maps.counts) counts.assign(maps.cells(), 0);
    maps.rho_mean.assign(maps.cells(), 0.0);
    maps.rho_least.assign(maps.cells(), std::numeric_limits<double>::infinity());
    maps.rho_most.assign(maps.cells(), -std::numeric_limits<double>::infinity());
    if (!maps.counts_switches) return;
    maps.never.assign(maps.cells(), 0);
    maps.last_switch.assign(maps.cells(), std::nan(""));
  }

  void fill(std::size_t cell, const Band& row, const Band& column) {
    const std::size_t group = row.label > 0 ? 0 : 1;
    for (const std::size_t r : row.members) {
      for (const std::size_t i : column.members) {
        add(cell, (group * run_.width + r) * run_.n + i);
      }
    }
    maps_.rho_mean[cell] /= static_cast<double>(row.members.size() * column.members.size());
  }

 private:
  void add(std::size_t cell, std::size_t pair) {
    const auto state = static_cast<std::size_t>(states_[pair]);
    ++maps_.counts[state][cell];
    ++maps_.total[state];
    const double rho = run_.state.rho[pair];
    maps_.rho_mean[cell] += rho;
    maps_.rho_least[cell] = std::min(maps_.rho_least[cell], rho);
    maps_.rho_most[cell] = std::max(maps_.rho_most[cell], rho);
    if (!maps_.counts_switches) return;
    const auto record = static_cast<std::size_t>(run_.state.last_switch_record[pair]);
    if (record == 0 || record >= times_.size()) {
      ++maps_.never[cell];
    } else {
      maps_.last_switch[cell] = std::fmax(maps_.last_switch[cell], times_[record]);
    }
  }

  const RunResults& run_;
  const std::vector<PairVerdict>& states_;
  PairMaps& maps_;
  const std::vector<double>& times_;
};

}  // namespace

PairMaps pair_maps(const RunResults& run, const MapSize& size) {
  PairMaps maps;
  maps.of_limit = run.limit && run.limit->has_direction();
  maps.counts_switches = run.counts_switches();
  const std::vector<PairVerdict> states = states_of(run);
  for (const int label : {1, -1}) {
    append(maps.rows, in_bands(label, ordered_neurons(run, label > 0 ? 0 : 1, states), size.rows));
    std::vector<std::size_t> samples;
    for (std::size_t i = 0; i < run.n; ++i) {
      if ((run.labels[i] > 0) == (label > 0)) samples.push_back(i);
    }
    append(maps.columns, in_bands(label, samples, size.columns));
  }
  MapFiller filler(run, states, maps);
  std::size_t cell = 0;
  for (const Band& row : maps.rows) {
    for (const Band& column : maps.columns) filler.fill(cell++, row, column);
  }
  return maps;
}

}  // namespace latetime
