#include "latetime/data/samples.hpp"

#include <cassert>
#include <cstdint>
#include <new>
#include <utility>

namespace latetime {

Samples::Samples(std::shared_ptr<Matrix> own)
    : Eigen::Map<const Matrix>(own->data(), own->rows(), own->cols()), own_(std::move(own)) {}

Samples::Samples(const double* entries, Eigen::Index n, Eigen::Index d,
                 std::shared_ptr<const void> owner)
    : Eigen::Map<const Matrix>(entries, n, d), owner_(std::move(owner)) {
  assert(aligned(entries));
}

bool Samples::aligned(const double* entries) {
  return reinterpret_cast<std::uintptr_t>(entries) % EIGEN_DEFAULT_ALIGN_BYTES == 0;
}

Samples& Samples::operator=(Samples other) {
  point_to(other.data(), other.rows(), other.cols());
  own_.swap(other.own_);
  owner_.swap(other.owner_);
  return *this;
}

Eigen::Map<Matrix> Samples::edit() {
  if (!own_ || own_.use_count() > 1) *this = Samples(Matrix(*this));
  return {own_->data(), own_->rows(), own_->cols()};
}

/// A map is made to look elsewhere by constructing it anew in its place.
void Samples::point_to(const double* entries, Eigen::Index n, Eigen::Index d) {
  new (static_cast<Eigen::Map<const Matrix>*>(this)) Eigen::Map<const Matrix>(entries, n, d);
}

}  // namespace latetime
