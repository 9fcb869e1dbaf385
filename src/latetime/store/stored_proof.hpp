#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// What `latetime prove` left in `folder` about the run whose problem_seal is `of`: proof.json, in
/// which every key that docs/formats.md names has its form. Nothing where there is no such file.
/// Throws InputError for a damaged one, and for one of another run.
std::optional<nlohmann::ordered_json> read_stored_proof(const std::string& folder,
                                                        const std::string& of);

}  // namespace latetime
