#include "latetime/experiment/sample_scale.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// What to do about a sample whose entries are at most `largest`, where those of all are `most`.
std::string mend_of_scale(double largest, double most) {
  constexpr double largest_factor = 1e300, largest_square_root = 1e150;
  const double factor = std::min(1.0 / largest, largest_factor);
  return most * factor <= largest_square_root
             ? fmt::format("multiply all samples by {:.0e} or so", factor)
             : "leave it out, or bring it to the scale of the others";
}

}  // namespace

void require_finite_squares(const Samples& x, const std::string& where) {
  constexpr double room = 16.0;
  const double most = std::numeric_limits<double>::max() / (room * static_cast<double>(x.rows()));
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    if (x.row(i).squaredNorm() <= most) continue;
    throw InputError(where,
                     fmt::format("the entries of sample {} are up to {:.3g}, and their "
                                 "squares overflow; divide all samples by {:.0e} or so",
                                 i, x.row(i).cwiseAbs().maxCoeff(), x.cwiseAbs().maxCoeff()));
  }
}

void require_squares(const Samples& x, const std::string& where) {
  constexpr double least =
      std::numeric_limits<double>::min() / std::numeric_limits<double>::epsilon();
  require_finite_squares(x, where);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const double largest = x.row(i).cwiseAbs().maxCoeff();
    if (largest == 0.0 || x.row(i).squaredNorm() >= least) continue;
    throw InputError(where,
                     fmt::format("the entries of sample {} are at most {:.3g}, and their "
                                 "squares underflow; {}",
                                 i, largest, mend_of_scale(largest, x.cwiseAbs().maxCoeff())));
  }
}

}  // namespace latetime
