#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// What the page shows of a sweep, from points.csv and sweep.toml: its axes, how points ended, and
/// a column a key and a quantity, an entry a point. Throws InputError.
nlohmann::ordered_json sweep_json(const std::string& folder);

}  // namespace latetime
