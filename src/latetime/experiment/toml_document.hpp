#pragma once

#include <string>

#include <toml++/toml.h>

namespace latetime {

/// The tables of a TOML text; `origin` names it in messages, `kind` says what it should have been
/// ("a configuration file (.toml)"). Throws InputError with the line, the problem and a mend.
toml::table parse_toml(const std::string& text, const std::string& origin, const char* kind);

/// "run.toml:7": where a node stands.
std::string with_line(const std::string& origin, const toml::node& node);

}  // namespace latetime
