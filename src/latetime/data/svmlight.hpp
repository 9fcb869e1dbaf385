#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "latetime/data/labels.hpp"
#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// Samples and labels of a file of LIBSVM or SVMlight.
struct SvmlightData {
  NumericArray x;  ///< n × d, with the zeros
  Labels labels;   ///< n
};

/// Whether the first rows of a file are `label index:value index:value ...`, in any encoding that
/// is read.
bool looks_like_svmlight(std::string_view text);

/// Reads the text format of LIBSVM and SVMlight: a row a sample, `label index:value ...`, indices
/// ascending from 1 (from 0 when there is a 0), what is not named is zero; `#` starts a comment;
/// `qid:` is passed over. The dimension is the largest index, or `features` when that is not 0.
/// Throws InputError that names the line: no label, an entry that is no index:value, indices that
/// do not ascend or exceed `features`, more samples times features than fit into memory.
SvmlightData parse_svmlight(std::string_view text, const std::string& where, std::size_t features);

}  // namespace latetime
