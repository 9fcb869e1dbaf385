#include "latetime/dynamics/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace latetime {

std::vector<std::uint64_t> record_steps(std::uint64_t until, unsigned per_decade,
                                        std::span<const std::uint64_t> at, std::uint64_t every) {
  std::vector<std::uint64_t> steps{0, until};
  for (unsigned k = 0; per_decade > 0; ++k) {
    const double step = std::round(std::pow(10.0, static_cast<double>(k) / per_decade));
    if (step > static_cast<double>(until)) break;
    steps.push_back(static_cast<std::uint64_t>(step));
  }
  if (every > 0) {
    for (std::uint64_t k = 1; k <= until / every; ++k) steps.push_back(k * every);
  }
  for (const std::uint64_t step : at) {
    if (step <= until) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return steps;
}

}  // namespace latetime
