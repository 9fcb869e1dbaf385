#pragma once

#include <optional>
#include <string>

#include "latetime/base/array_archive.hpp"
#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// The dataset `member` ("/group/x") of an HDF5 file of unknown origin; with an empty name, its
/// only dataset of numbers. Types are converted as by `Hdf5Reader::read_doubles`.
///
/// HDF5's older file format has no checksums, and on a damaged file the HDF5 library may crash,
/// loop or ask for any amount of memory. The file is therefore read in a child process (fork) of
/// limited memory and time, which sends the array back; whatever happens to it ends in an
/// InputError here. Throws InputError: no such file, not HDF5, locked by another program, damaged,
/// packed by an unknown filter, no such dataset (the message lists them), a type that is not a real
/// number.
NumericArray read_hdf5_array(const std::string& path, const std::string& member);

/// The texts of such a dataset, in the same way; nothing where it holds numbers. With an empty
/// name, the only dataset of a file without numbers.
std::optional<TextArray> read_hdf5_texts(const std::string& path, const std::string& member);

/// All arrays of numbers and all texts of such a file, in the same way.
ArrayArchive read_hdf5_archive(const std::string& path);

}  // namespace latetime
