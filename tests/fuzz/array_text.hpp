#pragma once

#include <string>

#include "latetime/base/array_archive.hpp"

namespace latetime::fuzz {

/// The arrays of a result.h5 as lines of text, so that damage to what an intact file says can be
/// written, changed and kept: "d /final/step 1: 100", a letter for the type (d, i, u, b: numbers;
/// t: a text; T: texts, with | between), the name, the sizes, the values.
std::string text_of_arrays(const ArrayArchive& arrays);

/// Back again, whatever the text: lines that say nothing are passed over, missing values are filled
/// up with those that are there, and sizes beyond some thousand entries are cut.
ArrayArchive arrays_of_text(const std::string& text);

/// One more entry, as it lies in another archive.
void add(ArrayArchive& arrays, const ArrayArchive::Entry& entry);

}  // namespace latetime::fuzz
