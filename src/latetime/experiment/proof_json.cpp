#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latetime/base/text.hpp"
#include "latetime/experiment/proof_run.hpp"

namespace latetime {
namespace {

using nlohmann::ordered_json;

ordered_json bounds(const Enclosure& enclosure) {
  return {enclosure.lower, enclosure.upper};
}

ordered_json bounds(const std::optional<Enclosure>& enclosure) {
  if (!enclosure) return nullptr;
  return bounds(*enclosure);
}

ordered_json parts(const std::array<std::optional<Enclosure>, 3>& enclosures) {
  return {{"pos", bounds(enclosures[0])},
          {"neg", bounds(enclosures[1])},
          {"all", bounds(enclosures[2])}};
}

ordered_json list(const std::vector<Enclosure>& enclosures) {
  ordered_json json = ordered_json::array();
  for (const Enclosure& enclosure : enclosures) json.push_back(bounds(enclosure));
  return json;
}

ordered_json limit_json(const LimitTheorem& limit) {
  ordered_json support = ordered_json::array();
  for (std::size_t i = 0; i < limit.support.size(); ++i) {
    if (limit.support[i]) support.push_back(i);
  }
  ordered_json json = {{"norm", bounds(limit.norm)},
                       {"normalized_margin", bounds(limit.normalized_margin)},
                       {"loss_constant", bounds(limit.loss_constant)},
                       {"stable_rank", parts(limit.stable_ranks)},
                       {"spectral_norm", parts(limit.spectral_norms)},
                       {"support", support},
                       {"multipliers", list(limit.multipliers)},
                       {"margins", list(limit.margins)},
                       {"dead_neurons", limit.dead_neurons}};
  ordered_json neurons = ordered_json::array(), samples = ordered_json::array();
  std::vector<Enclosure> slopes, densities;
  for (const SwitchingSlope& pair : limit.switching) {
    neurons.push_back(pair.neuron);
    samples.push_back(pair.sample);
    slopes.push_back(pair.slope);
    densities.push_back(pair.density);
  }
  json["switching"] = {{"neuron", neurons},
                       {"sample", samples},
                       {"slope", list(slopes)},
                       {"density", list(densities)}};
  return json;
}

ordered_json run_json(const RunTheorem& run) {
  ordered_json json = {{"step", run.step},
                       {"from_start", run.start_distance.has_value()},
                       {"start_distance", run.start_distance.value_or(0.0)},
                       {"radius", run.radius},
                       {"log_straight_from", run.straight_from},
                       {"offset", run.offset}};
  json["log_settled_from"] = run.settled_from ? ordered_json(*run.settled_from) : nullptr;
  ordered_json times = ordered_json::array(), radii = ordered_json::array();
  for (const TubePiece& piece : run.tube) {
    times.push_back(piece.log_time);
    radii.push_back(piece.radius);
  }
  json["tube"] = {{"log_time", times}, {"radius", radii}};
  json["slope_changes"] = run.slope_changes;
  ordered_json at = ordered_json::array(), norms = ordered_json::array(),
               losses = ordered_json::array(), ranks[3];
  for (ordered_json& rank : ranks) rank = ordered_json::array();
  for (const RunEnclosure& enclosure : run.enclosures) {
    at.push_back(enclosure.log_time);
    norms.push_back(bounds(enclosure.norm));
    losses.push_back(bounds(enclosure.log_loss));
    for (std::size_t part = 0; part < 3; ++part) {
      ranks[part].push_back(bounds(enclosure.stable_ranks[part]));
    }
  }
  json["enclosures"] = {{"log_time", at},
                        {"norm", norms},
                        {"log_loss", losses},
                        {"stable_rank_pos", ranks[0]},
                        {"stable_rank_neg", ranks[1]},
                        {"stable_rank_all", ranks[2]}};
  return json;
}

ordered_json open_json(const NotProved& open) {
  return {{"reason", open.reason}, {"remedy", open.remedy}};
}

}  // namespace

std::string proof_json(const ProofReport& report) {
  ordered_json json = {{"format", "latetime-proof"},     {"version", 1},
                       {"source", report.source},        {"of", report.of},
                       {"level", word_of(report.level)}, {"proved", report.proved()}};
  if (!report.proved()) json["not_proved"] = open_json(report.why());
  json["theorem"] = report.statements;
  const auto* run = report.run ? std::get_if<RunTheorem>(&*report.run) : nullptr;
  const auto* limit = report.limit ? std::get_if<LimitTheorem>(&*report.limit) : nullptr;
  if (run != nullptr) limit = &run->limit;
  json["limit"] = limit != nullptr ? limit_json(*limit) : ordered_json(nullptr);
  json["run"] = run != nullptr ? run_json(*run) : ordered_json(nullptr);
  json["claims"] = ordered_json::array();
  for (const ProvedClaim& claim : report.claims) {
    json["claims"].push_back({{"id", claim.id},
                              {"conclusion", claim.conclusion.holds ? "holds" : "fails"},
                              {"from_step", claim.conclusion.from_step}});
  }
  json["attempts"] = ordered_json::array();
  for (const ProofAttempt& attempt : report.attempts) {
    ordered_json entry = open_json(attempt.why);
    entry["step"] = attempt.step;
    json["attempts"].push_back(entry);
  }
  return json.dump(2) + "\n";
}

}  // namespace latetime
