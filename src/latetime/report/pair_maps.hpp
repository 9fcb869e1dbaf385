#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "latetime/model/limit_status.hpp"
#include "latetime/report/run_results.hpp"

namespace latetime {

/// Neighbouring neurons, or samples, of one class that a heat map shows as one row or column.
struct Band {
  int label = 0;                     ///< class, +1 or −1
  std::vector<std::size_t> members;  ///< numbers; of neurons within their class
};

/// The heat maps neuron × sample. A cell stands for all pairs of its row and column; arrays are
/// rows × columns, last index fastest.
struct PairMaps {
  std::vector<Band> rows, columns;
  /// True when the states are those of the limit, else of the last record.
  bool of_limit = false;
  /// False: nobody counted switches. States of the last record are then signs alone, and
  /// last_switch and never are empty.
  bool counts_switches = true;
  std::array<std::vector<std::size_t>, 4> counts;     ///< of each PairVerdict
  std::vector<double> rho_mean, rho_least, rho_most;  ///< of ρ̄ and ρ̲
  std::vector<double> last_switch;     ///< log10 t of the first record after the last switch of any
                                       ///< pair of the cell; NaN: none ever switched
  std::vector<std::size_t> never;      ///< pairs that never switched
  std::array<std::size_t, 4> total{};  ///< of all pairs

  std::size_t cells() const { return rows.size() * columns.size(); }
};

/// Bands of at most these many rows a class and columns a class, so that a map of any size stays
/// legible and small.
struct MapSize {
  std::size_t rows = 125;
  std::size_t columns = 50;
};

/// Orders the neurons of a class by how many samples keep them active, then by how many switch
/// them for ever, so that like neurons stand together, and forms the maps. Without a limit, a pair
/// counts as switching when it is known to have switched within the last decade of t, and otherwise
/// by its sign.
PairMaps pair_maps(const RunResults& run, const MapSize& size = {});

}  // namespace latetime
