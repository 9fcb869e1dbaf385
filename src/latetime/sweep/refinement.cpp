#include "latetime/sweep/refinement.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace {

/// Calls `visit` with every choice of an entry of each list, the last running fastest.
template <class Visit>
void for_each_choice(const std::vector<std::vector<std::size_t>>& lists, const Visit& visit) {
  std::vector<std::size_t> at(lists.size(), 0), chosen(lists.size());
  for (;;) {
    for (std::size_t i = 0; i < lists.size(); ++i) chosen[i] = lists[i][at[i]];
    visit(chosen);
    std::size_t i = lists.size();
    while (i > 0 && ++at[i - 1] == lists[i - 1].size()) at[--i] = 0;
    if (i == 0) return;
  }
}

std::vector<std::size_t> up_to(std::size_t size) {
  std::vector<std::size_t> numbers(size);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

}  // namespace

void Refinement::Range::add(const Corner& corner) {
  if (corner.outcome.empty()) return;
  outcomes_differ = outcomes_differ || (!outcome.empty() && corner.outcome != outcome);
  outcome = corner.outcome;
  if (!corner.mean) {
    none = true;
    return;
  }
  least = some ? std::min(least, *corner.mean) : *corner.mean;
  most = some ? std::max(most, *corner.mean) : *corner.mean;
  some = true;
}

Refinement::Refinement(const SweepPlan& plan) : plan_(plan) {
  if (!plan.definition().refine) {
    points_ = latest_ = up_to(plan.size());
    return;
  }
  chosen_.assign(plan.size(), false);
  arrange_dimensions();
  choose_first_grid();
  const RefineRule& rule = *plan.definition().refine;
  if (points_.size() <= rule.most_points) return;
  throw InputError(
      plan.definition().origin + ": refine.most_points",
      fmt::format("is {}, and the first grid alone has {} points; allow more, or begin "
                  "with fewer values an axis",
                  rule.most_points, points_.size()));
}

void Refinement::arrange_dimensions() {
  const SweepDefinition& definition = plan_.definition();
  std::size_t stride = 1;
  for (std::size_t d = definition.sizes.size(); d-- > 0;) {
    Dimension dimension{.size = definition.sizes[d], .stride = stride};
    stride *= definition.sizes[d];
    bool averaged = false;
    for (const SweepAxis& axis : definition.axes) {
      if (axis.dimension != d) continue;
      if (!axis.levels.empty()) dimension.levels = axis.levels;
      averaged = averaged || contains(definition.refine->mean_over, axis.key);
    }
    auto& kind = !dimension.levels.empty() ? refined_ : averaged ? averaged_ : others_;
    kind.insert(kind.begin(), std::move(dimension));
  }
}

void Refinement::choose_first_grid() {
  for (const Dimension& dimension : others_) slices_ *= dimension.size;
  // Beginnings and ends of the steps of the first grid, one list a dimension.
  std::vector<std::vector<std::size_t>> steps, given;
  for (const Dimension& dimension : refined_) {
    given.emplace_back();
    for (std::size_t i = 0; i < dimension.size; ++i) {
      if (dimension.levels[i] == 0) given.back().push_back(i);
    }
    steps.push_back(up_to(std::max<std::size_t>(given.back().size(), 2) - 1));
  }
  for (std::size_t slice = 0; slice < slices_; ++slice) {
    for_each_choice(given, [&](const Place& place) {
      corners_[{slice, place}] = std::nullopt;
      choose(new_points(slice, place));
    });
    for_each_choice(steps, [&](const Place& step) {
      Cell cell{.slice = slice};
      for (std::size_t d = 0; d < step.size(); ++d) {
        cell.low.push_back(given[d][step[d]]);
        cell.high.push_back(given[d][std::min(step[d] + 1, given[d].size() - 1)]);
      }
      cells_.push_back(std::move(cell));
    });
  }
  roots_ = cells_.size();
  std::sort(points_.begin(), points_.end());
  latest_ = points_;
}

/// Of the grid, with the first entries of the axes over which is averaged.
std::size_t Refinement::cell_number(std::size_t slice, const Place& place) const {
  std::size_t number = 0;
  for (std::size_t d = 0; d < place.size(); ++d) number += place[d] * refined_[d].stride;
  for (std::size_t d = others_.size(); d-- > 0;) {
    number += slice % others_[d].size * others_[d].stride;
    slice /= others_[d].size;
  }
  return number;
}

std::vector<std::size_t> Refinement::points_of(std::size_t slice, const Place& place) const {
  const std::size_t first = cell_number(slice, place);
  std::vector<std::vector<std::size_t>> entries;
  for (const Dimension& dimension : averaged_) entries.push_back(up_to(dimension.size));
  std::vector<std::size_t> numbers;
  for_each_choice(entries, [&](const std::vector<std::size_t>& entry) {
    std::size_t cell = first;
    for (std::size_t d = 0; d < entry.size(); ++d) cell += entry[d] * averaged_[d].stride;
    if (const auto number = plan_.number_at(cell)) numbers.push_back(*number);
  });
  return numbers;
}

std::vector<std::size_t> Refinement::new_points(std::size_t slice, const Place& place) const {
  std::vector<std::size_t> numbers = points_of(slice, place);
  std::erase_if(numbers, [&](std::size_t number) { return chosen_[number]; });
  return numbers;
}

void Refinement::choose(const std::vector<std::size_t>& numbers) {
  for (const std::size_t number : numbers) chosen_[number] = true;
  points_.insert(points_.end(), numbers.begin(), numbers.end());
}

std::optional<Refinement::Corner> Refinement::look_at(std::size_t slice, const Place& place,
                                                      const Found& found) const {
  double sum = 0.0;
  std::size_t count = 0;
  std::map<std::string, std::size_t> outcomes;
  for (const std::size_t number : points_of(slice, place)) {
    const auto finding = found(number);
    if (!finding) return std::nullopt;
    if (finding->outcome == "failed") continue;
    ++outcomes[finding->outcome];
    if (std::isnan(finding->value)) continue;
    sum += finding->value;
    ++count;
  }
  Corner corner;
  if (count > 0) corner.mean = sum / static_cast<double>(count);
  std::size_t most = 0;
  for (const auto& [word, times] : outcomes) {
    if (times > std::exchange(most, std::max(most, times))) corner.outcome = word;
  }
  return corner;
}

/// Looks at corners that were not looked at; false where one is not made yet.
bool Refinement::take_in(const Found& found) {
  for (auto& [at, corner] : corners_) {
    if (!corner) corner = look_at(at.first, at.second, found);
    if (!corner) return false;
  }
  return true;
}

void Refinement::add_to_leaves(std::size_t index, const Place& place, const Corner& corner) {
  Cell& cell = cells_[index];
  for (std::size_t d = 0; d < place.size(); ++d) {
    if (place[d] < cell.low[d] || place[d] > cell.high[d]) return;
  }
  if (cell.parts == 0) cell.range.add(corner);
  for (std::size_t part = 0; part < cell.parts; ++part) {
    add_to_leaves(cell.first_part + part, place, corner);
  }
}

bool Refinement::jumps(const Range& range) const {
  const RefineRule& rule = *plan_.definition().refine;
  if (range.outcomes_differ) return true;
  if (rule.quantity == "outcome") return false;
  if (range.some && range.none) return true;
  if (!range.some) return false;
  if (rule.threshold) return range.least < *rule.threshold && range.most >= *rule.threshold;
  // Also where the difference is no number, of infinite values.
  return range.most > range.least && !(range.most - range.least <= rule.tolerance.value_or(0.0));
}

std::vector<Refinement::Place> Refinement::cuts_of(const Cell& cell) const {
  std::vector<Place> cuts;
  for (std::size_t d = 0; d < refined_.size(); ++d) {
    const auto& levels = refined_[d].levels;
    cuts.push_back({cell.low[d]});
    if (cell.high[d] > cell.low[d] + 1) {
      const auto begin = levels.begin() + static_cast<std::ptrdiff_t>(cell.low[d]);
      const auto end = levels.begin() + static_cast<std::ptrdiff_t>(cell.high[d]);
      const auto middle = std::min_element(begin + 1, end);
      cuts.back().push_back(static_cast<std::size_t>(middle - levels.begin()));
    }
    if (cell.high[d] > cell.low[d]) cuts.back().push_back(cell.high[d]);
  }
  return cuts;
}

/// Leaves that jump and have something within, the largest first.
std::vector<std::size_t> Refinement::jumping_leaves() {
  for (Cell& cell : cells_) cell.range = {};
  for (const auto& [at, corner] : corners_) {
    const std::size_t of_slice = roots_ / slices_;
    for (std::size_t root = at.first * of_slice; root < (at.first + 1) * of_slice; ++root) {
      add_to_leaves(root, at.second, *corner);
    }
  }
  std::vector<std::size_t> leaves;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    const auto cuts = cuts_of(cell);
    const bool divisible =
        std::any_of(cuts.begin(), cuts.end(), [](const Place& cut) { return cut.size() == 3; });
    if (cell.parts == 0 && divisible && jumps(cell.range)) leaves.push_back(i);
  }
  std::stable_sort(leaves.begin(), leaves.end(),
                   [&](std::size_t a, std::size_t b) { return cells_[a].depth < cells_[b].depth; });
  return leaves;
}

/// Cuts a cell, and chooses its new points; false where that would be too many.
bool Refinement::split(std::size_t index) {
  const std::size_t slice = cells_[index].slice;
  const std::vector<Place> cuts = cuts_of(cells_[index]);
  std::vector<std::size_t> numbers;
  for_each_choice(cuts, [&](const Place& place) {
    for (const std::size_t number : new_points(slice, place)) numbers.push_back(number);
  });
  if (points_.size() + numbers.size() > plan_.definition().refine->most_points) return false;
  choose(numbers);
  latest_.insert(latest_.end(), numbers.begin(), numbers.end());
  for_each_choice(cuts, [&](const Place& place) {
    corners_.try_emplace({slice, place}, std::nullopt);
  });
  std::vector<std::vector<std::size_t>> parts;
  for (const Place& cut : cuts) parts.push_back(up_to(std::max<std::size_t>(cut.size(), 2) - 1));
  const std::size_t first = cells_.size(), depth = cells_[index].depth + 1;
  for_each_choice(parts, [&](const Place& part) {
    Cell cell{.slice = slice, .depth = depth};
    for (std::size_t d = 0; d < part.size(); ++d) {
      cell.low.push_back(cuts[d][part[d]]);
      cell.high.push_back(cuts[d][std::min(part[d] + 1, cuts[d].size() - 1)]);
    }
    cells_.push_back(std::move(cell));
  });
  cells_[index].first_part = first;
  cells_[index].parts = cells_.size() - first;
  return true;
}

bool Refinement::refine(const Found& found) {
  if (!plan_.definition().refine || exhausted_) return false;
  latest_.clear();
  // A cell whose points are all there already is looked at again at once.
  while (latest_.empty()) {
    if (!take_in(found)) return false;
    const std::vector<std::size_t> leaves = jumping_leaves();
    if (leaves.empty()) return false;
    for (const std::size_t leaf : leaves) {
      if (!exhausted_) exhausted_ = !split(leaf);
    }
    if (exhausted_ && latest_.empty()) return false;
  }
  std::sort(latest_.begin(), latest_.end());
  std::sort(points_.begin(), points_.end());
  return true;
}

}  // namespace latetime
