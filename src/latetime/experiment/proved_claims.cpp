#include "latetime/experiment/proved_claims.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latetime/base/error.hpp"

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
bool keep_sign(const RunTheorem& theorem, const Dataset& data, const NetworkShape& shape,
               const Counts& counts) {
  const auto n = static_cast<std::size_t>(data.size());
  for (std::size_t pair = 0; pair < theorem.keeps_sign.size(); ++pair) {
    const auto k = static_cast<Eigen::Index>(pair / n), i = static_cast<Eigen::Index>(pair % n);
    const bool is_own = (k < shape.width) == (data.label(i) > 0);
    if (counts(k, i, is_own) && !theorem.keeps_sign[pair]) return false;
  }
  return true;
}

}  // namespace

std::vector<ProvedClaim> proved_claims(const RunTheorem& theorem, const Dataset& data,
                                       const NetworkShape& shape, double learning_rate,
                                       const Matrix& z, double moderate) {
  std::vector<ProvedClaim> claims;
  const auto say = [&](const char* id, bool holds) {
    claims.push_back({id, {holds, theorem.step}});
  };
  const LimitTheorem& limit = theorem.limit;
  const auto& ranks = limit.stable_ranks;
  say("7.1", true);
  if (!limit.switching.empty()) {
    say("7.2", false);
  } else if (theorem.settled_from) {
    say("7.2", true);
  }
  const double last_layer =
      std::max(ranks[0] ? ranks[0]->upper : 1e300, ranks[1] ? ranks[1]->upper : 1e300);
  if (shape.slope > 0.0) {
    if (limit.dead_neurons == 0) say("4.1.1", true);
    if (is_one(ranks[0]) && is_one(ranks[1])) say("4.1.2", true);
    if (exceeds_one(ranks[0]) || exceeds_one(ranks[1])) say("4.1.2", false);
    say("4.1.3", true);  // the loss goes like 1/t, and the claim's exponent is at most 1
    const double largest = data.x.rowwise().squaredNorm().maxCoeff();
    const double constant = static_cast<double>(theorem.step) * learning_rate * largest /
                            (static_cast<double>(data.size()) * static_cast<double>(shape.width));
    bool all_right = true;
    for (Eigen::Index k = 0; k < z.rows(); ++k) {
      for (Eigen::Index i = 0; i < z.cols(); ++i) {
        const bool is_own = (k < shape.width) == (data.label(i) > 0);
        all_right = all_right && (z(k, i) > 0.0) == is_own;
      }
    }
    const auto every = [](Eigen::Index, Eigen::Index, bool) { return true; };
    if (constant <= moderate && all_right && keep_sign(theorem, data, shape, every)) {
      say("5.6", true);
    }
  } else {
    if (last_layer <= moderate) say("4.3.1", true);
    say("4.3.2", true);
    const auto active_own = [&](Eigen::Index k, Eigen::Index i, bool is_own) {
      return is_own && z(k, i) >= 0.0;
    };
    if (keep_sign(theorem, data, shape, active_own)) say("5.8", true);
  }
  return claims;
}

std::vector<ProvedClaim> stored_proved_claims(const std::string& directory, const std::string& of) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(directory) / "proof.json";
  if (!fs::exists(path)) return {};
  const std::string mend = "; make it again by latetime prove " + directory;
  std::ifstream in(path);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  std::vector<ProvedClaim> claims;
  try {
    if (json.at("format") != "latetime-proof" || json.at("version") != 1) {
      throw InputError(path.string(), "holds no proof in the format \"latetime-proof\" 1" + mend);
    }
    if (json.at("of").get<std::string>() != of) {
      throw InputError(path.string(), "is of another run" + mend);
    }
    if (!json.at("proved").get<bool>()) return {};
    for (const auto& claim : json.at("claims")) {
      claims.push_back({claim.at("id").get<std::string>(),
                        {claim.at("conclusion").get<std::string>() == "holds",
                         claim.at("from_step").get<std::uint64_t>()}});
    }
  } catch (const nlohmann::json::exception&) {
    throw InputError(path.string(), "holds no proof in the format \"latetime-proof\" 1" + mend);
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
