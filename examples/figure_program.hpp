#pragma once

// What the example programs that make a figure share: arguments, tables, a progress line.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "latetime/report/chart.hpp"

namespace latetime {

/// Arguments of a program that writes a figure and its tables into a folder.
struct FigureArguments {
  std::string out;          ///< folder; made if missing
  std::uint64_t seeds = 0;  ///< runs a case, seeds 1 … seeds
  bool help = false;
};

/// Reads `--out DIR`, `--seeds N`, `--help`. Throws InputError, one line, for anything else.
FigureArguments read_figure_arguments(int argc, const char* const* argv,
                                      const FigureArguments& defaults);

/// A CSV table in the making. Numbers are written so that they read back exactly.
class Table {
 public:
  explicit Table(const std::vector<std::string>& columns) { add(columns); }
  void add(const std::vector<std::string>& row);
  /// Writes DIR/name, replacing it at once.
  void write(const std::string& folder, const std::string& name) const;

 private:
  std::string text_;
};

/// "name: 3 of 20" on standard error, where that is a terminal.
class Progress {
 public:
  explicit Progress(std::string name);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& stage, std::size_t done, std::size_t of);
  void clear();
  double seconds() const;

 private:
  const std::string name_;
  const bool enabled_;
  bool shown_ = false;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Values of several runs at each x.
using Spread = std::map<double, std::vector<double>>;

/// The means of the runs, or their medians, with their range as a band (none for Mark::dashed and
/// Mark::points).
Series drawn_means(const std::string& label, const std::string& color, const Spread& spread,
                   Mark mark = Mark::joined_points);
Series drawn_medians(const std::string& label, const std::string& color, const Spread& spread);

double mean(const std::vector<double>& values);
double median(std::vector<double> values);

}  // namespace latetime
