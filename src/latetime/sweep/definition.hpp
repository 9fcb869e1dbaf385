#pragma once

#include <cstddef>
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
