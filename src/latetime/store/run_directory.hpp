#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/store/folder_lock.hpp"

namespace latetime {

/// Text of a CSV table: `rows` of metrics.csv as columns of text.
struct CsvTable {
  std::string path;  ///< of the file, for messages
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  /// Index of a column; throws InputError when it is missing.
  std::size_t index_of(const std::string& column) const;
};

/// The folder of one run: config.toml, metrics.csv, result.h5. Rows of metrics.csv are appended as
/// whole lines as the run goes on; the other files are written under a temporary name and renamed,
/// so that a killed run leaves nothing half-written. Who writes holds the folder's lock; readers
/// need none.
class RunDirectory {
 public:
  /// Makes the folder (and its parents) ready for a new run and holds its lock. What a run left
  /// that ended before its first record was stored is replaced. Throws InputError when the folder
  /// already holds a run or files of others, when another process writes there, when it is a file,
  /// or cannot be written to.
  static RunDirectory create(const std::string& path, const std::string& config_toml,
                             const std::vector<std::string>& columns);

  /// Opens the folder of an earlier run to read it. Throws InputError when there is none.
  static RunDirectory open(const std::string& path);

  /// The same, to go on with it: holds the folder's lock.
  static RunDirectory reopen(const std::string& path);

  /// True when there is something to lose: rows beyond that of the start, or a result.h5 of a later
  /// time or of a run that has ended. What a kill or a lack of memory ended before is nothing.
  static bool holds_records(const std::string& path);

  /// Removes what `create` made, unless there are records: a run that failed before leaves nothing.
  void discard_unless_recorded() const;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const;
  std::string config_text() const;

  /// Replaces config.toml (a resumed run may be given a later end).
  void write_config(const std::string& config_toml) const;

  /// Appends one row to metrics.csv and hands it to the system before it returns.
  void append_row(const std::vector<std::string>& fields) const;

  /// The header and the first `rows` rows of metrics.csv. Throws InputError when there are fewer.
  CsvTable first_rows(std::size_t rows) const;

  /// Keeps the header and the first `rows` rows of metrics.csv: what the last result.h5 knows of.
  void keep_rows(std::size_t rows) const;

  /// Replaces metrics.csv by these columns and lines (rows joined by commas).
  void replace_table(const std::vector<std::string>& columns,
                     const std::vector<std::string>& lines) const;

  /// Replaces result.h5 by what `fill` writes.
  void write_result(const std::function<void(Hdf5Writer&)>& fill) const;

  /// result.h5; null when the run was stopped before it was first written. A file that is not, to
  /// the last bit, what was written is read by read_hdf5_archive, so that damage ends in
  /// InputError.
  std::shared_ptr<const ArrayReader> read_result() const;

 private:
  explicit RunDirectory(std::string path, std::shared_ptr<FolderLock> lock = nullptr)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  void require_lock() const;

  std::string path_;
  std::shared_ptr<FolderLock> lock_;
};

/// Reads a table that append_row wrote. An unfinished last line (a killed run) is left out. Throws
/// InputError where rows and header do not fit, and, of the metrics of a run or training, where a
/// row does not come after the one before it or a field is no number; its mend makes the table anew
/// from result.h5.
CsvTable read_metrics(const std::string& path);

/// Writes `text` to `path` by way of a temporary file beside it. Throws InputError on failure.
void replace_file(const std::string& path, const std::string& text);

}  // namespace latetime
