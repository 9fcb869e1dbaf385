#include "latetime/prove/certificate.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/prove/curve_search.hpp"

namespace latetime {
namespace {

// What a checker that works in doubles encloses numbers of V to, relative.
constexpr double checker_width = 1e-8;

Enclosure widened(const Enclosure& bounds) {
  const double width =
      checker_width * std::max({1.0, std::abs(bounds.lower), std::abs(bounds.upper)});
  return {bounds.lower - width, bounds.upper + width};
}

Enclosure widened_ratio(const Enclosure& bounds) {
  return {bounds.lower * (1.0 - checker_width), bounds.upper * (1.0 + checker_width)};
}

template <class Row>
std::string numbers(const char* name, const Row& row) {
  std::string line = name;
  for (const double value : row) line += " " + hexadecimal(value);
  return line + "\n";
}

}  // namespace

std::vector<std::pair<std::string, Enclosure>> certificate_claims(const RunTheorem& theorem) {
  std::vector<std::pair<std::string, Enclosure>> claims{
      {"norm", widened_ratio(theorem.limit.norm)},
      {"normalized-margin", widened_ratio(theorem.limit.normalized_margin)},
      {"loss-constant", widened(theorem.loss_constant)}};
  const char* parts[] = {"pos", "neg", "all"};
  for (std::size_t part = 0; part < 3; ++part) {
    if (!theorem.limit.stable_ranks[part]) continue;
    Enclosure rank = widened_ratio(*theorem.limit.stable_ranks[part]);
    rank.lower = std::max(rank.lower, 1.0);
    claims.emplace_back(fmt::format("stable-rank-{}", parts[part]), rank);
    claims.emplace_back(fmt::format("spectral-norm-{}", parts[part]),
                        widened_ratio(*theorem.limit.spectral_norms[part]));
  }
  claims.emplace_back("radius", Enclosure{0.0, theorem.radius});
  claims.emplace_back("log-straight-from",
                      Enclosure{0.0, theorem.straight_from * (1.0 + checker_width)});
  claims.emplace_back("offset", Enclosure{0.0, theorem.offset});
  for (const SwitchingPair& pair : theorem.switching) {
    claims.emplace_back(fmt::format("density {} {}", pair.neuron, pair.sample),
                        widened(pair.density));
  }
  return claims;
}

std::string certificate_text(const Dataset& data, const Network& weights, double learning_rate,
                             const RunTheorem& theorem,
                             const std::vector<std::string>& derivation) {
  std::string text = "latetime-certificate 1\nproblem\n";
  text += fmt::format("width {}\nslope {}\nrate {}\nlabels", weights.shape.width,
                      hexadecimal(weights.shape.slope), hexadecimal(learning_rate));
  for (Eigen::Index i = 0; i < data.size(); ++i) text += data.label(i) > 0 ? " +" : " -";
  text += "\n";
  for (const auto& row : data.x.rowwise()) text += numbers("x", row);
  text += fmt::format("step {}\n", theorem.step);
  for (const auto& row : weights.weights.rowwise()) text += numbers("w", row);
  text += "claim\n";
  for (const auto& [name, bounds] : certificate_claims(theorem)) {
    text += fmt::format("{} {} {}\n", name, hexadecimal(bounds.lower), hexadecimal(bounds.upper));
  }
  text += "derivation\n";
  for (const std::string& line : derivation) text += line + "\n";
  return text + "end\n";
}

}  // namespace latetime
