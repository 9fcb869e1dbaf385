#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latetime/prove/run_proof.hpp"
#include "latetime/theory/claim.hpp"

namespace latetime {

/// A claim of the paper whose conclusion, or the contrary, follows from a theorem about the run.
struct ProvedClaim {
  std::string id;  ///< "7.1"
  ProvedConclusion conclusion;
};

/// What the theorem says of the claims 4.1.1 to 4.1.3, 4.3.1, 4.3.2, 5.6, 5.8, 7.1, 7.2 and L.1,
/// for descent from the weights at its step on: of statements for every t, the part from there on.
/// Absolute constants of conclusions are accepted up to `moderate`. `z`: pre-activations at that
/// step, neurons × n.
std::vector<ProvedClaim> proved_claims(const RunTheorem& theorem, const Problem& problem,
                                       const Matrix& z, double moderate = 100.0);

/// Those that `latetime prove` stored in a run's folder; none where it did not. `of`: problem_seal
/// of the run. Throws InputError for a file that is none, and for one of another run.
std::vector<ProvedClaim> stored_proved_claims(const std::string& directory, const std::string& of);

/// Enters them into the claims of a run. One that was seen otherwise is undecided then, and says
/// so.
void enter_proved(const std::vector<ProvedClaim>& proved, std::vector<Claim>& claims);

}  // namespace latetime
