#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace latetime {

/// What the page shows of the run in `folder`: summary, thinned records, spectra, maps, margins,
/// limit, claims, configuration. Infinities and NaN are null. Throws InputError.
nlohmann::ordered_json run_json(const std::string& folder);

/// What the page shows of Figure 1 from `folder`/fig1.csv and fig1.toml. Throws InputError.
nlohmann::ordered_json figure1_json(const std::string& folder);

}  // namespace latetime
