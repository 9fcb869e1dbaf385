#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "latetime/sweep/expression.hpp"
#include "latetime/sweep/quantities.hpp"

namespace latetime {

/// One key with the values that it takes, as TOML texts, each once.
struct SweepAxis {
  std::string key;  ///< "network.slope"
  std::vector<std::string> values;
  std::size_t dimension = 0;  ///< of the grid; axes that go together share one
  std::string where = {};     ///< "map.toml:7: axes.network.slope", for messages
  /// Of an axis that is refined, an entry a value: 0 for those of the first grid, k for those that
  /// halve a step of level k - 1. Empty for others.
  std::vector<std::size_t> levels = {};
};

/// How a grid is refined where a quantity jumps. The grid of a definition is then the finest one.
struct RefineRule {
  std::string quantity;              ///< that is kept; "outcome": how points end, alone
  std::optional<double> tolerance;   ///< what differs by more, jumps; nothing where `threshold` is
  std::optional<double> threshold;   ///< what lies on different sides of it, jumps
  std::size_t most_points = 10'000;  ///< of all points that are made
  std::size_t levels = 3;            ///< how often a step of the first grid is halved
  std::vector<std::string> axes;     ///< that are refined
  std::vector<std::string> log;      ///< those of them that are halved in the logarithm
  std::vector<std::string> mean_over;  ///< axes over which the quantity is averaged
};

/// A key whose value follows from others at every point.
struct DerivedKey {
  std::string key;
  Expression value;
};

/// A sweep as its file describes it: a configuration, and what is varied in it.
struct SweepDefinition {
  std::string origin;               ///< the file, for messages
  std::string base;                 ///< the configuration, TOML; names of files are absolute
  std::vector<SweepAxis> axes;      ///< in the order of the file
  std::vector<std::size_t> sizes;   ///< of the dimensions of the grid, the last one runs fastest
  std::vector<DerivedKey> derived;  ///< in the order of the file; each may use those before it
  std::vector<Expression> filters;  ///< points where one of them is 0 are left out
  WantedQuantities wanted;
  bool keep_runs = false;  ///< the whole folder of every run as well
  std::optional<RefineRule> refine;
};

/// Reads a sweep's file (docs/sweeps.md). Throws InputError with the place, the problem and a mend:
/// syntax, unknown keys, axes that are empty, doubled or of different lengths, values that no point
/// can take, formulas.
SweepDefinition read_sweep(const std::string& path);

/// The same from text; `origin` names it in messages, relative names of files are taken from
/// `folder`.
SweepDefinition parse_sweep(const std::string& text, const std::string& origin,
                            const std::string& folder);

/// TOML that parse_sweep reads to the same definition, whatever the folder.
std::string to_toml(const SweepDefinition& definition);

}  // namespace latetime
