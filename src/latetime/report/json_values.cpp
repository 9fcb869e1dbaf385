#include "latetime/report/json_values.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace latetime {

using nlohmann::ordered_json;
namespace {

/// NaN, which JSON writes as null, for infinities too.
double rounded(double value, int digits) {
  if (!std::isfinite(value)) return std::nan("");
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return std::strtod(text, nullptr);
}

}  // namespace

ordered_json json_numbers(const std::vector<double>& values, int digits) {
  ordered_json list = ordered_json::array();
  for (const double value : values) list.push_back(rounded(value, digits));
  return list;
}

ordered_json json_numbers(const std::vector<double>& values, const std::vector<std::size_t>& chosen,
                          int digits) {
  std::vector<double> some;
  for (const std::size_t r : chosen) some.push_back(values[r]);
  return json_numbers(some, digits);
}

std::string folder_name(const std::string& folder) {
  const auto path = std::filesystem::path(folder).lexically_normal();
  const auto name = path.has_filename() ? path.filename() : path.parent_path().filename();
  return name.empty() || name == "." ? std::filesystem::absolute(folder)
                                           .lexically_normal()
                                           .parent_path()
                                           .filename()
                                           .string()
                                     : name.string();
}

}  // namespace latetime
