#include "latetime/experiment/claim_suite.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latetime/base/parallel.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace {

// Single steps looked at in a case, in (neuron, sample) pairs.
constexpr double pairs_looked_at = 1e7;

const std::vector<std::string> leaky_orthogonal{
    "data.source=orthogonal", "data.n=10",         "data.d=1000",
    "network.width=200",      "network.slope=0.1", "descent.until=1e100"};
const std::vector<std::string> leaky_nearly{"data.source=near-orthogonal",
                                            "data.inner_product=1e-4",
                                            "data.n=6",
                                            "data.d=1000",
                                            "network.width=60",
                                            "network.slope=0.5",
                                            "descent.until=1e100"};
const std::vector<std::string> relu_nearly{
    "data.source=near-orthogonal", "data.inner_product=1e-2", "data.n=4",           "data.d=1000",
    "network.width=260",           "network.slope=0",         "descent.until=1e100"};
const std::vector<std::string> symmetric{"data.source=symmetric-separable",
                                         "data.n=8",
                                         "data.d=40",
                                         "network.width=20",
                                         "network.slope=0.2",
                                         "descent.until=1e100"};
const std::vector<std::string> correlated{"data.d=40", "network.width=50", "descent.until=1e100"};

std::vector<std::string> with(std::vector<std::string> base,
                              const std::vector<std::string>& further) {
  base.insert(base.end(), further.begin(), further.end());
  return base;
}

std::vector<std::string> compare(const SuiteCase& what, const std::vector<Claim>& claims) {
  std::vector<std::string> unexpected;
  for (const Claim& claim : claims) {
    if (!claim.applies) continue;
    if (claim.hypotheses_met()) {
      const bool may_wait = what.ends_early && claim.verdict == ClaimVerdict::undecided;
      const ClaimVerdict wanted =
          contains(what.fails, claim.id) ? ClaimVerdict::fails : ClaimVerdict::holds;
      if (claim.verdict == wanted || may_wait) continue;
      unexpected.push_back(fmt::format("{} reads {} where {} is expected: {}", claim.id,
                                       word_of(claim.verdict), word_of(wanted),
                                       claim.finding.reason));
    } else if (contains(what.breaks, claim.id) && claim.finding.seen != Finding::Seen::fails) {
      unexpected.push_back(fmt::format("the conclusion of {} is {} where it is expected to fail",
                                       claim.id, word_of(claim.finding.seen)));
    }
  }
  for (const std::string& id : what.breaks) {
    const bool unmet = std::any_of(claims.begin(), claims.end(), [&](const Claim& claim) {
      return claim.id == id && claim.applies && !claim.hypotheses_met();
    });
    if (!unmet) unexpected.push_back("the hypotheses of " + id + " are met, unexpectedly");
  }
  return unexpected;
}

}  // namespace

const std::vector<SuiteCase>& suite_cases() {
  static const std::vector<SuiteCase> cases{
      {"orthogonal, leaky", "every hypothesis met, any C for the data", leaky_orthogonal},
      {"orthogonal, ReLU", "closed forms of F.2 and F.3; E.2 is empty for p = 0",
       with(leaky_orthogonal, {"network.slope=0"})},
      {"near-orthogonal, leaky", "hypotheses met with C = 80", leaky_nearly},
      {"near-orthogonal, ReLU",
       "hypotheses met with C = 25; some pairs switch for ever",
       relu_nearly,
       {"7.2"},
       {"F.2", "F.3"}},
      {"correlated, leaky",
       "d = 40: neurons drop out and switch for ever",
       with(correlated, {"network.slope=0.1"}),
       {},
       {"4.1.2", "5.4", "B.4", "5.6", "C.1"}},
      {"correlated, ReLU",
       "d = 40: coefficients of a class do not stay balanced",
       with(correlated, {"data.n=6", "network.slope=0"}),
       {},
       {"5.5", "E.1"}},
      {"large sigma0, leaky",
       "sigma0 = 1: activations settle too late",
       with(leaky_nearly, {"network.init_std=1"}),
       {},
       {"5.6"}},
      {"large eta, leaky",
       "eta = 1e5: one step goes past the growth bounds",
       with(leaky_nearly, {"descent.learning_rate=1e5"}),
       {},
       {"B.3", "5.6"}},
      {"large eta, ReLU",
       "eta = 1e6: one step goes past the norm bounds",
       with(relu_nearly, {"descent.learning_rate=1e6"}),
       {"7.2"},
       {"F.1"}},
      {"symmetric, leaky", "with every sample its mirror image: a linear limit", symmetric},
      {"stops early, leaky",
       "1000 steps: nothing is known of late times",
       with(leaky_orthogonal, {"descent.until=1000"}),
       {},
       {},
       true},
  };
  return cases;
}

std::vector<SuiteResult> run_suite(const CheckSettings& settings, unsigned threads) {
  const auto& cases = suite_cases();
  std::vector<SuiteResult> results(cases.size());
  CheckSettings bounded = settings;
  bounded.observe.most_pairs = std::min(bounded.observe.most_pairs, pairs_looked_at);
  run_jobs(cases.size(), threads, [&](std::size_t index) {
    const auto start = std::chrono::steady_clock::now();
    SuiteResult& result = results[index];
    result.what = &cases[index];
    const RunConfig config = parse_config("", "suite", ".", cases[index].overrides);
    result.report = check_config(config, cases[index].name, bounded);
    result.unexpected = compare(cases[index], result.report.claims);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  });
  return results;
}

std::vector<std::string> broken_conclusions(const std::vector<Claim>& claims) {
  std::vector<std::string> ids;
  for (const Claim& claim : claims) {
    if (!claim.applies || claim.hypotheses_met()) continue;
    if (claim.finding.seen == Finding::Seen::fails) ids.push_back(claim.id);
  }
  return ids;
}

std::string suite_json(const std::vector<SuiteResult>& results) {
  nlohmann::ordered_json json = {{"format", "latetime-claims-suite"}, {"version", 1}};
  json["cases"] = nlohmann::ordered_json::array();
  for (const SuiteResult& result : results) {
    json["cases"].push_back(
        {{"name", result.what->name},
         {"why", result.what->why},
         {"overrides", result.what->overrides},
         {"expected_fails", result.what->fails},
         {"expected_broken_conclusions", result.what->breaks},
         {"broken_conclusions", broken_conclusions(result.report.claims)},
         {"as_expected", result.unexpected.empty()},
         {"unexpected", result.unexpected},
         {"report", nlohmann::ordered_json::parse(claims_json(result.report))}});
  }
  return json.dump(1) + "\n";
}

}  // namespace latetime
