#include "latetime/report/thinning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

namespace latetime {
namespace {

/// Number of the part of [low, high] that `value` falls into.
std::size_t part_of(double value, double low, double high, std::size_t parts) {
  if (!(value > low) || !(high > low)) return 0;
  const double share = (value - low) / (high - low);
  if (!(share < 1.0)) return parts - 1;  // also where both are infinite
  return std::min(parts - 1, static_cast<std::size_t>(share * static_cast<double>(parts)));
}

/// Numbers of the parts that a time lies in; both are 0 up to t = 2, and the start is a part of its
/// own.
std::pair<std::size_t, std::size_t> cell_of(double log10_t, double last, std::size_t parts) {
  const double first = std::log10(2.0);
  if (std::isnan(log10_t)) return {0, std::numeric_limits<std::size_t>::max()};
  if (!(log10_t > first)) return {0, 0};
  return {part_of(log10_t, 0.0, last, parts),
          1 + part_of(std::log(log10_t), std::log(first), std::log(last), parts)};
}

/// Adds the records of [begin, end) at which the curve is least and greatest.
void keep_extremes(const std::vector<double>& curve, std::size_t begin, std::size_t end,
                   std::set<std::size_t>& kept) {
  std::size_t least = end, most = end;
  for (std::size_t r = begin; r < end; ++r) {
    if (!std::isfinite(curve[r])) continue;
    if (least == end || curve[r] < curve[least]) least = r;
    if (most == end || curve[r] > curve[most]) most = r;
  }
  if (least < end) kept.insert({least, most});
}

}  // namespace

std::vector<std::size_t> records_to_draw(const std::vector<double>& log10_t,
                                         const std::vector<std::vector<double>>& curves,
                                         const std::vector<std::size_t>& always,
                                         std::size_t parts) {
  const std::size_t count = log10_t.size();
  if (count <= 4 * parts) {
    std::vector<std::size_t> all(count);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  std::set<std::size_t> kept(always.begin(), always.end());
  const double last = log10_t.back();
  for (std::size_t begin = 0; begin < count;) {
    const auto cell = cell_of(log10_t[begin], last, parts);
    std::size_t end = begin + 1;
    while (end < count && cell_of(log10_t[end], last, parts) == cell) ++end;
    kept.insert({begin, end - 1});
    for (const auto& curve : curves) keep_extremes(curve, begin, end, kept);
    begin = end;
  }
  return {kept.begin(), kept.end()};
}

std::vector<std::size_t> evenly(const std::vector<std::size_t>& chosen, std::size_t most) {
  if (chosen.size() <= most) return chosen;
  std::vector<std::size_t> some;
  for (std::size_t k = 0; k < most; ++k)
    some.push_back(chosen[k * (chosen.size() - 1) / (most - 1)]);
  return some;
}

}  // namespace latetime
