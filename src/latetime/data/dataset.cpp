#include "latetime/data/dataset.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/labels.hpp"

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

void require_two_classes(const Dataset& data, const std::string& where, const std::string& what) {
  if (data.class_count == 2) return;
  throw InputError(where,
                   fmt::format("{} of two classes, these samples have {}; choose the samples "
                               "of two, or a grouping such as \"even-odd\"",
                               what, data.class_count));
}

Dataset make_dataset(Samples x, const Labels& labels, const std::string& positive,
                     const std::string& where_x, const std::string& where_y, std::string origin) {
  if (x.rows() == 0 || x.cols() == 0) {
    throw InputError(where_x, fmt::format("the array is empty ({} × {}); give at least one sample "
                                          "of at least one feature",
                                          x.rows(), x.cols()));
  }
  const auto n = static_cast<std::size_t>(x.rows()), d = static_cast<std::size_t>(x.cols());
  if (labels.size() != n) {
    throw InputError(
        where_y, fmt::format("{} labels for the {} samples of {}; give one a sample{}",
                             labels.size(), n, where_x,
                             labels.size() == d ? fmt::format(", or, as the matrix has {} columns, "
                                                              "set data.transpose = true",
                                                              d)
                                                : ""));
  }
  require_finite(x, where_x);
  std::vector<int> numbered = positive.empty() ? numbered_classes(labels) : std::vector<int>();
  if (!numbered.empty()) {
    return {.x = std::move(x),
            .classes = std::move(numbered),
            .class_count = static_cast<int>(labels.keys().size()),
            .origin = std::move(origin)};
  }
  return {.x = std::move(x),
          .classes = two_classes(labels, positive, where_y),
          .class_count = 2,
          .origin = std::move(origin)};
}

Dataset make_dataset(Samples x, const Vector& labels, const std::string& where_x,
                     const std::string& where_y, std::string origin) {
  const std::span values(labels.data(), static_cast<std::size_t>(labels.size()));
  return make_dataset(std::move(x), labels_of(values), "", where_x, where_y, std::move(origin));
}

}  // namespace latetime
