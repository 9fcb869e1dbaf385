#include "latetime/base/array_archive.hpp"

#include <functional>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// An archive holds what result.h5 holds, or would hold.
[[noreturn]] void damaged(const std::string& problem) {
  throw InputError(
      "result.h5",
      problem + "; it is damaged, or of another program: run again into another folder");
}

}  // namespace

void ArrayArchive::add(const std::string& name, ArrayShape shape, Values values) {
  if (!places_.emplace(name, entries_.size()).second) {
    throw InputError(name, "was written before; choose another name");
  }
  entries_.push_back({name, std::move(shape), std::move(values)});
}

template <class T>
void ArrayArchive::add_numbers(const std::string& name, const ArrayShape& shape,
                               std::span<const T> values) {
  const std::size_t entries =
      std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  if (entries != values.size()) {
    throw std::invalid_argument("ArrayArchive: the shape of " + name + " does not fit its values");
  }
  add(name, shape, std::vector<T>(values.begin(), values.end()));
}

void ArrayArchive::write(const std::string& name, const ArrayShape& shape,
                         std::span<const double> values) {
  add_numbers(name, shape, values);
}

void ArrayArchive::write(const std::string& name, const ArrayShape& shape,
                         std::span<const std::int64_t> values) {
  add_numbers(name, shape, values);
}

void ArrayArchive::write(const std::string& name, const ArrayShape& shape,
                         std::span<const std::uint64_t> values) {
  add_numbers(name, shape, values);
}

void ArrayArchive::write(const std::string& name, const ArrayShape& shape,
                         std::span<const std::uint8_t> values) {
  add_numbers(name, shape, values);
}

void ArrayArchive::write(const std::string& name, std::string_view text) {
  add(name, {}, std::string(text));
}

void ArrayArchive::write(const std::string& name, std::span<const std::string> texts) {
  add(name, {texts.size()}, std::vector<std::string>(texts.begin(), texts.end()));
}

bool ArrayArchive::exists(const std::string& name) const {
  if (places_.contains(name)) return true;
  const std::string group = name + "/";
  const auto next = places_.lower_bound(group);
  return next != places_.end() && next->first.starts_with(group);
}

const ArrayArchive::Entry& ArrayArchive::entry(const std::string& name) const {
  const auto place = places_.find(name);
  if (place == places_.end()) damaged("there is no array " + name);
  return entries_[place->second];
}

ArrayShape ArrayArchive::shape(const std::string& name) const {
  return entry(name).shape;
}

template <class T>
const T& ArrayArchive::values_of(const std::string& name) const {
  const T* values = std::get_if<T>(&entry(name).values);
  if (!values) damaged(name + " holds values of another type");
  return *values;
}

std::vector<double> ArrayArchive::read_doubles(const std::string& name) const {
  return std::visit(
      [&](const auto& values) -> std::vector<double> {
        using Value = typename std::decay_t<decltype(values)>::value_type;
        if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, char>) {
          return {values.begin(), values.end()};
        } else {
          damaged(name + " holds text, not numbers");
        }
      },
      entry(name).values);
}

std::vector<std::int64_t> ArrayArchive::read_int64(const std::string& name) const {
  return values_of<std::vector<std::int64_t>>(name);
}

std::vector<std::uint64_t> ArrayArchive::read_uint64(const std::string& name) const {
  return values_of<std::vector<std::uint64_t>>(name);
}

std::vector<std::uint8_t> ArrayArchive::read_uint8(const std::string& name) const {
  return values_of<std::vector<std::uint8_t>>(name);
}

std::string ArrayArchive::read_string(const std::string& name) const {
  return values_of<std::string>(name);
}

std::vector<std::string> ArrayArchive::read_strings(const std::string& name) const {
  return values_of<std::vector<std::string>>(name);
}

std::vector<std::string> ArrayArchive::numeric_datasets() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) {
    const Values& values = entries_[place].values;
    if (!std::holds_alternative<std::string>(values) &&
        !std::holds_alternative<std::vector<std::string>>(values)) {
      names.push_back(name);
    }
  }
  return names;
}

void ArrayArchive::copy_to(ArrayWriter& writer) const {
  for (const Entry& entry : entries_) {
    std::visit(
        [&](const auto& values) {
          using Kind = std::decay_t<decltype(values)>;
          if constexpr (std::is_same_v<Kind, std::string>) {
            writer.write(entry.name, std::string_view(values));
          } else if constexpr (std::is_same_v<Kind, std::vector<std::string>>) {
            writer.write(entry.name, std::span<const std::string>(values));
          } else {
            writer.write(entry.name, entry.shape,
                         std::span<const typename Kind::value_type>(values));
          }
        },
        entry.values);
  }
}

}  // namespace latetime
