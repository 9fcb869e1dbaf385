#pragma once

#include <string>
#include <vector>

#include "latetime/prove/run_proof.hpp"

namespace latetime {

/// The text of a certificate, version 1 (docs/proofs.md, 8), of the theorem and its derivation.
/// Its claims are a little wider than what is proved in balls, so that a checker which works with
/// fewer digits confirms them. `weights`: at the theorem's step.
std::string certificate_text(const Problem& problem, const Matrix& weights,
                             const RunTheorem& theorem, const std::vector<std::string>& derivation);

/// The same of a limit, from its pattern.
std::string limit_certificate_text(const Problem& problem, const LimitPattern& pattern,
                                   const LimitTheorem& theorem);

/// 1 for support samples, 0 for the others.
std::string support_word(const std::vector<bool>& support);

/// A double as a certificate writes it: exactly, in hexadecimal.
std::string hexadecimal(double value);

}  // namespace latetime
