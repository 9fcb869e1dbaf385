#include "latetime/data/symmetry.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace latetime {

bool is_symmetric(const Dataset& data) {
  using Row = std::vector<double>;
  std::map<Row, std::int64_t> unmatched;  // samples with label +1 less mirror images of the others
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    const double sign = data.label(i);
    Row row;
    for (const double entry : data.x.row(i)) row.push_back(entry == 0.0 ? 0.0 : sign * entry);
    unmatched[row] += sign > 0.0 ? 1 : -1;
  }
  return std::ranges::all_of(unmatched, [](const auto& entry) { return entry.second == 0; });
}

}  // namespace latetime
