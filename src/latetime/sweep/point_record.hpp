#pragma once

#include <map>
#include <string>
#include <vector>

namespace latetime {

/// What is kept of a finished point.
struct PointRecord {
  std::string key;             ///< see PointKeys
  std::string outcome;         ///< of a run ("reached-end", …), "refused" for bad input, "failed"
  std::string message;         ///< a line for people; empty where there is nothing to say
  std::vector<double> values;  ///< of all_quantities()
  /// Claims and arrays that a sweep asked for, by name.
  std::map<std::string, std::vector<double>> extras;
  double seconds = 0.0;  ///< that it took

  /// Whether another try may end otherwise: memory or a file was missing.
  bool worth_another_try() const { return outcome == "failed"; }
};

/// The number of this name, of all_quantities() or a claim's; NaN where there is none.
double value_named(const PointRecord& record, const std::string& name);

/// One line of JSON, without its end, that carries a checksum.
std::string to_line(const PointRecord& record);

/// First line of a file of such lines: the names of the values.
std::string header_line();

/// Names of the values in a header line; empty for a line that is none.
std::vector<std::string> names_of_header(const std::string& line);

/// The record of a line, its values those of all_quantities(), NaN where `names` (of its header)
/// lack one. `found` is false for a line that is damaged or no record.
struct ReadRecord {
  bool found = false;
  bool complete = false;  ///< no quantity is missing
  PointRecord record;
};
ReadRecord record_of_line(const std::string& line, const std::vector<std::string>& names);

/// Whether a line is one that to_line() or header_line() wrote, to the last bit.
bool is_sound(std::string_view line);

}  // namespace latetime
