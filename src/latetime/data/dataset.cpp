#include "latetime/data/dataset.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {

void require_finite(const Eigen::Ref<const Matrix>& x, const std::string& where) {
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index j = 0; j < x.cols(); ++j) {
      if (!std::isfinite(x(i, j))) {
        throw InputError(where, fmt::format("entry ({}, {}) is {}; every entry must be finite", i,
                                            j, shortest(x(i, j))));
      }
    }
  }
}

Dataset make_dataset(Samples x, const Vector& labels, const std::string& where_x,
                     const std::string& where_y, std::string origin) {
  if (x.rows() == 0 || x.cols() == 0) {
    throw InputError(where_x, fmt::format("the array is empty ({} × {}); give at least one sample "
                                          "of at least one feature",
                                          x.rows(), x.cols()));
  }
  if (labels.size() != x.rows()) {
    throw InputError(where_y, fmt::format("{} labels for the {} samples of {}; give one a sample",
                                          labels.size(), x.rows(), where_x));
  }
  require_finite(x, where_x);
  Dataset data{.x = std::move(x), .classes = {}, .class_count = 2, .origin = std::move(origin)};
  data.classes.reserve(static_cast<std::size_t>(labels.size()));
  for (Eigen::Index i = 0; i < labels.size(); ++i) {
    if (labels[i] != 1.0 && labels[i] != -1.0) {
      throw InputError(where_y, fmt::format("label {} is {}; labels must be +1 or -1 (from 0/1 "
                                            "labels: y = 2*y - 1)",
                                            i, shortest(labels[i])));
    }
    data.classes.push_back(labels[i] > 0 ? 0 : 1);
  }
  return data;
}

}  // namespace latetime
