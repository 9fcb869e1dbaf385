#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "latetime/experiment/config.hpp"
#include "latetime/sweep/definition.hpp"

namespace latetime {

/// One point of a sweep, before its configuration is looked at.
struct SweepPoint {
  std::size_t number = 0;                ///< from 0, among those that the filters leave
  std::size_t cell = 0;                  ///< of the grid, in C order
  std::vector<std::size_t> position;     ///< an index a dimension
  std::vector<std::string> assignments;  ///< "section.key=value": axes, then derived keys
  std::string problem;                   ///< why a derived key has no value here; else empty
};

/// Which points a sweep has. Points are made when they are asked for: a plan of a million is small.
class SweepPlan {
 public:
  /// Throws InputError: more points than can be, filters that leave none, and values that no point
  /// can take (those with which neither the first nor the last point is a configuration).
  explicit SweepPlan(SweepDefinition definition);

  static constexpr std::size_t most_cells = 10'000'000;

  const SweepDefinition& definition() const { return definition_; }
  std::size_t size() const { return filtered_ ? cells_.size() : grid_size_; }
  /// Points with those that the filters leave out.
  std::size_t grid_size() const { return grid_size_; }

  SweepPoint point(std::size_t number) const;

  std::size_t cell_of(std::size_t number) const { return filtered_ ? cells_.at(number) : number; }
  /// The point in a cell of the grid; nothing where the filters leave it out.
  std::optional<std::size_t> number_at(std::size_t cell) const;

  /// The configuration of a point. Throws InputError where it is none.
  RunConfig config(const SweepPoint& point) const;

  /// Values of the derived keys at a point, TOML, in their order.
  std::vector<std::string> derived_values(const SweepPoint& point) const;

 private:
  SweepPoint at_cell(std::size_t cell) const;
  void require_possible_values() const;
  bool is_kept(const SweepPoint& point) const;
  std::string derived_text(const DerivedKey& derived, const SweepPoint& point) const;
  double number_of(const std::string& key, const SweepPoint& point, const Expression& user) const;
  double value_of(const Expression& expression, const SweepPoint& point) const;

  SweepDefinition definition_;
  std::map<std::string, std::string> fixed_;  // keys of the base and defaults, TOML
  std::map<std::string, std::string> types_;
  std::size_t grid_size_ = 1;
  bool filtered_ = false;
  std::vector<std::size_t> cells_;  // that filters leave
};

/// Raised by every change of the program that changes a number of any point, so that a folder of
/// points never mixes two versions.
constexpr int points_version = 3;

/// Names of points, the same wherever and whenever: a hash of the configuration's values, of what
/// is in the files that it names, and of the version of the program and its points. Files are read
/// once.
class PointKeys {
 public:
  /// 36 characters. May be called by several threads. Throws InputError where a file cannot be
  /// read.
  std::string of(const RunConfig& config);

 private:
  std::string remembered(const std::string& name, const std::function<std::string()>& compute);

  std::mutex mutex_;
  std::map<std::string, std::string> known_;
};

}  // namespace latetime
