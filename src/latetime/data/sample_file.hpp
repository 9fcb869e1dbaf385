#pragma once

#include <cstddef>
#include <string>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Samples and labels of files, as the section [data] of a configuration names them.
struct SampleFileOptions {
  std::string x;             ///< reference of n × d samples, see `read_array`
  std::string y;             ///< reference of n labels; empty: they stand in the file of x
  std::string positive;      ///< label that counts as +1, see `two_classes`
  std::string label_column;  ///< of the text table y, or x without y, see `parse_csv_table`
  bool transpose = false;    ///< x is d × n
  std::size_t features = 0;  ///< d; 0: as the file says
};

/// Throws InputError that names the file or the configuration's key: what `read_array`,
/// `make_dataset` and `two_classes` refuse, labels that are missing or stand in the samples' own
/// columns, another dimension than `features`.
Dataset load_sample_files(const SampleFileOptions& options);

}  // namespace latetime
