#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace latetime {

/// Numbers to so many significant digits, written with no more; infinities and NaN become null.
nlohmann::ordered_json json_numbers(const std::vector<double>& values, int digits = 9);

/// "relu" for "runs/relu/": what the page calls what lies in a folder.
std::string folder_name(const std::string& folder);

}  // namespace latetime
