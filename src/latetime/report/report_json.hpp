#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// What the page shows of the run in `folder`: summary, thinned records, spectra, maps, margins,
/// limit, claims, configuration. Infinities and NaN are null. Throws InputError.
nlohmann::ordered_json run_json(const std::string& folder);

}  // namespace latetime
