#include "latetime/report/claims_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"

namespace latetime {

ClaimsFile read_claims(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(folder) / "claims.json";
  ClaimsFile file;
  if (!fs::exists(path)) return file;
  std::ifstream in(path);
  file.claims = nlohmann::ordered_json::parse(in, nullptr, false);
  if (!file.claims.is_array() || !std::all_of(file.claims.begin(), file.claims.end(),
                                              [](const auto& c) { return c.is_object(); })) {
    throw InputError(path.string(),
                     "is no list of claims; make it again by latetime check " + folder);
  }
  std::error_code unknown;
  const auto made = fs::last_write_time(path, unknown);
  const auto result = fs::last_write_time(fs::path(folder) / "result.h5", unknown);
  file.outdated = !unknown && made < result;
  return file;
}

}  // namespace latetime
