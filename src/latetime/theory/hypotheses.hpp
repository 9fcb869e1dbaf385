#pragma once

#include <string>
#include <vector>

#include "latetime/theory/trace.hpp"

namespace latetime {

/// What Lemmas A.1 and A.2 say of the initial weights, measured.
struct InitialEvents {
  Range squared_norms;  ///< ‖w⁰_k‖² / (σ0² d); A.1: in [1/2, 3/2]
  Range inner;          ///< |⟨w⁰_k, x_i⟩| / (√(2 log(8mn/δ)) σ0 R_max); A.1: at most 1
  Range active;         ///< |S_i⁽⁰⁾| / m; A.2: in [0.4, 0.6]

  bool norms_hold() const;
  bool inner_holds() const;
  bool active_holds() const;
};
InitialEvents initial_events(const ClaimSetting& setting);

struct Heading {
  std::string id, name, place, group;
};

/// A claim on leaky ReLU networks under the conditions of Theorem 4.1 ((B.2) to (B.4)), or on ReLU
/// networks under those of Theorem 4.3 ((E.2) to (E.4), width); both include full-batch descent,
/// a bounded R, and that the initial weights are as Lemma A.1 (A.2) says, which the proofs
/// condition on. `applies` is false for another activation.
Claim begin_leaky(const RunTrace& run, Heading heading);
Claim begin_relu(const RunTrace& run, Heading heading);
/// A claim without conditions on the data, of full-batch descent or of any.
Claim begin_descent(const RunTrace& run, Heading heading);
Claim begin_any(Heading heading);

Hypothesis full_batch(const ClaimSetting& setting);
Hypothesis linearly_independent(const ClaimSetting& setting);
Hypothesis mutually_orthogonal(const ClaimSetting& setting);
/// ReLU neurons of a class without samples of its own stay bounded: of their norms and ranks the
/// paper says nothing.
Hypothesis both_classes(const ClaimSetting& setting);

/// With every (x, y) the set holds (−x, −y), as often.
Hypothesis symmetric_samples(const ClaimSetting& setting);
Hypothesis linearly_separable(const ClaimSetting& setting);
/// max_i |f(x_i)| at the start.
Hypothesis small_initial_outputs(const ClaimSetting& setting);

/// "n m / (η R_max²)"-type sizes, near-orthogonality and so on with their largest constants.
Hypothesis near_orthogonality(const ClaimSetting& setting, bool leaky);
Hypothesis small_learning_rate(const ClaimSetting& setting, bool leaky);
Hypothesis small_initial_weights(const ClaimSetting& setting, bool leaky);
Hypothesis large_width(const ClaimSetting& setting);

/// The answer to a claim on a network with another activation.
Finding other_activation(const ClaimSetting& setting);

/// For statements about all times: fails where `violation` says so; without a sure limit it is
/// undecided; then `limit_violation` decides. Both texts are empty when there is none.
Finding for_all_times(const RunTrace& run, const std::string& violation,
                      const std::string& limit_violation);

/// "at every step up to 25000 and at 96 later times up to 10^100000".
std::string looked_at(const RunTrace& run);

}  // namespace latetime
