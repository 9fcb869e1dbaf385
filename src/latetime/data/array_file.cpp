#include "latetime/data/array_file.hpp"

#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/error.hpp"
#include "latetime/data/csv.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/hdf5_array.hpp"
#include "latetime/data/sparse_npz.hpp"
#include "latetime/data/svmlight.hpp"

namespace latetime {
namespace {

enum class FileKind { npy, npz, hdf5, mat, text, svmlight, unknown };

FileKind kind_of(const std::string& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".npy") return FileKind::npy;
  if (extension == ".npz") return FileKind::npz;
  if (extension == ".h5" || extension == ".hdf5") return FileKind::hdf5;
  if (extension == ".mat") return FileKind::mat;
  if (extension == ".csv" || extension == ".txt" || extension == ".tsv") return FileKind::text;
  if (extension == ".svm" || extension == ".libsvm" || extension == ".svmlight") {
    return FileKind::svmlight;
  }
  return FileKind::unknown;
}

bool has_members(FileKind kind) {
  return kind == FileKind::npz || kind == FileKind::hdf5 || kind == FileKind::mat;
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

/// The kind of what the file holds: LIBSVM's data sets have all extensions, or none.
FileKind kind_of_content(const std::string& path) {
  const FileKind kind = kind_of(path);
  if (kind != FileKind::text && kind != FileKind::unknown) return kind;
  return looks_like_svmlight(read_file_start(path)) ? FileKind::svmlight : kind;
}

/// MATLAB's own format of version 7.3 is HDF5 behind 512 bytes; older ones are not.
void require_hdf5_mat(const std::string& path) {
  require_file(path);
  const std::string start = read_file_start(path);
  constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n";
  constexpr std::size_t user_block = 512;
  const std::string_view bytes(start);
  if (bytes.starts_with(hdf5_signature)) return;
  if (bytes.size() > user_block && bytes.substr(user_block).starts_with(hdf5_signature)) return;
  throw InputError(path,
                   fmt::format("{}; save it in MATLAB with save(FILE, 'X', '-v7.3'), or in Python "
                               "with numpy.save(\"X.npy\", scipy.io.loadmat(FILE)[\"X\"])",
                               bytes.starts_with("MATLAB 5.0") ? "is a MATLAB file of version 5"
                                                               : "is no MATLAB file of version "
                                                                 "7.3"));
}

/// What to do about kinds of files that others read; empty for those that nobody knows.
std::string mend_of_kind(const std::string& extension) {
  constexpr std::string_view excel = "pandas.read_excel(FILE)", pickle = "pandas.read_pickle(FILE)",
                             feather = "pandas.read_feather(FILE)",
                             parquet = "pandas.read_parquet(FILE)",
                             torch = "torch.load(FILE).numpy(force=True)", packed = "";
  struct Kind {
    std::string_view extension, array;  // in Python, of FILE; none of what is packed
  };
  constexpr Kind kinds[] = {
      {".parquet", parquet},
      {".pq", parquet},
      {".feather", feather},
      {".arrow", feather},
      {".xlsx", excel},
      {".xls", excel},
      {".ods", excel},
      {".pkl", pickle},
      {".pickle", pickle},
      {".json", "json.load(open(FILE))"},
      {".pt", torch},
      {".pth", torch},
      {".arff", "pandas.DataFrame(scipy.io.arff.loadarff(FILE)[0])"},
      {".dta", "pandas.read_stata(FILE)"},
      {".gz", packed},
      {".bz2", packed},
      {".xz", packed},
      {".zst", packed},
      {".zip", packed},
      {".7z", packed},
  };
  for (const Kind& kind : kinds) {
    if (extension != kind.extension) continue;
    if (kind.array == packed) return "is compressed; unpack it, and name what was in it";
    return fmt::format("files of that kind are not read; in Python, numpy.save(\"X.npy\", {})",
                       kind.array);
  }
  return "";
}

[[noreturn]] void refuse_unknown(const std::string& reference) {
  std::error_code error;
  const bool exists = std::filesystem::exists(reference, error);
  if (!reference.empty() && !exists && reference.find(':') == std::string::npos) {
    throw InputError(reference, "no such file; check the path");
  }
  if (exists && std::filesystem::is_directory(reference, error)) {
    throw InputError(reference, "is a folder; name a file in it");
  }
  const std::string mend = mend_of_kind(lower_extension(reference));
  throw InputError(reference, !mend.empty()
                                  ? mend
                                  : "unknown kind of file; give .npy, .npz:NAME, .h5:/PATH, "
                                    ".hdf5:/PATH, .mat:/PATH, .csv, .txt, .tsv, or LIBSVM's format "
                                    "(.svm)");
}

Labels text_labels(const TextArray& texts, const std::string& where) {
  require_vector(texts.shape, where);
  Labels labels;
  for (const auto& text : texts.texts) labels.add(std::string_view(text));
  return labels;
}

/// Only text tables have columns of labels to choose from.
void refuse_label_column(const std::string& label_column, const std::string& path,
                         const char* mend) {
  if (label_column.empty()) return;
  throw InputError("data.label_column",
                   fmt::format("{} has no columns of labels, CSV files do; {}", path, mend));
}

/// Labels of an NPY file.
Labels npy_labels(std::string_view bytes, const std::string& where) {
  const std::string dtype = npy_dtype(bytes, where);
  if (dtype.find_first_of("US") != std::string::npos) {
    return text_labels(parse_npy_texts(bytes, where), where);
  }
  const NumericArray array = parse_npy(bytes, where);
  require_vector(array.shape, where);
  if (dtype != "|b1") return labels_of(array.values);
  Labels labels;
  for (const double value : array.values) labels.add(value != 0.0);
  return labels;
}

}  // namespace

NumericArray read_array(const std::string& reference) {
  return read_labelled(reference, "", 0).x;
}

LabelledArray read_labelled(const std::string& reference, const std::string& label_column,
                            std::size_t features) {
  const auto [path, member] = split_reference(reference);
  const FileKind kind = kind_of_content(path);
  LabelledArray result;
  if (kind == FileKind::text) {
    TextTable table = parse_csv_table(read_file_bytes(path), path, label_column);
    return {std::move(table.numbers), !label_column.empty(), std::move(table.labels),
            std::move(table.header)};
  }
  refuse_label_column(label_column, path, "leave it out, and name a file of labels in data.y");
  switch (kind) {
    case FileKind::npy:
      result.x = parse_npy(read_file_bytes(path), path);
      break;
    case FileKind::npz:
      result.x =
          member.empty() && is_sparse_npz(path) ? read_sparse_npz(path) : read_npz(path, member);
      break;
    case FileKind::mat:
      require_hdf5_mat(path);
      [[fallthrough]];
    case FileKind::hdf5:
      result.x = read_hdf5_array(path, member);
      break;
    case FileKind::svmlight: {
      SvmlightData data = parse_svmlight(read_file_bytes(path), path, features);
      result.x = std::move(data.x);
      result.labels = std::move(data.labels);
      result.has_labels = true;
      break;
    }
    case FileKind::text:
    case FileKind::unknown:
      refuse_unknown(reference);
  }
  return result;
}

Labels read_labels(const std::string& reference, const std::string& label_column,
                   std::size_t samples) {
  const auto [path, member] = split_reference(reference);
  const FileKind kind = kind_of_content(path);
  if (kind == FileKind::text) {
    return parse_csv_labels(read_file_bytes(path), path, label_column, samples);
  }
  refuse_label_column(label_column, path, "leave it out");
  if (kind == FileKind::npy) return npy_labels(read_file_bytes(path), path);
  if (kind == FileKind::npz && (!member.empty() || !is_sparse_npz(path))) {
    const NpzMember found = read_npz_member(path, member);
    return npy_labels(found.bytes, found.where);
  }
  if (kind == FileKind::hdf5) {
    if (const auto texts = read_hdf5_texts(path, member)) return text_labels(*texts, reference);
  }
  const LabelledArray array = read_labelled(reference, "", 0);
  if (array.has_labels) return array.labels;
  require_vector(array.x.shape, reference);
  return labels_of(array.x.values);
}

void require_matrix(const std::vector<std::size_t>& shape, const std::string& where) {
  if (shape.size() == 2) return;
  throw InputError(where, fmt::format("has shape {}; a matrix needs two dimensions, one sample a "
                                      "row{}",
                                      shape_text(shape),
                                      shape.size() > 2 ? ": save X.reshape(len(X), -1)" : ""));
}

void require_vector(const std::vector<std::size_t>& shape, const std::string& where) {
  if (shape.size() == 1 || (shape.size() == 2 && (shape[0] == 1 || shape[1] == 1))) return;
  throw InputError(
      where,
      fmt::format(
          "has shape {}; a vector needs shape (n,), (n, 1) or (1, n){}", shape_text(shape),
          shape.size() == 2 && shape[0] > 0 ? " (one-hot labels: save y.argmax(axis=1))" : ""));
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

bool may_hold_labels(const std::string& reference) {
  const FileKind kind = kind_of(split_reference(reference).path);
  return kind == FileKind::text || kind == FileKind::svmlight || kind == FileKind::unknown;
}

}  // namespace latetime
