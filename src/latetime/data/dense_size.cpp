#include "latetime/data/dense_size.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "latetime/base/error.hpp"

namespace latetime {

double physical_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void require_dense(std::size_t n, std::size_t d, const std::string& where) {
  const double needed = 3.0 * sizeof(double) * static_cast<double>(n) * static_cast<double>(d);
  if (needed <= physical_memory()) return;
  throw InputError(where, fmt::format("{} samples of {} features need about {:.3g} GB with their "
                                      "zeros, this machine has {:.3g} GB; choose fewer samples or "
                                      "features",
                                      n, d, needed / 1e9, physical_memory() / 1e9));
}

}  // namespace latetime
