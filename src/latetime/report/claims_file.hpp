#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// The paper's claims as `latetime check` found them for the run in `folder`.
struct ClaimsFile {
  nlohmann::ordered_json claims;  ///< the file's object, or null when there is none
  bool outdated = false;          ///< result.h5 was written after it
};

/// Reads folder/claims.json. Throws InputError when it is not in the format of docs/formats.md.
ClaimsFile read_claims(const std::string& folder);

}  // namespace latetime
