#pragma once

#include <vector>

#include "latetime/theory/trace.hpp"

namespace latetime {

/// All claims, in the order of the paper's parts.
std::vector<Claim> check_claims(const RunTrace& run);

// One function a result of the paper. Each states its hypotheses, measures, and judges.

// initial_claims.cpp
Claim check_leaky_conditions(const RunTrace& run);  ///< (B.2)-(B.4) imply (B.5)-(B.7)
Claim check_relu_conditions(const RunTrace& run);   ///< (E.2)-(E.4) imply (E.5)-(E.7)
Claim check_initial_sizes(const RunTrace& run);     ///< A.1
Claim check_initial_patterns(const RunTrace& run);  ///< A.2

// decomposition_claims.cpp
Claim check_decomposition(const RunTrace& run);     ///< 5.1
Claim check_update_rule(const RunTrace& run);       ///< 5.2 = A.3
Claim check_scalar_sequences(const RunTrace& run);  ///< 5.3 = H.1, H.2
Claim check_log_quotients(const RunTrace& run);     ///< H.4

// leaky_claims.cpp
Claim check_leaky_balance(const RunTrace& run);     ///< 5.4 = B.1
Claim check_early_balance(const RunTrace& run);     ///< B.2
Claim check_neuron_balance(const RunTrace& run);    ///< B.4
Claim check_leaky_patterns(const RunTrace& run);    ///< 5.6 = B.5
Claim check_equal_increments(const RunTrace& run);  ///< 5.7 = D.1

// leaky_rates.cpp
Claim check_leaky_growth(const RunTrace& run);      ///< B.3
Claim check_spread(const RunTrace& run);            ///< C.1, C.2
Claim check_rank_bound(const RunTrace& run);        ///< C.3
Claim check_leaky_loss_bound(const RunTrace& run);  ///< D.2

// relu_claims.cpp
Claim check_relu_balance(const RunTrace& run);         ///< 5.5 = E.1
Claim check_relu_growth(const RunTrace& run);          ///< E.1
Claim check_lasting_activations(const RunTrace& run);  ///< 5.8 = E.1

// relu_rates.cpp
Claim check_small_other_class(const RunTrace& run);  ///< E.2, E.3
Claim check_norm_bounds(const RunTrace& run);        ///< F.1
Claim check_relu_loss_bound(const RunTrace& run);    ///< G.1

// orthogonal_claims.cpp
Claim check_orthogonal_patterns(const RunTrace& run);  ///< F.2
Claim check_orthogonal_ranks(const RunTrace& run);     ///< F.3 = Remark 4.4

// theorem_claims.cpp
Claim check_neuron_norms(const RunTrace& run);     ///< 4.1, part 1
Claim check_leaky_rank(const RunTrace& run);       ///< 4.1, part 2
Claim check_leaky_loss_rate(const RunTrace& run);  ///< 4.1, part 3
Claim check_relu_rank(const RunTrace& run);        ///< 4.3, part 1
Claim check_relu_loss_rate(const RunTrace& run);   ///< 4.3, part 2

// symmetric_claims.cpp
Claim check_linear_limit(const RunTrace& run);  ///< L.1: Lyu, Li, Wang and Arora, 2021

// open_questions.cpp
Claim check_direction(const RunTrace& run);  ///< section 7: does W converge in direction?
Claim check_settling(const RunTrace& run);   ///< section 7: do activation patterns settle?

}  // namespace latetime
