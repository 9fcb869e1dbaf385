#include "latetime/data/array_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/error.hpp"
#include "latetime/data/csv.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/hdf5_array.hpp"

namespace latetime {
namespace {

enum class FileKind { npy, npz, hdf5, text, unknown };

FileKind kind_of(const std::string& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".npy") return FileKind::npy;
  if (extension == ".npz") return FileKind::npz;
  if (extension == ".h5" || extension == ".hdf5") return FileKind::hdf5;
  if (extension == ".csv" || extension == ".txt" || extension == ".tsv") return FileKind::text;
  return FileKind::unknown;
}

bool has_members(FileKind kind) {
  return kind == FileKind::npz || kind == FileKind::hdf5;
}

struct Reference {
  std::string path;
  std::string member;  // empty: the only one
};

/// Splits at the first colon that follows an archive's extension; other colons belong to names.
Reference split_reference(const std::string& reference) {
  for (std::size_t colon = reference.find(':'); colon != std::string::npos;
       colon = reference.find(':', colon + 1)) {
    std::string path = reference.substr(0, colon);
    if (!has_members(kind_of(path))) continue;
    std::string member = reference.substr(colon + 1);
    if (member.empty()) {
      throw InputError(reference, "no name after the colon; write FILE:NAME");
    }
    return {std::move(path), std::move(member)};
  }
  return {reference, ""};
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

}  // namespace

NumericArray read_array(const std::string& reference) {
  const auto [path, member] = split_reference(reference);
  switch (kind_of(path)) {
    case FileKind::npy:
      return parse_npy(read_file_bytes(path), path);
    case FileKind::npz:
      return read_npz(path, member);
    case FileKind::hdf5:
      return read_hdf5_array(path, member);
    case FileKind::text:
      return parse_csv(read_file_bytes(path), path);
    case FileKind::unknown:
      break;
  }
  throw InputError(reference,
                   "unknown kind of file; give .npy, .npz:NAME, .h5:/PATH, .hdf5:/PATH, .csv, .txt "
                   "or .tsv");
}

void require_matrix(const std::vector<std::size_t>& shape, const std::string& where) {
  if (shape.size() == 2) return;
  throw InputError(where, fmt::format("has shape {}; a matrix needs two dimensions, one sample a "
                                      "row",
                                      shape_text(shape)));
}

void require_vector(const std::vector<std::size_t>& shape, const std::string& where) {
  if (shape.size() == 1 || (shape.size() == 2 && (shape[0] == 1 || shape[1] == 1))) return;
  throw InputError(where, fmt::format("has shape {}; a vector needs shape (n,), (n, 1) or (1, n)",
                                      shape_text(shape)));
}

Matrix read_matrix(const std::string& reference) {
  const NumericArray array = read_array(reference);
  require_matrix(array.shape, reference);
  return Eigen::Map<const Matrix>(array.values.data(), static_cast<Eigen::Index>(array.shape[0]),
                                  static_cast<Eigen::Index>(array.shape[1]));
}

Vector read_vector(const std::string& reference) {
  const NumericArray array = read_array(reference);
  require_vector(array.shape, reference);
  return Eigen::Map<const Vector>(array.values.data(),
                                  static_cast<Eigen::Index>(array.values.size()));
}

}  // namespace latetime
