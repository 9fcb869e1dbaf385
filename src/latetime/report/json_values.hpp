#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace latetime {

/// Numbers to so many significant digits, written with no more; infinities and NaN become null.
nlohmann::ordered_json json_numbers(const std::vector<double>& values, int digits = 9);

/// Those of them that are chosen.
nlohmann::ordered_json json_numbers(const std::vector<double>& values,
                                    const std::vector<std::size_t>& chosen, int digits);

/// "relu" for "runs/relu/": what the page calls what lies in a folder.
std::string folder_name(const std::string& folder);

}  // namespace latetime
