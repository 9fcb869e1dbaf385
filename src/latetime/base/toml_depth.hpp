#pragma once

#include <string>
#include <string_view>

namespace latetime {

/// Throws InputError, naming `where` and the line, for TOML with a key of thousands of parts
/// ("a.a.a…"): toml++ bounds the depth of values but not of keys, and goes down a level a call.
void refuse_deep_keys(std::string_view toml, const std::string& where);

}  // namespace latetime
