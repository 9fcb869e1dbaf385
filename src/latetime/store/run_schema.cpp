#include "latetime/store/run_schema.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/error.hpp"
#include "latetime/measure/collapse.hpp"

namespace latetime {
namespace {

/// Of an array with `entries` of its own, where the extent leaves them open.
ArrayShape shape_of(Extent extent, const RunSizes& sizes, std::size_t entries) {
  switch (extent) {
    case Extent::number:
      return {1};
    case Extent::parts:
      return {sizes.classes + 1};
    case Extent::samples:
      return {sizes.samples};
    case Extent::margins:
      if (sizes.classes == 2) return {sizes.samples};
      return {sizes.samples, sizes.classes - 1};
    case Extent::collapse:
      return {collapse_measures.size()};
    case Extent::sample_rows:
      return {sizes.samples, sizes.dim};
    case Extent::tests:
      return {sizes.tests};
    case Extent::test_rows:
      return {sizes.tests, sizes.dim};
    case Extent::features:
      return {sizes.dim};
    case Extent::weights:
      return {sizes.classes, sizes.width, sizes.dim};
    case Extent::pairs:
      return {sizes.classes, sizes.width, sizes.samples};
    case Extent::list:
      return {entries};
  }
  throw std::invalid_argument("an extent without a shape");
}

class GroupWriter {
 public:
  GroupWriter(ArrayWriter& file, const std::string& path, const RunSizes& sizes)
      : file_(file), path_(path), sizes_(sizes) {}

  void text(const std::string& name, const std::string& value) {
    file_.write(path_ + "/" + name, value);
  }
  template <Choice Enum>
  void choice(const std::string& name, Enum value) {
    text(name, word_of(value));
  }
  void array(const std::string& name, Extent extent, double value, const EntryRule& = {}) {
    file_.write(path_ + "/" + name, shape_of(extent, sizes_, 1),
                std::span<const double>(&value, 1));
  }
  template <class Values>
  void array(const std::string& name, Extent extent, const Values& values, const EntryRule& = {}) {
    file_.write(path_ + "/" + name, shape_of(extent, sizes_, values.size()), std::span(values));
  }
  bool has(const std::string&, bool is_there) const { return is_there; }

 private:
  ArrayWriter& file_;
  const std::string path_;
  const RunSizes& sizes_;
};

class GroupReader {
 public:
  GroupReader(const ArrayReader& file, const std::string& path, const std::string& origin,
              const RunSizes& sizes)
      : file_(file), path_(path), origin_(origin), sizes_(sizes) {}

  void text(const std::string& name, std::string& value) {
    value = file_.read_string(path_ + "/" + name);
  }
  template <Choice Enum>
  void choice(const std::string& name, Enum& value) {
    std::string word;
    text(name, word);
    const auto found = choice_of<Enum>(word);
    if (!found) {
      fail(fmt::format("{}/{} is \"{}\", which is none of {}", path_, name, word,
                       fmt::join(words_of<Enum>(), ", ")));
    }
    value = *found;
  }
  void array(const std::string& name, Extent extent, double& value, const EntryRule& rule = {}) {
    std::vector<double> values;
    array(name, extent, values, rule);
    value = values.front();
  }
  template <class T>
  void array(const std::string& name, Extent extent, std::vector<T>& values,
             const EntryRule& rule = {}) {
    const std::string full = path_ + "/" + name;
    const ArrayShape shape = file_.shape(full);
    if (extent == Extent::list && !list_) list_ = shape.empty() ? 0 : shape.front();
    const ArrayShape wanted = shape_of(extent, sizes_, list_.value_or(0));
    if (shape != wanted) {
      fail(fmt::format("{} has shape ({}) where ({}) is needed", full, fmt::join(shape, ", "),
                       fmt::join(wanted, ", ")));
    }
    if constexpr (std::is_same_v<T, double>) {
      values = file_.read_doubles(full);
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
      values = file_.read_uint8(full);
    } else {
      values = file_.read_uint64(full);
    }
    if constexpr (std::is_integral_v<T>) {
      const std::uint64_t largest = rule.of_classes ? sizes_.classes - 1 : rule.largest;
      if (std::ranges::any_of(values, [&](T value) { return value > largest; })) {
        fail(fmt::format("{} has an entry above {}", full, largest));
      }
    }
  }
  bool has(const std::string& name, bool) const { return file_.exists(path_ + "/" + name); }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(origin_, problem + "; the file is damaged, run again into another folder");
  }

  const ArrayReader& file_;
  const std::string path_;
  const std::string& origin_;
  const RunSizes& sizes_;
  std::optional<std::size_t> list_;  // length of the lists of the group
};

}  // namespace

StoredTime StoredTime::of(const LogTime& time) {
  StoredTime stored;
  if (const auto step = time.step()) stored.step = static_cast<double>(*step);
  if (time != LogTime()) stored.log10_t = time.log10();
  return stored;
}

RunSizes sizes_of(const NetworkShape& shape, Eigen::Index samples) {
  return {.classes = static_cast<std::size_t>(shape.groups),
          .width = static_cast<std::size_t>(shape.width),
          .samples = static_cast<std::size_t>(samples),
          .dim = static_cast<std::size_t>(shape.dim)};
}

RunSizes read_sizes(const ArrayReader& file, const std::string& origin) {
  const ArrayShape samples = file.shape("/data/x"),
                   weights = file.shape("/network/initial_weights");
  if (samples.size() != 2 || weights.size() != 3 || weights[0] < 2 || weights[0] > 100 ||
      weights[2] != samples[1]) {
    throw InputError(origin,
                     fmt::format("/data/x and /network/initial_weights have shapes ({}) and "
                                 "({}), which do not fit together; the file is damaged, "
                                 "run again into another folder",
                                 fmt::join(samples, ", "), fmt::join(weights, ", ")));
  }
  RunSizes sizes{
      .classes = weights[0], .width = weights[1], .samples = samples[0], .dim = samples[1]};
  if (file.exists("/data/test_x")) {
    const ArrayShape tests = file.shape("/data/test_x");
    sizes.tests = tests.empty() ? 0 : tests.front();
  }
  return sizes;
}

template <class Group>
void write_group(ArrayWriter& file, const Group& group, const RunSizes& sizes) {
  Group::visit(group, GroupWriter(file, Group::path, sizes));
}

template <class Group>
Group read_group(const ArrayReader& file, const std::string& origin, const RunSizes& sizes) {
  Group group;
  Group::visit(group, GroupReader(file, Group::path, origin, sizes));
  return group;
}

#define LATETIME_GROUP(Group)                                             \
  template void write_group(ArrayWriter&, const Group&, const RunSizes&); \
  template Group read_group(const ArrayReader&, const std::string&, const RunSizes&)
LATETIME_GROUP(RunBeginning);
LATETIME_GROUP(FinalState);
LATETIME_GROUP(RunEnd);
LATETIME_GROUP(Provenance);
LATETIME_GROUP(StoredEvents);
LATETIME_GROUP(StoredLimit);
#undef LATETIME_GROUP

}  // namespace latetime
