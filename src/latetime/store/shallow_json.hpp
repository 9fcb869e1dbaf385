#pragma once

#include <istream>

#include <nlohmann/json.hpp>

namespace latetime {

/// The JSON of a file; discarded where it is none, or nested deeper than any that Latetime writes
/// (whoever writes it again, or draws it, goes down a level a call).
nlohmann::ordered_json parse_shallow(std::istream& in);

}  // namespace latetime
