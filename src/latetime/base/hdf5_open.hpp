#pragma once

#include <optional>
#include <string>

#include "latetime/base/hdf5_handle.hpp"

namespace latetime {

/// Opens a file for reading, without HDF5's locks. Throws InputError with a line that tells what is
/// wrong: no HDF5 file, marked as open for writing, ending too early, damaged. None advises to
/// overwrite what may be good data.
hid_t open_hdf5(const std::string& path);

/// The same for the open file `descriptor`, found under `path`; nothing when another file has taken
/// its place there meanwhile.
std::optional<hid_t> open_hdf5_as(int descriptor, const std::string& path);

/// Throws InputError when `dataset` is packed by a filter that this HDF5 library lacks.
void require_filters(const Hdf5Handle& dataset, const std::string& path, const std::string& name);

}  // namespace latetime
