#pragma once

#include <string>
#include <vector>

#include "latetime/data/samples.hpp"

namespace latetime {

/// Training samples and their classes.
///
/// Classes are numbered from 0 as groups of the network are. For the paper's two classes, class 0
/// is label +1 and class 1 is label −1.
struct Dataset {
  Samples x;                 ///< n × d samples, all entries finite
  std::vector<int> classes;  ///< n class numbers, 0 … class_count − 1
  int class_count = 2;
  std::string origin;  ///< where the samples come from, for reports ("gaussian-mixture, seed 1")
  Vector subtracted = {};  ///< the mean that was taken off every sample; empty: none was
  /// n class numbers before label noise flipped some; empty: `classes` are clean.
  std::vector<int> clean_classes = {};

  Eigen::Index size() const { return x.rows(); }
  Eigen::Index dim() const { return x.cols(); }
  /// Label +1 or −1 of sample i; of three classes and more the number of its class.
  int label(Eigen::Index i) const {
    const int of_sample = classes[static_cast<std::size_t>(i)];
    return class_count > 2 ? of_sample : of_sample == 0 ? 1 : -1;
  }
  /// Whether label noise flipped the label of sample i.
  bool flipped(Eigen::Index i) const {
    const auto at = static_cast<std::size_t>(i);
    return !clean_classes.empty() && clean_classes[at] != classes[at];
  }
};

/// Data set from labels +1 and −1, or 0, 1, …, K−1 of K ≥ 3 classes, each of them there; `where_x`
/// and `where_y` name the inputs in error messages. Throws InputError for an empty set, a shape
/// mismatch, an entry that is not finite, or another label.
Dataset make_dataset(Samples x, const Vector& labels, const std::string& where_x,
                     const std::string& where_y, std::string origin);

/// Throws InputError, naming `where`, for more than two classes; `what` is what is of two classes.
void require_two_classes(const Dataset& data, const std::string& where, const std::string& what);

/// Throws InputError, naming `where`, the row and the column, when an entry of x is NaN or
/// infinite.
void require_finite(const Eigen::Ref<const Matrix>& x, const std::string& where);

}  // namespace latetime
