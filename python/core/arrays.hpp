#pragma once

#include <memory>
#include <span>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "latetime/data/dataset.hpp"
#include "latetime/model/network.hpp"

// Arrays between C++ and NumPy. What C++ hands out is a read-only view that keeps its owner alive.

namespace latetime::python {

namespace py = pybind11;

/// Keeps `owner` alive for as long as Python needs the capsule.
template <class T>
py::capsule keeper(std::shared_ptr<T> owner) {
  auto held = std::make_unique<std::shared_ptr<T>>(std::move(owner));
  py::capsule capsule(held.get(),
                      [](void* pointer) { delete static_cast<std::shared_ptr<T>*>(pointer); });
  held.release();
  return capsule;
}

/// A read-only view of `values` in C order.
template <class T>
py::array view(const T* values, const std::vector<std::size_t>& shape, const py::handle& owner) {
  py::array_t<T> array(shape, values, owner);
  py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}

/// The same for values that C++ has no more use for.
py::array moved(Matrix values, const std::vector<std::size_t>& shape);
py::array moved(Vector values);

std::vector<std::size_t> shape_of(const py::array& array);

/// (K, m, columns) of a matrix of neurons of K groups.
std::vector<std::size_t> neuron_shape(Eigen::Index neurons, Eigen::Index columns, int groups = 2);

/// Samples in the array's own memory where it holds aligned doubles in C order, else in that of a
/// converted copy. Throws InputError when there are not two dimensions, and for what is not a real
/// number.
Samples samples_of(const py::array& x, const std::string& where);

Vector vector_of(const py::array& values, const std::string& where);

/// A network of `shape` with weights (2, m, d), copied.
Network network_of(const NetworkShape& shape, const py::array& weights, const std::string& where);

}  // namespace latetime::python
