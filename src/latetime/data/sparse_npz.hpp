#pragma once

#include <string>

#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// Whether the NPZ archive is a matrix that scipy.sparse.save_npz wrote. Throws InputError as
/// `read_npz` does.
bool is_sparse_npz(const std::string& path);

/// The matrix of such an archive with its zeros: formats csr, csc, bsr and coo; entries that stand
/// twice are added up, as SciPy does. Throws InputError: another format, damaged, or too large for
/// this machine's memory.
NumericArray read_sparse_npz(const std::string& path);

}  // namespace latetime
