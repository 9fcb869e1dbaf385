#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Whether the set holds (−x, −y) with every (x, y), as often, to the bit. Two classes.
bool is_symmetric(const Dataset& data);

}  // namespace latetime
