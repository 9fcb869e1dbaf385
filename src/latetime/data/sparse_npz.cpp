#include "latetime/data/sparse_npz.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/dense_size.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/npy.hpp"
#include "latetime/data/npz.hpp"

namespace latetime {
namespace {

/// Reads the parts of an archive and adds its entries to a matrix of zeros.
class SparseReader {
 public:
  explicit SparseReader(const std::string& path) : path_(path) {}

  NumericArray read() {
    const NpzMember member = read_npz_member(path_, "format");
    const TextArray format = parse_npy_texts(member.bytes, member.where);
    const auto shape = numbers("shape");
    if (format.texts.size() != 1 || shape.size() != 2) damaged();
    rows_ = count_of(shape[0]);
    columns_ = count_of(shape[1]);
    require_dense(rows_, columns_, path_);
    const std::string& name = format.texts[0];
    if (name == "coo") {
      add_coordinates();
    } else if (name == "csr" || name == "csc" || name == "bsr") {
      add_compressed(name == "csc", name == "bsr");
    } else {
      throw InputError(path_, fmt::format("is a sparse matrix of format '{}'; save it as "
                                          "scipy.sparse.save_npz(FILE, X.tocsr())",
                                          printable(name)));
    }
    return std::move(matrix_);
  }

 private:
  [[noreturn]] void damaged() const {
    throw InputError(path_,
                     "the sparse matrix is damaged; write it anew with "
                     "scipy.sparse.save_npz");
  }

  std::vector<double> numbers(const std::string& name) const {
    return read_npz(path_, name).values;
  }

  std::size_t count_of(double value) const {
    if (!(value >= 0.0 && value <= 0x1p53) || value != std::floor(value)) damaged();
    return static_cast<std::size_t>(value);
  }

  /// Once the parts fit together: a damaged shape may ask for all the memory there is.
  void begin_with_zeros() { matrix_ = {{rows_, columns_}, std::vector<double>(rows_ * columns_)}; }

  void add(std::size_t row, std::size_t column, double value) {
    if (row >= rows_ || column >= columns_) damaged();
    matrix_.values[row * columns_ + column] += value;
  }

  void add_coordinates() {
    const auto rows = numbers("row"), columns = numbers("col"), data = numbers("data");
    if (rows.size() != data.size() || columns.size() != data.size()) damaged();
    begin_with_zeros();
    for (std::size_t k = 0; k < data.size(); ++k) {
      add(count_of(rows[k]), count_of(columns[k]), data[k]);
    }
  }

  /// Rows of entries; of columns for csc, of blocks for bsr.
  void add_compressed(bool by_column, bool in_blocks) {
    const auto starts = numbers("indptr"), indices = numbers("indices");
    const NumericArray data = read_npz(path_, "data");
    if (data.shape.size() != (in_blocks ? 3U : 1U) || data.shape[0] != indices.size()) damaged();
    const std::size_t height = in_blocks ? data.shape[1] : 1, width = in_blocks ? data.shape[2] : 1;
    if (height == 0 || width == 0 || rows_ % height != 0 || columns_ % width != 0) damaged();
    const std::size_t lines = by_column ? columns_ : rows_ / height;
    if (starts.size() != lines + 1 || starts[0] != 0.0 || count_of(starts[lines]) > indices.size())
      damaged();
    begin_with_zeros();
    for (std::size_t line = 0; line < lines; ++line) {
      const std::size_t begin = count_of(starts[line]), end = count_of(starts[line + 1]);
      if (begin > end || end > indices.size()) damaged();
      for (std::size_t k = begin; k < end; ++k) {
        const std::size_t index = count_of(indices[k]);
        for (std::size_t i = 0; i < height; ++i) {
          for (std::size_t j = 0; j < width; ++j) {
            const double value = data.values[(k * height + i) * width + j];
            const std::size_t row = line * height + i, column = index * width + j;
            by_column ? add(column, row, value) : add(row, column, value);
          }
        }
      }
    }
  }

  const std::string& path_;
  std::size_t rows_ = 0, columns_ = 0;
  NumericArray matrix_;
};

}  // namespace

bool is_sparse_npz(const std::string& path) {
  const std::vector<std::string> names = npz_names(path);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return has("format") && has("shape") && has("data");
}

NumericArray read_sparse_npz(const std::string& path) {
  return SparseReader(path).read();
}

}  // namespace latetime
