#pragma once

#include <string>
#include <utility>
#include <vector>

#include "latetime/prove/run_proof.hpp"

namespace latetime {

/// A quantity of a theorem by the name that it has in certificates, with bounds that a checker
/// which works in doubles confirms: a little wider than what is proved in balls.
std::vector<std::pair<std::string, Enclosure>> certificate_claims(const RunTheorem& theorem);

/// The text of a certificate, version 1 (docs/proofs.md, 8), of the theorem and its derivation.
std::string certificate_text(const Dataset& data, const Network& weights, double learning_rate,
                             const RunTheorem& theorem, const std::vector<std::string>& derivation);

}  // namespace latetime
