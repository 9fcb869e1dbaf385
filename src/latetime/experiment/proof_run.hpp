#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "latetime/base/array_store.hpp"
#include "latetime/base/choice.hpp"
#include "latetime/experiment/proved_claims.hpp"
#include "latetime/prove/limit_proof.hpp"
#include "latetime/prove/run_proof.hpp"

namespace latetime {

/// What a theorem is about: the limit alone, the run from its weights at a step T on, or the run
/// from its initial weights on.
enum class ProofLevel { limit, run, start };

template <>
struct ChoiceTable<ProofLevel> {
  static constexpr ChoiceWord<ProofLevel> words[] = {
      {ProofLevel::limit, "A"}, {ProofLevel::run, "B"}, {ProofLevel::start, "C"}};
};

struct ProofRequest {
  ProofLevel level = ProofLevel::run;
  /// T; 0: the first half decade, from 10³ on, from which there is a proof.
  std::uint64_t step = 0;
  std::uint64_t most_steps = 10'000'000;  ///< the latest T that is tried
  unsigned threads = 1;                   ///< of exact steps; does not change the result
  /// Asked now and then, with the step that was reached and the one that is gone to; false: stop.
  std::function<bool(std::uint64_t done, std::uint64_t target)> keep_going;
};

/// A step from which no proof was found.
struct ProofAttempt {
  std::uint64_t step;
  NotProved why;
};

/// What is proved about a run.
struct ProofReport {
  std::string source;
  std::string of;  ///< problem_seal of the run
  ProofLevel level = ProofLevel::run;
  /// Level A: what the pattern of the run's own limit leads to. Levels B and C: only where no step
  /// gives a theorem about the run, to say what is proved of its limit all the same.
  std::optional<Proof<LimitTheorem>> limit;
  std::optional<Proof<RunTheorem>> run;  ///< levels B and C
  std::vector<ProofAttempt> attempts;    ///< steps before T that were tried in vain
  std::vector<ProvedClaim> claims;       ///< of the paper, that follow from the theorem
  /// The theorem in words; empty: nothing is proved.
  std::vector<std::string> statements;

  bool proved() const;  ///< what the level asks for
  const NotProved& why() const;
  /// Text of the certificate; empty where nothing is proved.
  const std::string& certificate() const;
  std::string limit_certificate = {};
};

/// Proves what it can of the run in a folder. Exact steps to T are taken anew from the stored
/// initial weights. Nothing in the folder is changed. Throws InputError for a folder without a run,
/// and for damaged files.
ProofReport prove_stored(const std::string& directory, const ProofRequest& request);
/// The same for the arrays of a run; `origin` names them in messages.
ProofReport prove_arrays(const ArrayReader& arrays, const std::string& origin,
                         const ProofRequest& request);

/// JSON as docs/formats.md describes it ("latetime-proof", version 1), with a line break at its
/// end.
std::string proof_json(const ProofReport& report);

}  // namespace latetime
