#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// What `latetime prove` found about the run in `folder`.
struct ProofFile {
  nlohmann::ordered_json proof;  ///< what a page shows of it, or null when there is none
  bool outdated = false;         ///< the run is of another configuration or went on since
};

/// Reads folder/proof.json. Throws InputError when it is not in the format of docs/formats.md, and
/// when it is of another run.
ProofFile read_proof(const std::string& folder);

}  // namespace latetime
