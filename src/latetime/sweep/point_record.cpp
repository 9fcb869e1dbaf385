#include "latetime/sweep/point_record.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "latetime/base/text.hpp"
#include "latetime/sweep/quantities.hpp"

namespace latetime {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format_name = "latetime-points";
constexpr std::size_t checksum_length = std::string_view(",\"crc\":\"0123abcd\"}").size();

std::string checksum_of(std::string_view text) {
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  return fmt::format(",\"crc\":\"{:08x}\"}}", sum);
}

std::string sealed(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();
  return text + checksum_of(text);
}

/// Numbers as one text, exact: JSON has neither NaN nor infinity.
std::string numbers_text(const std::vector<double>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) text += ',';
    if (!std::isnan(numbers[i])) text += shortest(numbers[i]);
  }
  return text;
}

std::vector<double> numbers_of(const std::string& text) {
  if (text.empty()) return {};
  std::vector<double> numbers;
  for (const std::string& part : split_at_commas(text)) {
    numbers.push_back(part.empty() ? std::nan("") : std::strtod(part.c_str(), nullptr));
  }
  return numbers;
}

}  // namespace

double value_named(const PointRecord& record, const std::string& name) {
  const auto extra = record.extras.find(name);
  if (extra != record.extras.end() && !extra->second.empty()) return extra->second.front();
  const auto& all = all_quantities();
  for (std::size_t i = 0; i < std::min(all.size(), record.values.size()); ++i) {
    if (all[i].name == name) return record.values[i];
  }
  return std::nan("");
}

bool is_sound(std::string_view line) {
  if (line.size() <= checksum_length) return false;
  const std::string_view text = line.substr(0, line.size() - checksum_length);
  return line.substr(text.size()) == checksum_of(text);
}

std::string header_line() {
  std::vector<std::string> names;
  for (const Quantity& quantity : all_quantities()) names.push_back(quantity.name);
  return sealed({{"format", format_name}, {"version", 1}, {"values", names}});
}

std::vector<std::string> names_of_header(const std::string& line) {
  if (!is_sound(line)) return {};
  try {
    const Json json = Json::parse(line);
    if (json.value("format", "") != format_name) return {};
    return json.at("values").get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    return {};
  }
}

std::string to_line(const PointRecord& record) {
  Json json = {{"key", record.key}, {"outcome", record.outcome}};
  if (!record.message.empty()) json["message"] = record.message;
  json["seconds"] = record.seconds;
  json["values"] = numbers_text(record.values);
  for (const auto& [name, values] : record.extras) json["extras"][name] = numbers_text(values);
  return sealed(json);
}

namespace {

/// Throws what Json throws where an entry is missing or of another type.
ReadRecord record_of_json(const Json& json, const std::vector<std::string>& names) {
  ReadRecord read{.found = true, .complete = true};
  PointRecord& record = read.record;
  record.key = json.at("key");
  record.outcome = json.at("outcome");
  record.message = json.value("message", "");
  record.seconds = json.at("seconds");
  const std::vector<double> values = numbers_of(json.at("values"));
  for (const Quantity& quantity : all_quantities()) {
    const auto place = std::find(names.begin(), names.end(), quantity.name);
    const auto index = static_cast<std::size_t>(place - names.begin());
    const bool there = index < names.size() && index < values.size();
    record.values.push_back(there ? values[index] : std::nan(""));
    read.complete = read.complete && there;
  }
  if (json.contains("extras")) {
    for (const auto& [name, numbers] : json.at("extras").items()) {
      record.extras[name] = numbers_of(numbers);
    }
  }
  return read;
}

}  // namespace

ReadRecord record_of_line(const std::string& line, const std::vector<std::string>& names) {
  if (!is_sound(line)) return {};
  try {
    return record_of_json(Json::parse(line), names);
  } catch (const Json::exception&) {  // sound, but no record: of another program
    return {};
  }
}

}  // namespace latetime
