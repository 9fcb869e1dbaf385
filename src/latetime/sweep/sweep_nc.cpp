#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/text.hpp"
#include "latetime/sweep/sweep_files.hpp"

namespace latetime {
namespace {

std::optional<std::vector<std::int64_t>> whole_numbers(const std::vector<std::string>& values) {
  std::vector<std::int64_t> numbers;
  for (const std::string& value : values) {
    char* end = nullptr;
    numbers.push_back(std::strtoll(value.c_str(), &end, 10));
    if (value.empty() || *end != '\0') return std::nullopt;
  }
  return numbers;
}

std::optional<std::vector<double>> real_numbers(const std::vector<std::string>& values) {
  std::vector<double> numbers;
  for (const std::string& value : values) {
    const auto number = toml_number(value);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

/// Writes one file; a part of it a member function.
class Writer {
 public:
  Writer(const std::string& path, const SweepPlan& plan, const SweepTable& table)
      : file_(path), plan_(plan), table_(table), definition_(plan.definition()) {}

  void write() {
    file_.write_attribute("/", "Conventions", "CF-1.8");
    file_.write_attribute("/", "title", "latetime sweep");
    file_.write_attribute("/", "source", "latetime " LATETIME_VERSION);
    file_.write_attribute("/", "sweep", to_toml(definition_));
    write_axes();
    write_derived();
    write_outcome();
    for (std::size_t c = 0; c < table_.names.size(); ++c) {
      std::vector<double> cells(plan_.grid_size(), std::nan(""));
      for (std::size_t r = 0; r < cells_.size(); ++r) cells[cells_[r]] = table_.columns[c][r];
      write_grid(table_.names[c], cells, meaning_of(table_.names[c]));
    }
    for (std::size_t a = 0; a < table_.array_names.size(); ++a) write_array(a);
    file_.close();
  }

 private:
  /// A list of values: numbers where all of them are.
  void write_list(const std::string& name, const std::vector<std::string>& values) {
    if (const auto whole = whole_numbers(values)) {
      file_.write("/" + name, {values.size()}, std::span<const std::int64_t>(*whole));
    } else if (const auto real = real_numbers(values)) {
      file_.write("/" + name, {values.size()}, std::span<const double>(*real));
    } else {
      std::vector<std::string> texts;
      for (const std::string& value : values) texts.push_back(plain_text(value));
      file_.write_variable_texts("/" + name, texts);
    }
  }

  /// The first axis of a dimension names it; those paired with it are coordinates along it.
  void write_axes() {
    dimensions_.resize(definition_.sizes.size());
    shape_ = definition_.sizes;
    for (const SweepAxis& axis : definition_.axes) {
      std::string& dimension = dimensions_[axis.dimension];
      const std::string name = short_name(axis.key);
      write_list(name, axis.values);
      file_.write_attribute("/" + name, "long_name", axis.key);
      if (dimension.empty()) {
        dimension = name;
        file_.make_dimension("/" + name);
      } else {
        file_.attach_dimension("/" + name, 0, "/" + dimension);
        coordinates_ += (coordinates_.empty() ? "" : " ") + name;
      }
    }
    for (const PointRow& row : table_.rows) cells_.push_back(plan_.cell_of(row.number));
  }

  void attach_all(const std::string& name) {
    for (unsigned i = 0; i < dimensions_.size(); ++i) {
      file_.attach_dimension("/" + name, i, "/" + dimensions_[i]);
    }
    if (!coordinates_.empty()) file_.write_attribute("/" + name, "coordinates", coordinates_);
  }

  void write_grid(const std::string& name, const std::vector<double>& cells,
                  const std::string& meaning) {
    file_.write("/" + name, shape_, std::span<const double>(cells));
    file_.write_attribute("/" + name, "long_name", meaning);
    attach_all(name);
  }

  /// Derived keys are coordinates of all dimensions.
  void write_derived() {
    std::vector<std::vector<double>> columns(definition_.derived.size(),
                                             std::vector<double>(plan_.grid_size(), std::nan("")));
    for (std::size_t r = 0; r < cells_.size(); ++r) {
      const auto values = plan_.derived_values(plan_.point(table_.rows[r].number));
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto number = real_numbers({values[i] == "true"    ? "1"
                                          : values[i] == "false" ? "0"
                                                                 : values[i]});
        if (number) columns[i][cells_[r]] = number->front();
      }
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const DerivedKey& key = definition_.derived[i];
      write_grid(short_name(key.key), columns[i],
                 fmt::format("{} = {}", key.key, key.value.text()));
      derived_names_ += (derived_names_.empty() ? "" : " ") + short_name(key.key);
    }
    if (!derived_names_.empty()) {
      coordinates_ += (coordinates_.empty() ? "" : " ") + derived_names_;
    }
  }

  void write_outcome() {
    const std::vector<std::string>& words = outcome_words();
    const auto code = [&](const std::string& word) {
      return static_cast<std::uint8_t>(std::find(words.begin(), words.end(), word) - words.begin());
    };
    std::vector<std::uint8_t> cells(plan_.grid_size(), code("left-out"));
    for (std::size_t number = 0; number < plan_.size(); ++number) {
      cells[plan_.cell_of(number)] = code("not-made");  // but for those that follow
    }
    for (std::size_t r = 0; r < cells_.size(); ++r) cells[cells_[r]] = code(table_.rows[r].outcome);
    file_.write("/outcome", shape_, std::span<const std::uint8_t>(cells));
    std::vector<std::uint8_t> codes;
    for (const std::string& word : words) codes.push_back(code(word));
    file_.write_attribute("/outcome", "long_name", "how the point ended");
    file_.write_attribute("/outcome", "flag_values", std::span<const std::uint8_t>(codes));
    file_.write_attribute("/outcome", "flag_meanings", join(words, " "));
    attach_all("outcome");
  }

  /// Makes a dimension of numbers from 0, unless it is there and long enough.
  std::size_t length_of(const std::string& dimension) const {
    std::size_t length = 1;
    for (std::size_t a = 0; a < table_.array_names.size(); ++a) {
      if (dimension_of(table_.array_names[a]) != dimension) continue;
      for (const auto& values : table_.arrays[a]) length = std::max(length, values.size());
    }
    return length;
  }

  static std::string dimension_of(const std::string& array) {
    const auto& all = all_arrays();
    return std::find_if(all.begin(), all.end(),
                        [&](const PointArray& one) { return one.name == array; })
        ->dimension;
  }

  void write_array(std::size_t index) {
    const std::string& name = table_.array_names[index];
    const std::string dimension = dimension_of(name);
    const std::size_t length = length_of(dimension);
    if (std::find(made_.begin(), made_.end(), dimension) == made_.end()) {
      std::vector<std::int64_t> numbers(length);
      for (std::size_t i = 0; i < length; ++i) numbers[i] = static_cast<std::int64_t>(i);
      file_.write("/" + dimension, {length}, std::span<const std::int64_t>(numbers));
      file_.make_dimension("/" + dimension);
      made_.push_back(dimension);
    }
    std::vector<double> cells(plan_.grid_size() * length, std::nan(""));
    for (std::size_t r = 0; r < cells_.size(); ++r) {
      const auto& values = table_.arrays[index][r];
      std::copy(values.begin(), values.end(),
                cells.begin() + static_cast<std::ptrdiff_t>(cells_[r] * length));
    }
    ArrayShape shape = shape_;
    shape.push_back(length);
    file_.write("/" + name, shape, std::span<const double>(cells));
    file_.write_attribute("/" + name, "long_name", meaning_of(name));
    attach_all(name);
    file_.attach_dimension("/" + name, static_cast<unsigned>(shape_.size()), "/" + dimension);
  }

  Hdf5Writer file_;
  const SweepPlan& plan_;
  const SweepTable& table_;
  const SweepDefinition& definition_;
  std::vector<std::string> dimensions_, made_;
  std::string coordinates_, derived_names_;  // names, as CF conventions write them
  ArrayShape shape_;
  std::vector<std::size_t> cells_;  // of the grid, a row each
};

}  // namespace

void write_sweep_nc(const std::string& path, const SweepPlan& plan, const SweepTable& table) {
  const std::string partial = path + ".partial";
  Writer(partial, plan, table).write();
  std::error_code error;
  std::filesystem::rename(partial, path, error);
  if (error) {
    throw InputError(path, fmt::format("cannot be replaced ({}); choose a folder that you may "
                                       "write to",
                                       error.message()));
  }
}

}  // namespace latetime
