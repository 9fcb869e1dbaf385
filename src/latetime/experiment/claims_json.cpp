#include <cmath>

#include <nlohmann/json.hpp>

#include "latetime/experiment/claim_check.hpp"

namespace latetime {
namespace {

using nlohmann::ordered_json;

/// JSON has neither infinity nor NaN: "infinity", "-infinity", null.
ordered_json number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0.0 ? "infinity" : "-infinity";
  return value;
}

ordered_json time_json(const LogTime& time) {
  if (time.step()) return {{"step", *time.step()}};
  return {{"log10_t", time.log10()}};
}

ordered_json neuron_json(Eigen::Index neuron, Eigen::Index width) {
  return {{"class", neuron < width ? 1 : -1}, {"r", neuron % width}};
}

ordered_json place_json(const Place& place, Eigen::Index width) {
  ordered_json json = ordered_json::object();
  if (place.group) json["class"] = *place.group == 0 ? 1 : -1;
  if (place.neuron) json["neuron"] = neuron_json(*place.neuron, width);
  if (place.sample) json["sample"] = *place.sample;
  if (place.other_neuron) json["other_neuron"] = neuron_json(*place.other_neuron, width);
  if (place.other_sample) json["other_sample"] = *place.other_sample;
  if (place.time) json["time"] = time_json(*place.time);
  json["text"] = describe(place, width);
  return json;
}

ordered_json extreme_json(const Extreme& extreme, Eigen::Index width) {
  return {{"value", number(extreme.value)}, {"at", place_json(extreme.at, width)}};
}

ordered_json claim_json(const Claim& claim, Eigen::Index width) {
  ordered_json json = {{"id", claim.id},
                       {"name", claim.name},
                       {"place", claim.place},
                       {"group", claim.group},
                       {"applies", claim.applies},
                       {"verdict", word_of(claim.verdict)},
                       {"conclusion_seen", word_of(claim.finding.seen)},
                       {"reason", claim.finding.reason}};
  json["proved"] = nullptr;
  if (claim.proved) {
    json["proved"] = {{"conclusion", claim.proved->holds ? "holds" : "fails"},
                      {"from_step", claim.proved->from_step}};
  }
  json["hypotheses"] = ordered_json::array();
  for (const Hypothesis& hypothesis : claim.hypotheses) {
    json["hypotheses"].push_back({{"name", hypothesis.name},
                                  {"statement", hypothesis.statement},
                                  {"largest_constant", number(hypothesis.largest_constant)},
                                  {"met", hypothesis.met},
                                  {"detail", hypothesis.detail}});
  }
  json["conclusion"] = claim.conclusion;
  json["criterion"] = claim.criterion;
  json["constant_name"] = claim.constant_name;
  json["constant"] = number(claim.constant);
  json["measured"] = ordered_json::array();
  for (const Measured& measured : claim.measured) {
    json["measured"].push_back({{"quantity", measured.quantity},
                                {"least", extreme_json(measured.range.least, width)},
                                {"most", extreme_json(measured.range.most, width)}});
  }
  json["figures"] = ordered_json::array();
  for (const Figure& figure : claim.figures) {
    json["figures"].push_back({{"name", figure.name}, {"value", number(figure.value)}});
  }
  std::string where;
  if (!claim.measured.empty()) {
    const Range& range = claim.measured.front().range;
    const std::string least = describe(range.least.at, width);
    const std::string most = describe(range.most.at, width);
    where = least == most ? most : "least: " + least + "; most: " + most;
  }
  json["where"] = where;
  return json;
}

}  // namespace

std::string claims_json(const ClaimReport& report) {
  ordered_json json = {{"format", "latetime-claims"}, {"version", 1}, {"source", report.source}};
  json["run"] = {{"n", report.n},
                 {"d", report.d},
                 {"m", report.width},
                 {"slope", report.slope},
                 {"learning_rate", report.learning_rate},
                 {"init_std", report.init_std},
                 {"method", word_of(report.method)},
                 {"loss", word_of(report.loss)}};
  json["thresholds"] = {{"delta", report.thresholds.failure_probability},
                        {"large", report.thresholds.large},
                        {"moderate", report.thresholds.moderate}};
  json["looked_at"] = {{"steps", report.steps},     {"steps_problem", report.steps_problem},
                       {"times", report.snapshots}, {"until", time_json(report.until)},
                       {"late", report.late},       {"limit_problem", report.late_problem},
                       {"notes", report.notes}};
  json["counts"] = ordered_json::object();
  for (const ClaimVerdict verdict : {ClaimVerdict::holds, ClaimVerdict::fails,
                                     ClaimVerdict::undecided, ClaimVerdict::hypothesis_unmet}) {
    json["counts"][word_of(verdict)] = count_verdicts(report.claims, verdict);
  }
  json["claims"] = ordered_json::array();
  for (const Claim& claim : report.claims)
    json["claims"].push_back(claim_json(claim, report.width));
  return json.dump(1) + "\n";
}

}  // namespace latetime
