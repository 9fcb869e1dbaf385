#include "latetime/theory/claims.hpp"

#include <string>

namespace latetime {
namespace {

/// Every result of the paper is on the logistic loss.
void require_logistic_loss(const Loss& loss, Claim& claim) {
  claim.hypotheses.insert(claim.hypotheses.begin(),
                          {.name = "logistic loss",
                           .statement = "the paper's loss is the logistic one",
                           .met = false,
                           .detail = "this run is on the " + std::string(loss.name) + " loss"});
  claim.verdict = ClaimVerdict::hypothesis_unmet;
}

}  // namespace

std::vector<Claim> check_claims(const RunTrace& run) {
  using Check = Claim (*)(const RunTrace&);
  constexpr Check checks[] = {
      check_neuron_norms,        check_leaky_rank,
      check_leaky_loss_rate,     check_relu_rank,
      check_relu_loss_rate,      check_leaky_conditions,
      check_relu_conditions,     check_initial_sizes,
      check_initial_patterns,    check_decomposition,
      check_update_rule,         check_scalar_sequences,
      check_log_quotients,       check_leaky_balance,
      check_early_balance,       check_leaky_growth,
      check_neuron_balance,      check_leaky_patterns,
      check_equal_increments,    check_spread,
      check_rank_bound,          check_leaky_loss_bound,
      check_relu_balance,        check_relu_growth,
      check_lasting_activations, check_small_other_class,
      check_norm_bounds,         check_relu_loss_bound,
      check_orthogonal_patterns, check_orthogonal_ranks,
      check_direction,           check_settling,
      check_linear_limit,
  };
  std::vector<Claim> claims;
  for (const Check check : checks) claims.push_back(check(run));
  const Loss& loss = run.setting.problem.loss;
  if (loss == logistic) return claims;
  for (Claim& claim : claims) require_logistic_loss(loss, claim);
  return claims;
}

}  // namespace latetime
