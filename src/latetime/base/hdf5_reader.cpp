#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/file_seal.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/hdf5_handle.hpp"
#include "latetime/base/hdf5_open.hpp"

namespace latetime {
namespace {

/// The text that HDF5 stored in `cell`: up to the padding.
std::string trimmed(std::string_view cell, bool space_padded) {
  std::string_view text = cell.substr(0, cell.find('\0'));
  if (space_padded) text = text.substr(0, text.find_last_not_of(' ') + 1);
  return std::string(text);
}

/// What has to be known about a dataset before its entries are asked for.
struct OpenDataset {
  Hdf5Handle dataset;
  Hdf5Handle type;
  ArrayShape shape;
  std::size_t count = 0;  ///< entries
};

/// deflate packs at most 1032 bytes into one; no other filter of HDF5 itself packs better.
constexpr std::size_t best_compression = 1032;

/// Most bytes that the dataset's entries can truly take in a file of this size, so that a damaged
/// size is noticed before memory is asked for. 0 stands for "layout unreadable".
std::size_t plausible_bytes(const Hdf5Handle& dataset, std::size_t file_size) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (!properties.valid()) return 0;
  const int filters = H5Pget_nfilters(properties);
  if (filters < 0) return 0;
  if (filters == 0) return file_size;
  const auto stored = static_cast<std::size_t>(H5Dget_storage_size(dataset));
  return saturating_product(std::min(stored, file_size), best_compression);
}

/// Bytes of one chunk; 0 when the dataset is not chunked. HDF5 asks for this much memory at once.
std::size_t chunk_bytes(const Hdf5Handle& dataset, std::size_t rank, std::size_t entry_size) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (!properties.valid() || H5Pget_layout(properties) != H5D_CHUNKED) return 0;
  std::vector<hsize_t> chunk(std::max<std::size_t>(rank, 1), 1);
  if (H5Pget_chunk(properties, static_cast<int>(rank), chunk.data()) < 0) {
    return std::numeric_limits<std::size_t>::max();
  }
  std::size_t bytes = entry_size;
  for (const hsize_t size : chunk) bytes = saturating_product(bytes, size);
  return bytes;
}

/// Opens `name` and checks its size against the file's. Throws InputError.
OpenDataset open_dataset(hid_t file, const std::string& path, std::size_t file_size,
                         const std::string& name) {
  silence_hdf5();
  Hdf5Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) {
    throw InputError(path, "no readable dataset " + name +
                               "; name another, or, if it is there, copy the damaged file again");
  }
  require_filters(dataset, path, name);
  const std::string damaged =
      "dataset " + name + " is damaged; copy the file again from where it came from";
  Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  if (!type.valid() || !space.valid()) throw InputError(path, damaged);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > H5S_MAX_RANK) throw InputError(path, damaged);
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  if (H5Sget_simple_extent_dims(space, sizes.data(), nullptr) < 0) throw InputError(path, damaged);
  const hssize_t entries = H5Sget_simple_extent_npoints(space);
  std::size_t count = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
  for (const hsize_t size : sizes) count = saturating_product(count, size);
  if (entries < 0 || static_cast<std::size_t>(entries) != count) throw InputError(path, damaged);

  const std::size_t entry_size = H5Tget_size(type), limit = plausible_bytes(dataset, file_size);
  if (entry_size == 0 || saturating_product(count, entry_size) > limit ||
      (count > 0 && chunk_bytes(dataset, sizes.size(), entry_size) >
                        saturating_product(file_size, best_compression))) {
    throw InputError(
        path, "dataset " + name + " claims more entries than the file can hold; it " +
                  "is damaged or was never filled, copy the file again from where it came from");
  }
  return {std::move(dataset), std::move(type), ArrayShape(sizes.begin(), sizes.end()), count};
}

/// Whether every value of the integer `type` is a value of T.
template <class T>
bool fits(const Hdf5Handle& type) {
  if (H5Tget_class(type) != H5T_INTEGER) return false;
  const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
  const std::size_t size = H5Tget_size(type);
  if (std::is_signed_v<T> && !is_signed) return size < sizeof(T);
  return std::is_signed_v<T> == is_signed && size <= sizeof(T);
}

template <>
bool fits<double>(const Hdf5Handle& type) {
  const H5T_class_t kind = H5Tget_class(type);
  // h5py's booleans are an enumeration of one byte, FALSE = 0 and TRUE = 1.
  const bool is_boolean = kind == H5T_ENUM && H5Tget_size(type) == 1;
  return is_boolean ||
         ((kind == H5T_INTEGER || kind == H5T_FLOAT) && H5Tget_size(type) <= sizeof(double));
}

template <class T>
std::vector<T> read_numbers(const OpenDataset& open, const std::string& path,
                            const std::string& name, hid_t memory_type, const char* wanted) {
  if (!fits<T>(open.type)) {
    throw InputError(path, "dataset " + name + " does not hold " + wanted + "; convert it");
  }
  std::vector<T> values(open.count);
  if (open.count > 0 &&
      H5Dread(open.dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    throw InputError(path, "dataset " + name +
                               " is damaged or cut; copy the file again from where it came from");
  }
  return values;
}

/// Texts of variable length, as h5py writes them. Empty optional-like result is signalled by `ok`.
std::vector<std::string> read_variable_texts(const OpenDataset& open, std::size_t file_size,
                                             bool& ok) {
  const Hdf5Handle space(H5Dget_space(open.dataset), H5Sclose);
  hsize_t bytes = 0;
  // Entries may share one heap object, so the sum is checked before HDF5 makes copies.
  ok = H5Dvlen_get_buf_size(open.dataset, open.type, space, &bytes) >= 0 &&
       bytes <= file_size + open.count;
  if (!ok) return {};
  std::vector<char*> cells(open.count, nullptr);
  ok = H5Dread(open.dataset, open.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()) >= 0;
  std::vector<std::string> texts;
  for (const char* cell : cells) texts.emplace_back(ok && cell ? cell : "");
  H5Dvlen_reclaim(open.type, space, H5P_DEFAULT, cells.data());
  return texts;
}

std::vector<std::string> read_fixed_texts(const OpenDataset& open, bool& ok) {
  const std::size_t length = H5Tget_size(open.type);
  std::string cells(open.count * length, '\0');
  ok = open.count == 0 ||
       H5Dread(open.dataset, open.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()) >= 0;
  const bool spaces = H5Tget_strpad(open.type) == H5T_STR_SPACEPAD;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < open.count; ++i) {
    texts.push_back(trimmed(std::string_view(cells).substr(i * length, length), spaces));
  }
  return texts;
}

struct DatasetList {
  bool texts_too;
  std::vector<std::string> names;
};

/// Called by HDF5 for every object; must not throw through C code.
herr_t collect_datasets(hid_t group, const char* name, const H5O_info_t* info,
                        void* list) noexcept {
  if (info->type != H5O_TYPE_DATASET) return 0;
  const Hdf5Handle dataset(H5Dopen2(group, name, H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) return -1;
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  if (!type.valid()) return -1;
  auto& found = *static_cast<DatasetList*>(list);
  const bool is_text = found.texts_too && H5Tget_class(type) == H5T_STRING;
  if (!is_text && !fits<double>(type)) return 0;
  try {
    found.names.push_back("/" + std::string(name));
  } catch (...) {
    return -1;
  }
  return 0;
}

/// Throws InputError when there is no file of this name.
std::size_t size_of_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InputError(path, "no such file; check the path");
  if (!std::filesystem::is_regular_file(status)) {
    throw InputError(path, "is not a file; name an HDF5 file");
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    throw InputError(path, "cannot be read (" + error.message() + "); check its permissions");
  }
  return static_cast<std::size_t>(size);
}

/// Names of the datasets of numbers, or of numbers and texts, in order.
std::vector<std::string> dataset_names(hid_t file, const std::string& path, bool texts_too) {
  silence_hdf5();
  DatasetList list{texts_too, {}};
  if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, collect_datasets, &list, H5O_INFO_BASIC) < 0) {
    throw InputError(
        path, "the list of datasets is damaged; copy the file again from where it came from");
  }
  // Names are quoted in messages of one line.
  for (const std::string& name : list.names) {
    if (std::any_of(name.begin(), name.end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      throw InputError(path,
                       "a dataset's name holds control characters; the file is damaged, or "
                       "rename it");
    }
  }
  return list.names;
}

}  // namespace

Hdf5Reader::Hdf5Reader(std::string path)
    : path_(std::move(path)), file_size_(size_of_file(path_)), lock_(path_) {
  file_ = open_hdf5(path_);
}

Hdf5Reader::Hdf5Reader(std::string path, std::size_t file_size, std::int64_t file)
    : path_(std::move(path)), file_size_(file_size), file_(file) {}

std::optional<Hdf5Reader> Hdf5Reader::open_sealed(const std::string& path) {
  while (true) {
    const std::size_t size = size_of_file(path);
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool sealed = descriptor >= 0 && is_sealed(descriptor);
    std::optional<hid_t> file;
    try {
      if (sealed) file = open_hdf5_as(descriptor, path);
    } catch (...) {
      ::close(descriptor);
      throw;
    }
    if (descriptor >= 0) ::close(descriptor);
    if (!sealed) return std::nullopt;
    if (file) return Hdf5Reader(path, size, *file);
  }
}

Hdf5Reader::~Hdf5Reader() {
  if (file_ < 0) return;
  silence_hdf5();
  H5Fclose(file_);
}

Hdf5Reader::Hdf5Reader(Hdf5Reader&& other) noexcept
    : path_(std::move(other.path_)),
      file_size_(other.file_size_),
      lock_(std::move(other.lock_)),
      file_(std::exchange(other.file_, -1)) {}

void Hdf5Reader::fail(const std::string& problem) const {
  throw InputError(path_, problem);
}

bool Hdf5Reader::exists(const std::string& name) const {
  silence_hdf5();
  // Fails on the way, rather than answering no, when a group of the path is missing.
  const Hdf5Handle object(H5Oopen(file_, name.c_str(), H5P_DEFAULT), H5Oclose);
  return object.valid();
}

ArrayShape Hdf5Reader::shape(const std::string& name) const {
  return open_dataset(file_, path_, file_size_, name).shape;
}

std::vector<double> Hdf5Reader::read_doubles(const std::string& name) const {
  return read_numbers<double>(open_dataset(file_, path_, file_size_, name), path_, name,
                              H5T_NATIVE_DOUBLE, "floats (up to 64 bits) or integers");
}

std::vector<std::int64_t> Hdf5Reader::read_int64(const std::string& name) const {
  return read_numbers<std::int64_t>(open_dataset(file_, path_, file_size_, name), path_, name,
                                    H5T_NATIVE_INT64, "signed 64-bit integers");
}

std::vector<std::uint64_t> Hdf5Reader::read_uint64(const std::string& name) const {
  return read_numbers<std::uint64_t>(open_dataset(file_, path_, file_size_, name), path_, name,
                                     H5T_NATIVE_UINT64, "unsigned integers");
}

std::vector<std::uint8_t> Hdf5Reader::read_uint8(const std::string& name) const {
  return read_numbers<std::uint8_t>(open_dataset(file_, path_, file_size_, name), path_, name,
                                    H5T_NATIVE_UINT8, "unsigned bytes");
}

std::vector<std::string> Hdf5Reader::read_strings(const std::string& name) const {
  const OpenDataset open = open_dataset(file_, path_, file_size_, name);
  if (H5Tget_class(open.type) != H5T_STRING) {
    fail("dataset " + name + " does not hold text; name another");
  }
  bool ok = false;
  std::vector<std::string> texts = H5Tis_variable_str(open.type) > 0
                                       ? read_variable_texts(open, file_size_, ok)
                                       : read_fixed_texts(open, ok);
  if (!ok)
    fail("dataset " + name + " is damaged or cut; copy the file again from where it came from");
  return texts;
}

std::string Hdf5Reader::read_string(const std::string& name) const {
  std::vector<std::string> texts = read_strings(name);
  if (texts.size() != 1) fail("dataset " + name + " does not hold exactly one text; name another");
  return std::move(texts.front());
}

std::string Hdf5Reader::read_text_attribute(const std::string& object,
                                            const std::string& name) const {
  silence_hdf5();
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  const bool fixed_text = type.valid() && H5Tget_class(type) == H5T_STRING &&
                          H5Tis_variable_str(type) == 0 && H5Tget_size(type) <= file_size_ &&
                          H5Aget_storage_size(attribute) == H5Tget_size(type);
  std::string cell(fixed_text ? H5Tget_size(type) : 0, '\0');
  if (!fixed_text || H5Aread(attribute, type, cell.data()) < 0) {
    fail("no text attribute " + name + " of " + object +
         "; copy the file again from where it came from");
  }
  return trimmed(cell, H5Tget_strpad(type) == H5T_STR_SPACEPAD);
}

double Hdf5Reader::read_number_attribute(const std::string& object, const std::string& name) const {
  silence_hdf5();
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  double value = 0.0;
  if (!type.valid() || !fits<double>(type) || H5Aget_storage_size(attribute) != H5Tget_size(type) ||
      H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) {
    fail("no number attribute " + name + " of " + object +
         "; copy the file again from where it came from");
  }
  return value;
}

std::vector<std::string> Hdf5Reader::numeric_datasets() const {
  return dataset_names(file_, path_, false);
}

std::vector<std::string> Hdf5Reader::datasets() const {
  return dataset_names(file_, path_, true);
}

bool Hdf5Reader::holds_text(const std::string& name) const {
  return H5Tget_class(open_dataset(file_, path_, file_size_, name).type) == H5T_STRING;
}

ArrayArchive Hdf5Reader::read_all() const {
  ArrayArchive archive;
  const auto add = [&](const std::string& name, const ArrayShape& shape, const auto& values) {
    archive.write(name, shape,
                  std::span<const typename std::decay_t<decltype(values)>::value_type>(values));
  };
  for (const std::string& name : datasets()) {
    const OpenDataset open = open_dataset(file_, path_, file_size_, name);
    if (H5Tget_class(open.type) == H5T_STRING) {
      const auto texts = read_strings(name);
      if (open.shape.empty()) {
        archive.write(name, std::string_view(texts.at(0)));
      } else {
        archive.write(name, std::span<const std::string>(texts));
      }
    } else if (fits<std::uint8_t>(open.type)) {
      add(name, open.shape, read_uint8(name));
    } else if (fits<std::uint64_t>(open.type)) {
      add(name, open.shape, read_uint64(name));
    } else if (fits<std::int64_t>(open.type)) {
      add(name, open.shape, read_int64(name));
    } else {
      add(name, open.shape, read_doubles(name));
    }
  }
  return archive;
}

}  // namespace latetime
