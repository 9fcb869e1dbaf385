#pragma once

#include <optional>
#include <string>
#include <vector>

#include "latetime/prove/run_proof.hpp"

namespace latetime {

/// The text of a certificate, version 1 (docs/proofs.md, 8), of the theorem and its derivation.
/// Its claims are a little wider than what is proved in balls, so that a checker which works in
/// doubles confirms them. `initial`: of a theorem about descent from these weights on.
std::string certificate_text(const Dataset& data, const Network& weights, double learning_rate,
                             const RunTheorem& theorem, const std::vector<std::string>& derivation,
                             const std::optional<Matrix>& initial);

/// The same of a limit, from its pattern.
std::string limit_certificate_text(const Dataset& data, const NetworkShape& shape,
                                   double learning_rate, const LimitPattern& pattern,
                                   const LimitTheorem& theorem);

}  // namespace latetime
