#pragma once

#include <array>
#include <string>

namespace latetime {

/// Which class each of the ten digits (image categories) belongs to.
struct ClassGrouping {
  static constexpr int left_out = -1;
  std::array<int, 10> class_of;  ///< class number, or `left_out`
  int class_count = 2;
};

/// Reads the grammar of the config key data.classes:
///   "even-odd"        even digits are class 0 (label +1), odd ones class 1
///   "LIST vs LIST"    the first list is class 0; a LIST is digits and ranges: "0-4", "3",
///   "1,3,5-7" "all"             ten classes
/// Throws InputError, naming data.classes: syntax, digit above 9, a digit twice.
ClassGrouping parse_classes(const std::string& text);

}  // namespace latetime
