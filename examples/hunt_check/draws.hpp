#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../dice.hpp"
#include "evidence.hpp"

namespace latetime::check_judge {

struct Drawn {
  std::string family;
  Setting setting;
};

std::vector<std::string> family_names();

/// Configuration `number`, of family `number` mod their count: it meets the hypotheses that its
/// family is made for, or breaks one of them.
Drawn draw(Dice& dice, std::uint64_t number);

}  // namespace latetime::check_judge
