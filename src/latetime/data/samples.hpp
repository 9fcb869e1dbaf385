#pragma once

#include <memory>

#include <Eigen/Core>

namespace latetime {

/// Row-major matrix of doubles: one sample, or one neuron, a row.
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

/// The n × d samples of a data set, one a row: a matrix to read, whose entries all copies share.
/// They may lie in memory that somebody else owns, such as an array of the caller's.
class Samples : public Eigen::Map<const Matrix> {
 public:
  Samples() : Samples(Matrix()) {}
  Samples(Matrix entries) : Samples(std::make_shared<Matrix>(std::move(entries))) {}
  template <class Derived>
  Samples(const Eigen::MatrixBase<Derived>& entries) : Samples(Matrix(entries)) {}

  /// Entries in C order that `owner` keeps alive and that nobody changes meanwhile. `entries` must
  /// be aligned like Eigen's own matrices (aligned()): sums that are vectorised from an aligned
  /// address on would otherwise be rounded differently.
  Samples(const double* entries, Eigen::Index n, Eigen::Index d, std::shared_ptr<const void> owner);
  static bool aligned(const double* entries);

  Samples(const Samples&) = default;
  Samples& operator=(Samples other);

  /// The entries to change, which no copy shares any more: they are copied first where one does.
  Eigen::Map<Matrix> edit();

 private:
  explicit Samples(std::shared_ptr<Matrix> own);
  void point_to(const double* entries, Eigen::Index n, Eigen::Index d);

  std::shared_ptr<Matrix> own_;        // empty: the entries belong to owner_
  std::shared_ptr<const void> owner_;  // empty: the entries belong to own_
};

}  // namespace latetime
