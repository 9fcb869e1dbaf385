#include "latetime/base/hdf5_open.hpp"

#include <array>
#include <cstdio>
#include <string_view>

#include <sys/stat.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// What the stack of HDF5's errors tells of why a file did not open.
struct OpenFailure {
  bool not_hdf5 = false, truncated = false, marked_open = false;
  unsigned long long size = 0, needed = 0;  // bytes, when truncated
};

herr_t note_failure(unsigned /*depth*/, const H5E_error2_t* error, void* into) noexcept {
  auto& failure = *static_cast<OpenFailure*>(into);
  const std::string_view text = error->desc ? error->desc : "";
  failure.not_hdf5 |= error->min_num == H5E_NOTHDF5;
  failure.marked_open |= text.find("already open for write") != std::string_view::npos;
  if (error->min_num == H5E_TRUNCATED) {
    failure.truncated = true;
    std::sscanf(error->desc,
                "truncated file: eof = %llu, sblock->base_addr = %*u, stored_eof = %llu",
                &failure.size, &failure.needed);
  }
  return 0;
}

[[noreturn]] void fail_to_open(const std::string& path) {
  OpenFailure failure;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_failure, &failure);
  if (failure.marked_open) {
    throw InputError(path,
                     "is marked as open for writing; close it in the program that writes it, or, "
                     "if that has died, clear the mark of a copy by h5clear -s");
  }
  if (failure.truncated) {
    std::string sizes;
    if (failure.needed > failure.size) {
      sizes =
          " (" + std::to_string(failure.size) + " of " + std::to_string(failure.needed) + " bytes)";
    }
    throw InputError(path, "ends too early for an HDF5 file" + sizes +
                               ": it is still being written or copied, or was cut; wait, or copy "
                               "it again from where it came from");
  }
  if (failure.not_hdf5) {
    throw InputError(path,
                     "is no HDF5 file, it lacks the signature; check the name, or give it the "
                     "ending of its true format");
  }
  throw InputError(path,
                   "is an HDF5 file whose structure is damaged or cut; copy it again from where it "
                   "came from");
}

Hdf5Handle reading_access() {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  // Its failures cannot be told from damage, and it insists where the file system knows no locks.
  H5Pset_file_locking(access, false, true);
  return access;
}

}  // namespace

hid_t open_hdf5(const std::string& path) {
  silence_hdf5();
  // Lives until the failure is read: closing it would clear HDF5's stack of errors.
  const Hdf5Handle access = reading_access();
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
  if (file < 0) fail_to_open(path);
  return file;
}

std::optional<hid_t> open_hdf5_as(int descriptor, const std::string& path) {
  const hid_t file = open_hdf5(path);
  void* opened = nullptr;  // the place of HDF5's own descriptor
  struct stat wanted {
  }, found{};
  if (H5Fget_vfd_handle(file, H5P_DEFAULT, &opened) >= 0 && ::fstat(descriptor, &wanted) == 0 &&
      ::fstat(*static_cast<int*>(opened), &found) == 0 && wanted.st_dev == found.st_dev &&
      wanted.st_ino == found.st_ino) {
    return file;
  }
  H5Fclose(file);
  return std::nullopt;
}

void require_filters(const Hdf5Handle& dataset, const std::string& path, const std::string& name) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  const int filters = properties.valid() ? H5Pget_nfilters(properties) : 0;
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, configuration = 0;
    std::size_t parameters = 0;
    std::array<char, 32> label{};
    const H5Z_filter_t filter =
        H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &parameters, nullptr,
                       label.size() - 1, label.data(), &configuration);
    if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
    std::string known;
    for (const char c : std::string_view(label.data())) known += c >= ' ' && c < 0x7f ? c : '?';
    throw InputError(path, "dataset " + name + " is packed by the HDF5 filter " +
                               (known.empty() ? "" : "\"" + known + "\", ") + "number " +
                               std::to_string(filter) +
                               ", which this HDF5 library lacks; name its plugin's folder in "
                               "HDF5_PLUGIN_PATH, or make a copy by h5repack -f GZIP=4");
  }
}

}  // namespace latetime
