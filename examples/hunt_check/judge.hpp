#pragma once

#include <string>
#include <vector>

#include "evidence.hpp"

namespace latetime::check_judge {

/// What the judge says of a conclusion. `doubt`: too near to a bound, or not known.
enum class Truth { broken, doubt, holds };

struct Judgement {
  bool met = false;            ///< all hypotheses
  bool asked = true;           ///< false: the claim is on another activation function
  Truth truth = Truth::doubt;  ///< of the conclusion, whatever the hypotheses
};

/// The judge's reading of a claim, from docs/claims and nothing else: C = 10, constants from 1/100
/// to 100, δ = 0.05.
Judgement judge(const std::string& claim, const Setting& s, const Evidence& e);

/// Whether the initial weights are as Lemmas A.1 and A.2 say.
bool weights_as_a1(const Setting& s);
bool patterns_as_a2(const Setting& s);

}  // namespace latetime::check_judge
