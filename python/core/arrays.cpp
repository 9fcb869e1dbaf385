#include "arrays.hpp"

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime::python {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

/// As doubles in C order: the array itself where it is that already.
Doubles doubles_of(const py::array& array, const std::string& where) {
  const char kind = array.dtype().kind();
  if (std::string_view("fiub").find(kind) == std::string_view::npos) {
    throw InputError(where, fmt::format("holds {}; give real numbers",
                                        py::str(array.dtype()).cast<std::string>()));
  }
  return Doubles(array);
}

/// Gives a Python object back from any thread.
struct Release {
  void operator()(py::object* object) const {
    const py::gil_scoped_acquire gil;
    delete object;
  }
};

}  // namespace

py::array moved(Matrix values, const std::vector<std::size_t>& shape) {
  auto owner = std::make_shared<Matrix>(std::move(values));
  return view(owner->data(), shape, keeper(owner));
}

py::array moved(Vector values) {
  auto owner = std::make_shared<Vector>(std::move(values));
  return view(owner->data(), {static_cast<std::size_t>(owner->size())}, keeper(owner));
}

std::vector<std::size_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

std::vector<std::size_t> neuron_shape(Eigen::Index neurons, Eigen::Index columns, int groups) {
  return {static_cast<std::size_t>(groups), static_cast<std::size_t>(neurons / groups),
          static_cast<std::size_t>(columns)};
}

Samples samples_of(const py::array& x, const std::string& where) {
  require_matrix(shape_of(x), where);
  const Doubles doubles = doubles_of(x, where);
  const Eigen::Index n = doubles.shape(0), d = doubles.shape(1);
  if (!Samples::aligned(doubles.data())) {
    return Matrix(Eigen::Map<const Matrix>(doubles.data(), n, d));
  }
  std::shared_ptr<py::object> owner(new py::object(doubles), Release());
  return {doubles.data(), n, d, std::move(owner)};
}

Vector vector_of(const py::array& values, const std::string& where) {
  require_vector(shape_of(values), where);
  const Doubles doubles = doubles_of(values, where);
  return Eigen::Map<const Vector>(doubles.data(), doubles.size());
}

Network network_of(const NetworkShape& shape, const py::array& weights, const std::string& where) {
  const Doubles doubles = doubles_of(weights, where);
  return network_of_array(shape, shape_of(weights),
                          {doubles.data(), static_cast<std::size_t>(doubles.size())}, where);
}

}  // namespace latetime::python
