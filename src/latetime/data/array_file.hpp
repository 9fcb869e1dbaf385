#pragma once

#include <string>

#include "latetime/data/dataset.hpp"
#include "latetime/data/npy.hpp"
#include "latetime/data/npz.hpp"
#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// Reads an array of numbers from a file. `reference` is one of
///   X.npy                      NumPy file
///   file.npz:name              NumPy archive; without :name when it holds just one array
///   file.h5:/path (.hdf5)      HDF5; without :/path when it holds just one dataset of numbers
///   file.csv (.txt, .tsv)      rows of numbers, see `parse_csv`
/// Throws InputError of one line that begins with the reference or the file: no such file, a
/// folder, empty, damaged, an unknown extension, a type that is not a real number.
NumericArray read_array(const std::string& reference);

/// The same for two dimensions; the error tells the shape that was found.
Matrix read_matrix(const std::string& reference);

/// The same for one dimension, or n × 1, or 1 × n.
Vector read_vector(const std::string& reference);

/// Throw InputError, naming `where`, for shapes that are no matrix (two dimensions) or no vector
/// ((n,), (n, 1) or (1, n)).
void require_matrix(const std::vector<std::size_t>& shape, const std::string& where);
void require_vector(const std::vector<std::size_t>& shape, const std::string& where);

}  // namespace latetime
