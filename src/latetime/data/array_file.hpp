#pragma once

#include <string>

#include "latetime/data/csv.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/data/npy.hpp"
#include "latetime/data/npz.hpp"
#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// Reads an array of numbers from a file. `reference` is one of
///   X.npy                      NumPy file
///   file.npz:name              NumPy archive; without :name when it holds just one array, or a
///                              sparse matrix of SciPy
///   file.h5:/path (.hdf5)      HDF5; without :/path when it holds just one dataset of numbers
///   file.mat:/path             MATLAB 7.3, which is HDF5 (arrays are transposed there)
///   file.csv (.txt, .tsv)      rows of numbers, see `parse_csv`
///   file.svm (.libsvm, .svmlight; .txt, .csv, .tsv and unknown extensions when they look like it)
///                              samples in LIBSVM's format, see `parse_svmlight`
/// Throws InputError of one line that begins with the reference or the file: no such file, a
/// folder, empty, damaged, an unknown extension, a type that is not a real number.
NumericArray read_array(const std::string& reference);

/// An array of samples, and the labels that stand in the same file.
struct LabelledArray {
  NumericArray x;
  bool has_labels = false;
  Labels labels;
  std::vector<std::string> header;  ///< of a text table, names of all columns
};

/// Reads an array as `read_array` does, and the labels of the same file: a text table's
/// `label_column`, or those of LIBSVM's format, which `features` belongs to as well. Throws
/// InputError when `label_column` is given for another kind of file.
LabelledArray read_labelled(const std::string& reference, const std::string& label_column,
                            std::size_t features);

/// Whether labels can stand in the samples' own file, by its name: a text table, LIBSVM's format.
bool may_hold_labels(const std::string& reference);

/// Reads labels, numbers, booleans or words, one-dimensional, or n × 1, or 1 × n; of a text table
/// `label_column`, see `parse_csv_labels`. Throws InputError as `read_array` does.
Labels read_labels(const std::string& reference, const std::string& label_column,
                   std::size_t samples);

/// The same for two dimensions; the error tells the shape that was found.
Matrix read_matrix(const std::string& reference);

/// The same for one dimension, or n × 1, or 1 × n.
Vector read_vector(const std::string& reference);

/// Throw InputError, naming `where`, for shapes that are no matrix (two dimensions) or no vector
/// ((n,), (n, 1) or (1, n)).
void require_matrix(const std::vector<std::size_t>& shape, const std::string& where);
void require_vector(const std::vector<std::size_t>& shape, const std::string& where);

}  // namespace latetime
