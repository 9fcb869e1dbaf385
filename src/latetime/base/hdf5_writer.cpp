#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <hdf5_hl.h>

#include "latetime/base/error.hpp"
#include "latetime/base/file_seal.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/hdf5_handle.hpp"

namespace latetime {
namespace {

/// Fixed-length text type, padded with NUL. (Texts of variable length live in heaps without
/// checksums.)
Hdf5Handle text_type(std::size_t length) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<std::size_t>(length, 1));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/// For a group: its links stay in its header, however many, where a checksum guards them.
/// (HDF5 1.10 would store more than eight in a heap, and may crash on listing a damaged one.)
void keep_links_compact(const Hdf5Handle& creation) {
  constexpr unsigned most = 65535;
  H5Pset_link_phase_change(creation, most, 0);
}

/// Makes the groups on the way to `name`; those that exist stay. Failure shows at the next step.
void make_groups(hid_t file, const std::string& name) {
  const Hdf5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  keep_links_compact(creation);
  H5Pset_obj_track_times(creation, false);
  for (std::size_t end = name.find('/', 1); end != std::string::npos;
       end = name.find('/', end + 1)) {
    const std::string group = name.substr(0, end);
    if (H5Lexists(file, group.c_str(), H5P_DEFAULT) > 0) continue;
    const Hdf5Handle made(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT),
                          H5Gclose);
  }
}

[[noreturn]] void cannot_write(const std::string& path, const std::string& name) {
  throw InputError(path,
                   "cannot take in " + name + "; was the name written before, or is memory short?");
}

void write_sealed(const std::string& path, std::string_view bytes) {
  const std::string seal = seal_of(bytes);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written = file && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() &&
                       std::fwrite(seal.data(), 1, seal.size(), file) == seal.size();
  const int cause = errno;
  const bool closed = file && std::fclose(file) == 0;
  if (!written || !closed) {
    throw InputError(path, std::string("cannot be written (") +
                               std::strerror(written ? errno : cause) +
                               "); choose a folder that exists, with room, that you may write to");
  }
}

}  // namespace

Hdf5Writer::Hdf5Writer(std::string path) : path_(std::move(path)), file_(-1) {
  silence_hdf5();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // The 1.8 format: readable everywhere, and its metadata carry checksums (the older one's do not).
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  // In memory alone: when HDF5 itself meets a full disk, it crashes at the end of the program.
  constexpr std::size_t growth = std::size_t{1} << 20;
  H5Pset_fapl_core(access, growth, false);
  const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  keep_links_compact(creation);             // of the root group
  H5Pset_obj_track_times(creation, false);  // the same arrays give the same bytes
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access);
  if (file_ < 0) throw InputError(path_, "cannot be prepared in memory; free some");
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ < 0) return;
  silence_hdf5();
  H5Fclose(file_);
}

Hdf5Writer::Hdf5Writer(Hdf5Writer&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

void Hdf5Writer::write_numbers(const std::string& name, const ArrayShape& shape, std::int64_t type,
                               const void* values, std::size_t count) {
  silence_hdf5();
  std::size_t entries = 1;
  for (const std::size_t size : shape) entries = saturating_product(entries, size);
  if (entries != count) {
    throw std::invalid_argument("Hdf5Writer: the shape of " + name + " does not fit its values");
  }
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  const Hdf5Handle space(
      shape.empty() ? H5Screate(H5S_SCALAR)
                    : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
      H5Sclose);
  make_groups(file_, name);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  const Hdf5Handle dataset(
      H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  if (!dataset.valid() ||
      (count > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)) {
    cannot_write(path_, name);
  }
}

void Hdf5Writer::write(const std::string& name, const ArrayShape& shape,
                       std::span<const double> values) {
  write_numbers(name, shape, H5T_NATIVE_DOUBLE, values.data(), values.size());
}

void Hdf5Writer::write(const std::string& name, const ArrayShape& shape,
                       std::span<const std::int64_t> values) {
  write_numbers(name, shape, H5T_NATIVE_INT64, values.data(), values.size());
}

void Hdf5Writer::write(const std::string& name, const ArrayShape& shape,
                       std::span<const std::uint64_t> values) {
  write_numbers(name, shape, H5T_NATIVE_UINT64, values.data(), values.size());
}

void Hdf5Writer::write(const std::string& name, const ArrayShape& shape,
                       std::span<const std::uint8_t> values) {
  write_numbers(name, shape, H5T_NATIVE_UINT8, values.data(), values.size());
}

void Hdf5Writer::write(const std::string& name, std::string_view text) {
  const std::string terminated(text);  // never null, also for an empty text
  write_numbers(name, {}, text_type(text.size()), terminated.c_str(), 1);
}

void Hdf5Writer::write(const std::string& name, std::span<const std::string> texts) {
  std::size_t length = 1;
  for (const std::string& text : texts) length = std::max(length, text.size());
  std::string cells(texts.size() * length, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].copy(&cells[i * length], length);
  write_numbers(name, {texts.size()}, text_type(length), cells.data(), texts.size());
}

void Hdf5Writer::write_variable_texts(const std::string& name, std::span<const std::string> texts) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  write_numbers(name, {texts.size()}, type, pointers.data(), pointers.size());
}

void Hdf5Writer::write_object_attribute(const std::string& object, const std::string& name,
                                        std::int64_t type, const void* value, std::size_t count) {
  silence_hdf5();
  const Hdf5Handle owner(H5Oopen(file_, object.c_str(), H5P_DEFAULT), H5Oclose);
  const hsize_t size = count;
  const Hdf5Handle space(count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, nullptr),
                         H5Sclose);
  const Hdf5Handle attribute(H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
  if (!attribute.valid() || H5Awrite(attribute, type, value) < 0) {
    cannot_write(path_, "attribute " + name + " of " + object);
  }
}

void Hdf5Writer::write_attribute(const std::string& object, const std::string& name,
                                 std::string_view text) {
  const std::string terminated(text);
  write_object_attribute(object, name, text_type(text.size()), terminated.c_str());
}

void Hdf5Writer::write_attribute(const std::string& object, const std::string& name, double value) {
  write_object_attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Writer::write_attribute(const std::string& object, const std::string& name,
                                 std::int64_t value) {
  write_object_attribute(object, name, H5T_NATIVE_INT64, &value);
}

void Hdf5Writer::write_attribute(const std::string& object, const std::string& name,
                                 std::span<const std::uint8_t> values) {
  write_object_attribute(object, name, H5T_NATIVE_UINT8, values.data(), values.size());
}

void Hdf5Writer::make_dimension(const std::string& list) {
  silence_hdf5();
  const Hdf5Handle dataset(H5Dopen2(file_, list.c_str(), H5P_DEFAULT), H5Dclose);
  const std::string name = list.substr(list.rfind('/') + 1);
  if (!dataset.valid() || H5DSset_scale(dataset, name.c_str()) < 0) {
    cannot_write(path_, "the dimension " + list);
  }
}

void Hdf5Writer::attach_dimension(const std::string& array, unsigned axis,
                                  const std::string& dimension) {
  silence_hdf5();
  const Hdf5Handle dataset(H5Dopen2(file_, array.c_str(), H5P_DEFAULT), H5Dclose);
  const Hdf5Handle scale(H5Dopen2(file_, dimension.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid() || !scale.valid() || H5DSattach_scale(dataset, scale, axis) < 0) {
    cannot_write(path_, "dimension " + dimension + " of " + array);
  }
}

void Hdf5Writer::close() {
  silence_hdf5();
  const Hdf5Handle file(std::exchange(file_, -1), H5Fclose);
  if (!file.valid()) throw std::logic_error("Hdf5Writer::close: the file is closed already");
  void* memory = nullptr;  // the place of HDF5's pointer to the bytes
  const bool flushed = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  if (!flushed || size < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, &memory) < 0) {
    throw InputError(path_, "cannot be prepared in memory; free some");
  }
  write_sealed(path_, {*static_cast<const char**>(memory), static_cast<std::size_t>(size)});
}

}  // namespace latetime
