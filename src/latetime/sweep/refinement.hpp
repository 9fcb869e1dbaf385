#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "latetime/sweep/plan.hpp"

namespace latetime {

/// What a refinement looks at of a finished point.
struct PointFinding {
  double value = 0.0;   ///< of the rule's quantity; NaN: it has none
  std::string outcome;  ///< "failed" points say nothing
};

/// Chooses which points of a plan are made. Without [refine] that is all of them. With it, the
/// first grid, and then, round by round, the corners and midpoints of every cell in which the
/// quantity jumps: where two of the points in it that are made, its border included, differ by more
/// than the tolerance, lie on different sides of the threshold, end differently, or only one has
/// the quantity. What is chosen depends on the plan and on what is found alone.
class Refinement {
 public:
  /// Refers to the plan. Throws InputError where the first grid is larger than all that may be
  /// made.
  explicit Refinement(const SweepPlan& plan);

  /// Numbers of all points chosen so far, in order.
  const std::vector<std::size_t>& points() const { return points_; }
  /// Of these, those that the last round added, in order.
  const std::vector<std::size_t>& latest() const { return latest_; }
  /// Whether there are more jumps than most_points could follow.
  bool exhausted() const { return exhausted_; }

  /// Goes on by a round, and says whether it added points. `found` says what came of a point;
  /// nothing where it is not made yet: then there is no next round.
  using Found = std::function<std::optional<PointFinding>(std::size_t number)>;
  bool refine(const Found& found);

 private:
  using Place = std::vector<std::size_t>;  // an index a refined dimension

  /// All points that differ by axes over which is averaged.
  struct Corner {
    std::optional<double> mean;  // of those that have the quantity
    std::string outcome;         // the most frequent one; empty: nothing is known
  };

  /// What the corners in a cell have between them.
  struct Range {
    double least = 0.0, most = 0.0;
    bool some = false, none = false;  // corners with and without the quantity
    std::string outcome;
    bool outcomes_differ = false;

    void add(const Corner& corner);
  };

  /// A box of the finest grid, borders included.
  struct Cell {
    std::size_t slice = 0;  // of the dimensions that are neither refined nor averaged over
    Place low, high;
    std::size_t depth = 0;
    std::size_t first_part = 0, parts = 0;  // of cells_; none: a leaf
    Range range;
  };

  struct Dimension {
    std::size_t size = 1, stride = 1;
    std::vector<std::size_t> levels;  // of a refined one
  };

  void arrange_dimensions();
  void choose_first_grid();
  std::size_t cell_number(std::size_t slice, const Place& place) const;
  /// Numbers of the points of a corner, and of those that are not chosen yet.
  std::vector<std::size_t> points_of(std::size_t slice, const Place& place) const;
  std::vector<std::size_t> new_points(std::size_t slice, const Place& place) const;
  void choose(const std::vector<std::size_t>& numbers);
  bool take_in(const Found& found);
  std::optional<Corner> look_at(std::size_t slice, const Place& place, const Found& found) const;
  void add_to_leaves(std::size_t cell, const Place& place, const Corner& corner);
  bool jumps(const Range& range) const;
  std::vector<std::size_t> jumping_leaves();
  /// Where a cell is cut: low, middle and high of each dimension, or low and high alone.
  std::vector<Place> cuts_of(const Cell& cell) const;
  bool split(std::size_t cell);

  const SweepPlan& plan_;
  std::vector<std::size_t> points_, latest_;
  std::vector<bool> chosen_;
  bool exhausted_ = false;

  std::vector<Dimension> refined_, averaged_, others_;
  std::vector<Cell> cells_;
  std::size_t roots_ = 0;  // the first so many cells are those of the first grid, slice by slice
  std::size_t slices_ = 1;
  /// Corners by slice and place; nothing: chosen, and not looked at yet.
  std::map<std::pair<std::size_t, Place>, std::optional<Corner>> corners_;
};

}  // namespace latetime
