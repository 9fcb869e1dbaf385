#pragma once

#include <map>
#include <string>

#include <toml++/toml.h>

#include "latetime/sweep/definition.hpp"

namespace latetime {

/// Reads the section [refine] of a sweep's file into `definition`, all else of which is read: its
/// axes get the values of the finest grid, and its quantities the one that decides. `ranges`: axes
/// that were given as ranges, true for those along the logarithm. Throws InputError.
void read_refine(const toml::node& section, const std::map<std::string, bool>& ranges,
                 SweepDefinition& definition);

/// The section as TOML, complete.
std::string refine_text(const RefineRule& rule);

}  // namespace latetime
