#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// The paper's claims as `latetime check` found them for the run in `folder`.
struct ClaimsFile {
  nlohmann::ordered_json claims;  ///< an array, or null when there is no claims.json
  bool outdated = false;          ///< result.h5 was written after it
};

/// Reads folder/claims.json. Throws InputError when it is no JSON array of objects.
ClaimsFile read_claims(const std::string& folder);

}  // namespace latetime
