#include "latetime/store/run_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/outcome.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/hdf5_array.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/results_place.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

/// What to do about a system call that failed by `cause`.
std::string mend_of(int cause) {
  switch (cause) {
    case ENOSPC:
    case EDQUOT:
      return "make room on that disk, or name a folder on another";
    case EFBIG:
      return "raise the limit on the size of files (ulimit -f), or record less";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case ENOENT:
    case ENOTDIR:
      return "the folder was removed or renamed; leave it alone while it is written to";
    default:
      return "choose a folder that you may write to";
  }
}

[[noreturn]] void cannot_write(const std::string& path, int cause) {
  throw InputError(path,
                   fmt::format("cannot be written ({}); {}", std::strerror(cause), mend_of(cause)));
}

[[noreturn]] void cannot_write(const std::string& path) {
  cannot_write(path, errno);
}

void write_whole(int descriptor, const std::string& text, const std::string& path) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0) {
      if (errno == EINTR) continue;
      const int cause = errno;
      ::close(descriptor);
      cannot_write(path, cause);
    }
    done += static_cast<std::size_t>(written);
  }
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path, "cannot be read; name the folder of a run");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Whether the whole of a field is a number, or empty.
bool is_number(const std::string& text) {
  if (text.empty()) return true;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

/// Throws InputError that says how the metrics of a run are made anew.
[[noreturn]] void table_is_damaged(const CsvTable& table, const std::string& problem) {
  const auto has = [&](const char* column) {
    return std::find(table.columns.begin(), table.columns.end(), column) != table.columns.end();
  };
  if (!has("log10_t")) {  // of a figure
    throw InputError(table.path, problem + "; it is damaged, remove it and make it again");
  }
  const bool training = has("epoch");
  const std::string folder = fs::path(table.path).parent_path().string();
  throw InputError(
      table.path,
      fmt::format("{}; the table was edited, or two processes wrote it; make it anew from "
                  "result.h5: latetime {} {} --resume --out {}",
                  problem, training ? "train" : "run",
                  shell_word((fs::path(folder) / config_name).string()), shell_word(folder)));
}

/// Holds the metrics of a run or training to what their columns promise.
void require_sound_metrics(const CsvTable& table) {
  const auto column = [&](const char* name) {
    return std::find(table.columns.begin(), table.columns.end(), name) - table.columns.begin();
  };
  const auto end = static_cast<std::ptrdiff_t>(table.columns.size());
  const std::ptrdiff_t log10_t = column("log10_t"), step = column("step"),
                       engine = column("engine"), ranks = column("group_stable_ranks");
  if (log10_t == end || step == end || engine == end) return;  // another table
  double last_step = -1.0, last_log = -HUGE_VAL;
  for (std::size_t at = 0; at < table.rows.size(); ++at) {
    const auto& row = table.rows[at];
    for (std::ptrdiff_t c = 0; c < end; ++c) {
      if (c == engine || c == ranks || is_number(row[static_cast<std::size_t>(c)])) continue;
      table_is_damaged(table, fmt::format("row {}, column {}, is no number", at + 1,
                                          table.columns[static_cast<std::size_t>(c)]));
    }
    const auto value = [&](std::ptrdiff_t c, double none) {
      const std::string& text = row[static_cast<std::size_t>(c)];
      return text.empty() ? none : std::strtod(text.c_str(), nullptr);
    };
    // The step is exact, up to 2^53; beyond it there is none, and the logarithm grows.
    const double now_step = value(step, HUGE_VAL), now_log = value(log10_t, -HUGE_VAL);
    const bool later = std::isinf(now_step) ? now_log > last_log : now_step > last_step;
    if (!later) {
      table_is_damaged(
          table, fmt::format("row {} does not come after row {} (log10_t {} after {})", at + 1, at,
                             now_log == -HUGE_VAL ? "of the start" : shortest(now_log),
                             last_log == -HUGE_VAL ? "that of the start" : shortest(last_log)));
    }
    last_step = now_step;
    last_log = now_log;
  }
}

}  // namespace

void replace_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".partial";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) cannot_write(path);
  try {
    write_whole(descriptor, text, path);
    if (::close(descriptor) != 0) cannot_write(path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

namespace {

/// Whether a result.h5 beside a table of one row at most holds more than the start of a run.
bool is_past_start(const RunDirectory& directory) {
  try {
    const auto result = directory.read_result();
    if (result->read_string("/outcome/reason") == word_of(StopReason::reached_end)) return true;
    const bool training = result->exists("/training/step");
    const auto step = result->read_doubles(training ? "/training/step" : "/final/step");
    return step.size() != 1 || step.front() != 0.0;
  } catch (const InputError&) {
    return true;  // unreadable: perhaps much
  }
}

}  // namespace

bool RunDirectory::holds_records(const std::string& path) {
  const RunDirectory directory(path);
  const std::string metrics = directory.file(metrics_name), result = directory.file(result_name);
  std::error_code error;
  if (!fs::exists(metrics, error)) return fs::exists(result, error);  // robbed
  const std::string text = read_text(metrics);
  if (std::count(text.begin(), text.end(), '\n') > 2) return true;
  return fs::exists(result, error) && is_past_start(directory);
}

void RunDirectory::discard_unless_recorded() const {
  if (holds_records(path_)) return;
  for (const char* name : {metrics_name, config_name, result_name}) {
    ::unlink(file(std::string(name) + ".partial").c_str());
    ::unlink(file(name).c_str());
  }
}

RunDirectory RunDirectory::create(const std::string& path, const std::string& config_toml,
                                  const std::vector<std::string>& columns) {
  auto lock = FolderLock::hold(path);
  if (holds_run(path) && holds_records(path)) {
    throw InputError(path,
                     "already holds a run; go on with it by --resume, or name another folder");
  }
  if (holds_figures(path)) {
    throw InputError(path,
                     "holds figures of latetime reproduce, whose report would be lost; name "
                     "another folder");
  }
  if (!holds_run(path)) refuse_all_but_empty(path);
  const RunDirectory directory(path, std::move(lock));
  try {
    directory.replace_table(columns, {});  // first: it marks the folder as begun by this program
    directory.write_config(config_toml);
  } catch (...) {
    directory.discard_unless_recorded();
    throw;
  }
  return directory;
}

RunDirectory RunDirectory::reopen(const std::string& path) {
  open(path);
  return RunDirectory(path, FolderLock::hold(path));
}

RunDirectory RunDirectory::open(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw InputError(path, "is not a folder; name the folder of a run");
  }
  if (!holds_run(path)) {
    throw InputError(path, "holds no run; name the folder that --out named");
  }
  return RunDirectory(path);
}

std::string RunDirectory::file(const std::string& name) const {
  return (fs::path(path_) / name).string();
}

std::string RunDirectory::config_text() const {
  return read_text(file(config_name));
}

void RunDirectory::require_lock() const {
  if (lock_) lock_->require_in_place();
}

void RunDirectory::write_config(const std::string& config_toml) const {
  require_lock();
  replace_file(file(config_name), config_toml);
}

void RunDirectory::append_row(const std::vector<std::string>& fields) const {
  require_lock();
  const std::string path = file(metrics_name);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) cannot_write(path);
  write_whole(descriptor, join(fields, ",") + "\n", path);
  if (::close(descriptor) != 0) cannot_write(path);
}

CsvTable RunDirectory::first_rows(std::size_t rows) const {
  CsvTable table = read_metrics(file(metrics_name));
  if (table.rows.size() < rows) {
    throw InputError(file(metrics_name),
                     fmt::format("has {} rows but result.h5 knows of {}; the folder was changed, "
                                 "start the run anew in another one",
                                 table.rows.size(), rows));
  }
  table.rows.resize(rows);
  return table;
}

void RunDirectory::keep_rows(std::size_t rows) const {
  const CsvTable table = first_rows(rows);
  std::vector<std::string> lines;
  for (const auto& row : table.rows) lines.push_back(join(row, ","));
  replace_table(table.columns, lines);
}

void RunDirectory::replace_table(const std::vector<std::string>& columns,
                                 const std::vector<std::string>& lines) const {
  require_lock();
  std::string text = join(columns, ",") + "\n";
  for (const std::string& line : lines) text += line + "\n";
  replace_file(file(metrics_name), text);
}

void RunDirectory::write_result(const std::function<void(Hdf5Writer&)>& fill) const {
  require_lock();
  const std::string path = file(result_name), temporary = path + ".partial";
  try {
    Hdf5Writer writer(temporary);
    fill(writer);
    writer.close();
    if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::shared_ptr<const ArrayReader> RunDirectory::read_result() const {
  const std::string path = file(result_name);
  std::error_code error;
  if (!fs::exists(path, error)) return nullptr;
  if (auto sealed = Hdf5Reader::open_sealed(path)) {
    return std::make_shared<Hdf5Reader>(std::move(*sealed));
  }
  return std::make_shared<ArrayArchive>(read_hdf5_archive(path));
}

std::size_t CsvTable::index_of(const std::string& column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end()) {
    throw InputError(path, fmt::format("has no column {}, the nearest is {}; it is damaged, or of "
                                       "another program: make it anew",
                                       column, nearest_name(column, columns)));
  }
  return static_cast<std::size_t>(found - columns.begin());
}

CsvTable read_metrics(const std::string& path) {
  std::string text = read_text(path);
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  std::istringstream lines(text);
  std::string line;
  CsvTable table{.path = path, .columns = {}, .rows = {}};
  if (!std::getline(lines, line))
    throw InputError(path, "is empty; going on with --resume makes it anew from result.h5");
  table.columns = split_at_commas(line);
  while (std::getline(lines, line)) {
    table.rows.push_back(split_at_commas(line));
    if (table.rows.back().size() != table.columns.size()) {
      table_is_damaged(table, fmt::format("row {} has {} fields, the header {}", table.rows.size(),
                                          table.rows.back().size(), table.columns.size()));
    }
  }
  require_sound_metrics(table);
  return table;
}

}  // namespace latetime
