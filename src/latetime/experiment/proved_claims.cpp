#include "latetime/experiment/proved_claims.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "latetime/data/symmetry.hpp"
#include "latetime/store/stored_proof.hpp"

namespace latetime {
namespace {

/// Where stable ranks of the limit lie: exactly 1, proved above it, or neither.
bool is_one(const std::optional<Enclosure>& rank) {
  return rank && rank->lower == 1.0 && rank->upper == 1.0;
}

bool exceeds_one(const std::optional<Enclosure>& rank) {
  return rank && rank->lower > 1.0;
}

/// Whether every pair that `counts` keeps the sign that it has at the step.
template <class Counts>
bool keep_sign(const RunTheorem& theorem, const Matrix& z, const Counts& counts) {
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      if (counts(k, i) && !theorem.keeps_sign[static_cast<std::size_t>(k * z.cols() + i)]) {
        return false;
      }
    }
  }
  return true;
}

/// T1 of Lemma 5.6 is C' nm/(η R_max²): the C' that makes it the theorem's step.
double settling_constant(const RunTheorem& theorem, const Problem& problem) {
  return static_cast<double>(theorem.step) * problem.rate() *
         problem.data.x.rowwise().squaredNorm().maxCoeff();
}

void add_leaky_claims(const RunTheorem& theorem, const Problem& problem, const Matrix& z,
                      double moderate, std::vector<ProvedClaim>& claims) {
  const auto& ranks = theorem.limit.stable_ranks;
  const auto say = [&](const char* id, bool holds) {
    claims.push_back({id, {holds, theorem.step}});
  };
  if (theorem.limit.dead_neurons == 0) say("4.1.1", true);
  if (is_one(ranks[0]) && is_one(ranks[1])) say("4.1.2", true);
  if (exceeds_one(ranks[0]) || exceeds_one(ranks[1])) say("4.1.2", false);
  say("4.1.3", true);  // the loss goes like 1/t, and the claim's exponent is at most 1
  const bool moderate_time = settling_constant(theorem, problem) <= moderate;
  bool all_right = true;
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      all_right = all_right && (z(k, i) > 0.0) == problem.own(k, i);
    }
  }
  const auto every = [](Eigen::Index, Eigen::Index) { return true; };
  const bool keeps_all = keep_sign(theorem, z, every);
  if (all_right && moderate_time && keeps_all) say("5.6", true);
  // The least-norm V of the constraints with these activations is unique, and its mirror image
  // (-v_-, -v_+) meets them as well: f is linear, and its margin the largest.
  if (all_right && keeps_all && is_symmetric(problem.data)) say("L.1", true);
}

void add_relu_claims(const RunTheorem& theorem, const Problem& problem, const Matrix& z,
                     double moderate, std::vector<ProvedClaim>& claims) {
  const auto& ranks = theorem.limit.stable_ranks;
  const auto is_bounded = [&](const std::optional<Enclosure>& rank) {
    return rank && rank->upper <= moderate;
  };
  if (is_bounded(ranks[0]) && is_bounded(ranks[1])) {
    claims.push_back({"4.3.1", {true, theorem.step}});
  }
  claims.push_back({"4.3.2", {true, theorem.step}});
  const auto active_own = [&](Eigen::Index k, Eigen::Index i) {
    return problem.own(k, i) && z(k, i) >= 0.0;
  };
  if (keep_sign(theorem, z, active_own)) claims.push_back({"5.8", {true, theorem.step}});
}

}  // namespace

std::vector<ProvedClaim> proved_claims(const RunTheorem& theorem, const Problem& problem,
                                       const Matrix& z, double moderate) {
  if (!(problem.loss == logistic)) return {};
  std::vector<ProvedClaim> claims{{"7.1", {true, theorem.step}}};
  if (!theorem.limit.switching.empty()) {
    claims.push_back({"7.2", {false, theorem.step}});
  } else if (theorem.settled_from) {
    claims.push_back({"7.2", {true, theorem.step}});
  }
  if (problem.shape().slope > 0.0) {
    add_leaky_claims(theorem, problem, z, moderate, claims);
  } else {
    add_relu_claims(theorem, problem, z, moderate, claims);
  }
  return claims;
}

std::vector<ProvedClaim> stored_proved_claims(const std::string& directory, const std::string& of) {
  std::vector<ProvedClaim> claims;
  const auto proof = read_stored_proof(directory, of);
  if (!proof || !(*proof)["proved"].get<bool>()) return claims;
  for (const auto& claim : (*proof)["claims"]) {
    claims.push_back({claim["id"].get<std::string>(),
                      {claim["conclusion"] == "holds", claim["from_step"].get<std::uint64_t>()}});
  }
  return claims;
}

void enter_proved(const std::vector<ProvedClaim>& proved, std::vector<Claim>& claims) {
  for (const ProvedClaim& one : proved) {
    const auto place = std::find_if(claims.begin(), claims.end(),
                                    [&](const Claim& claim) { return claim.id == one.id; });
    if (place == claims.end() || !place->applies) continue;
    using Seen = Finding::Seen;
    const Seen shown = one.conclusion.holds ? Seen::holds : Seen::fails;
    Finding finding = place->finding;
    if (finding.seen == Seen::undecided) {
      finding = {shown, fmt::format("proved, for descent from the weights at step {} on",
                                    one.conclusion.from_step)};
    } else if (finding.seen != shown) {
      *place = judge(std::move(*place),
                     Finding::undecided("what was seen contradicts what is proved: one of them is "
                                        "a fault of this program, or the proof is of another run"));
      continue;
    }
    place->proved = one.conclusion;
    *place = judge(std::move(*place), std::move(finding));
  }
}

}  // namespace latetime
