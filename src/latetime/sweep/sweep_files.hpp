#pragma once

#include <map>
#include <string>
#include <vector>

#include "latetime/sweep/plan.hpp"
#include "latetime/sweep/point_store.hpp"

namespace latetime {

// What a folder of a sweep holds besides its points.
constexpr const char* sweep_toml_name = "sweep.toml";  ///< the complete definition
constexpr const char* points_csv_name = "points.csv";  ///< a row a point
constexpr const char* sweep_nc_name = "sweep.nc";      ///< labelled arrays, for xarray

/// What is known of one point, for tables.
struct PointRow {
  std::size_t number = 0;
  std::string key;      ///< empty for a point that is no configuration
  std::string outcome;  ///< "missing" while it has not been made
  std::string message;
};

/// The chosen points of a sweep with what a store knows of them.
struct SweepTable {
  std::vector<PointRow> rows;                ///< a point, in order
  std::vector<std::string> names;            ///< of wanted numbers and claims
  std::vector<std::vector<double>> columns;  ///< one a name, an entry a row; NaN: none
  /// Arrays by name: an entry a row, of any length.
  std::vector<std::vector<std::vector<double>>> arrays;

  std::vector<std::string> array_names;
};

/// `numbers`: of the points, in order; `keys`: of all points of the plan that are named;
/// `problems`: why a point without a key has none.
SweepTable collect_points(const SweepPlan& plan, const std::vector<std::size_t>& numbers,
                          const std::vector<std::string>& keys,
                          const std::map<std::size_t, std::string>& problems,
                          const PointStore& store);

/// points.csv: number, keys of axes, derived keys, outcome, wanted quantities, key, message.
std::string points_csv(const SweepPlan& plan, const SweepTable& table);

/// sweep.nc, which netCDF 4 and xarray open: a dimension an axis (of paired axes one, named after
/// the first), coordinates, a variable a quantity, and `outcome` with the meanings of its codes.
/// Replaces the file by renaming. Throws InputError where it cannot be written.
void write_sweep_nc(const std::string& path, const SweepPlan& plan, const SweepTable& table);

/// Words of `outcome`, in the order of their codes.
const std::vector<std::string>& outcome_words();

}  // namespace latetime
