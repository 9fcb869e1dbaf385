#include "latetime/theory/claim.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/text.hpp"

namespace latetime {
namespace {

std::string class_name(Eigen::Index group) {
  return group == 0 ? "+1" : "-1";
}

/// "neuron +1:17"; neurons are counted within their class, from 0.
std::string neuron_name(Eigen::Index neuron, Eigen::Index width) {
  return fmt::format("neuron {}:{}", class_name(neuron / width), neuron % width);
}

}  // namespace

std::string describe(const Place& place, Eigen::Index width) {
  std::vector<std::string> parts, others;
  if (place.neuron) {
    parts.push_back(neuron_name(*place.neuron, width));
  } else if (place.group) {
    parts.push_back("class " + class_name(*place.group));
  }
  if (place.sample) parts.push_back(fmt::format("sample {}", *place.sample));
  if (place.other_neuron) others.push_back(neuron_name(*place.other_neuron, width));
  if (place.other_sample) others.push_back(fmt::format("sample {}", *place.other_sample));
  std::string text = join(parts);
  if (!others.empty()) text += " against " + join(others);
  if (place.time) {
    text += text.empty() ? "" : ", ";
    text += place.time->step() ? fmt::format("step {}", *place.time->step())
                               : fmt::format("t = {}", decades_text(*place.time));
  }
  return text;
}

void Range::add(double value, const Place& place) {
  const bool first = count++ == 0;
  if (first || value < least.value || (std::isnan(value) && !std::isnan(least.value))) {
    least = {value, place};
  }
  if (first || value > most.value || (std::isnan(value) && !std::isnan(most.value))) {
    most = {value, place};
  }
}

void Range::add(const Range& other) {
  if (other.count == 0) return;
  add(other.least.value, other.least.at);
  add(other.most.value, other.most.at);
  count += other.count - 2;
}

bool Claim::hypotheses_met() const {
  return std::all_of(hypotheses.begin(), hypotheses.end(),
                     [](const Hypothesis& hypothesis) { return hypothesis.met; });
}

double Claim::largest_constant() const {
  double least = std::nan("");
  for (const Hypothesis& hypothesis : hypotheses) {
    least = std::fmin(least, hypothesis.largest_constant);  // NaN counts only among NaN
  }
  return least;
}

bool claim_is_named(const Claim& claim, const std::string& name) {
  if (name.empty()) return false;
  const bool is_number = name.find('.') != std::string::npos;
  if (claim.id == name || (is_number && claim.id.starts_with(name + "."))) return true;
  if (!is_number) return false;
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.';
  };
  for (std::size_t at = claim.place.find(name); at != std::string::npos;
       at = claim.place.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool starts = at == 0 || !is_part(claim.place[at - 1]);
    if (starts && (end == claim.place.size() || !is_part(claim.place[end]))) return true;
  }
  return false;
}

Claim judge(Claim claim, Finding finding) {
  claim.finding = std::move(finding);
  if (!claim.hypotheses_met()) {
    claim.verdict = ClaimVerdict::hypothesis_unmet;
  } else if (claim.finding.seen == Finding::Seen::holds) {
    claim.verdict = ClaimVerdict::holds;
  } else {
    claim.verdict =
        claim.finding.seen == Finding::Seen::fails ? ClaimVerdict::fails : ClaimVerdict::undecided;
  }
  return claim;
}

}  // namespace latetime
