#include "latetime/prove/certificate.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace latetime {
namespace {

// What a checker that works in doubles encloses numbers of V to, relative, and its spectra.
constexpr double checker_width = 1e-8, checker_spectrum = 1e-6;

Enclosure widened(const Enclosure& bounds) {
  const double width =
      checker_width * std::max({1.0, std::abs(bounds.lower), std::abs(bounds.upper)});
  return {bounds.lower - width, bounds.upper + width};
}

Enclosure widened_ratio(const Enclosure& bounds, double width = checker_width) {
  return {bounds.lower * (1.0 - width), bounds.upper * (1.0 + width)};
}

template <class Row>
std::string numbers(const char* name, const Row& row) {
  std::string line = name;
  for (const double value : row) line += " " + hexadecimal(value);
  return line + "\n";
}

using Claims = std::vector<std::pair<std::string, Enclosure>>;

Claims limit_claims(const LimitTheorem& limit) {
  Claims claims{{"norm", widened_ratio(limit.norm)},
                {"normalized-margin", widened_ratio(limit.normalized_margin)},
                {"loss-constant", widened(limit.loss_constant)}};
  const char* parts[] = {"pos", "neg", "all"};
  for (std::size_t part = 0; part < 3; ++part) {
    if (!limit.stable_ranks[part]) continue;
    Enclosure rank = widened_ratio(*limit.stable_ranks[part], checker_spectrum);
    rank.lower = std::max(rank.lower, 1.0);
    claims.emplace_back(fmt::format("stable-rank-{}", parts[part]), rank);
    claims.emplace_back(fmt::format("spectral-norm-{}", parts[part]),
                        widened_ratio(*limit.spectral_norms[part], checker_spectrum));
  }
  for (const SwitchingSlope& pair : limit.switching) {
    claims.emplace_back(fmt::format("density {} {}", pair.neuron, pair.sample),
                        widened(pair.density));
  }
  return claims;
}

std::string problem_text(const Problem& problem) {
  std::string text = fmt::format("latetime-certificate 2\nproblem\nwidth {}\nslope {}\nrate {}\n",
                                 problem.shape().width, hexadecimal(problem.shape().slope),
                                 hexadecimal(problem.learning_rate));
  if (!(problem.loss == logistic)) text += fmt::format("loss {}\n", problem.loss.name);
  text += "labels";
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    text += problem.data.label(i) > 0 ? " +" : " -";
  }
  text += "\n";
  for (const auto& row : problem.data.x.rowwise()) text += numbers("x", row);
  return text;
}

std::string claims_text(const Claims& claims) {
  std::string text = "claim\n";
  for (const auto& [name, bounds] : claims) {
    text += fmt::format("{} {} {}\n", name, hexadecimal(bounds.lower), hexadecimal(bounds.upper));
  }
  return text;
}

}  // namespace

std::string support_word(const std::vector<bool>& support) {
  std::string word;
  for (const bool on : support) word += on ? '1' : '0';
  return word;
}

std::string hexadecimal(double value) {
  return fmt::format("{:a}", value);
}

std::string certificate_text(const Problem& problem, const Matrix& weights,
                             const RunTheorem& theorem,
                             const std::vector<std::string>& derivation) {
  std::string text = problem_text(problem) + fmt::format("step {}\n", theorem.step);
  Claims claims = limit_claims(theorem.limit);
  if (theorem.start_distance) {
    for (const auto& row : problem.initial.weights.rowwise()) text += numbers("w0", row);
    claims.emplace_back("start-distance",
                        Enclosure{0.0, *theorem.start_distance * (1.0 + checker_spectrum) + 1e-18});
  }
  for (const auto& row : weights.rowwise()) text += numbers("w", row);
  claims.emplace_back("radius", Enclosure{0.0, theorem.radius});
  claims.emplace_back("log-straight-from",
                      Enclosure{0.0, theorem.straight_from * (1.0 + checker_width)});
  claims.emplace_back("offset", Enclosure{0.0, theorem.offset * (1.0 + checker_width)});
  text += claims_text(claims) + "derivation\n";
  for (const std::string& line : derivation) text += line + "\n";
  return text + "end\n";
}

std::string limit_certificate_text(const Problem& problem, const LimitPattern& pattern,
                                   const LimitTheorem& theorem) {
  std::string text = problem_text(problem) + claims_text(limit_claims(theorem)) +
                     "derivation\npattern " + support_word(pattern.support);
  for (std::size_t pair = 0; pair < pattern.verdicts.size(); ++pair) {
    if (pair % pattern.support.size() == 0) text += ' ';
    text += pattern.verdicts[pair] == PairVerdict::active     ? '1'
            : pattern.verdicts[pair] == PairVerdict::inactive ? '0'
                                                              : 's';
  }
  return text + "\nend\n";
}

}  // namespace latetime
