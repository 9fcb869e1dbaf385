#include "latetime/report/claims_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"
#include "latetime/store/shallow_json.hpp"

namespace latetime {
namespace {

/// Whether a page can show it: docs/formats.md, "Claims".
bool is_report(const nlohmann::ordered_json& json) {
  const auto has = [](const nlohmann::ordered_json& object, const char* key, auto type) {
    return object.contains(key) && (object[key].*type)();
  };
  using Json = nlohmann::ordered_json;
  if (!json.is_object() || json.value("format", Json()) != "latetime-claims" ||
      json.value("version", Json()) != 1) {
    return false;
  }
  if (!has(json, "counts", &Json::is_object) || !has(json, "thresholds", &Json::is_object) ||
      !has(json, "looked_at", &Json::is_object) || !has(json, "claims", &Json::is_array)) {
    return false;
  }
  const Json& looked = json["looked_at"];
  if (!has(looked, "until", &Json::is_object) || !has(looked, "notes", &Json::is_array)) {
    return false;
  }
  const Json& claims = json["claims"];
  return std::all_of(claims.begin(), claims.end(), [&](const Json& claim) {
    return claim.is_object() && has(claim, "verdict", &Json::is_string) &&
           has(claim, "hypotheses", &Json::is_array) && has(claim, "measured", &Json::is_array) &&
           has(claim, "figures", &Json::is_array);
  });
}

}  // namespace

ClaimsFile read_claims(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(folder) / "claims.json";
  ClaimsFile file;
  if (!fs::exists(path)) return file;
  std::ifstream in(path);
  file.claims = parse_shallow(in);
  if (!is_report(file.claims)) {
    throw InputError(path.string(),
                     "holds no claims in the format \"latetime-claims\" 1; make it "
                     "again by latetime check " +
                         folder);
  }
  std::error_code unknown;
  const auto made = fs::last_write_time(path, unknown);
  const auto result = fs::last_write_time(fs::path(folder) / "result.h5", unknown);
  file.outdated = !unknown && made < result;
  return file;
}

}  // namespace latetime
