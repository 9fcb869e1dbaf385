#include "latetime/store/run_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

constexpr const char* metrics_name = "metrics.csv";
constexpr const char* config_name = "config.toml";
constexpr const char* result_name = "result.h5";

[[noreturn]] void cannot_write(const std::string& path) {
  throw InputError(path,
                   fmt::format("cannot be written ({}); choose a folder that you may write to",
                               std::strerror(errno)));
}

void write_whole(int descriptor, const std::string& text, const std::string& path) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0) {
      if (errno == EINTR) continue;
      ::close(descriptor);
      cannot_write(path);
    }
    done += static_cast<std::size_t>(written);
  }
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path, "cannot be read; name the folder of a run");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

void replace_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".partial";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) cannot_write(path);
  write_whole(descriptor, text, path);
  if (::close(descriptor) != 0) cannot_write(path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
}

bool RunDirectory::holds_run(const std::string& path) {
  return fs::exists(fs::path(path) / metrics_name) || fs::exists(fs::path(path) / config_name);
}

void make_results_folder(const std::string& path) {
  if (fs::exists(path) && !fs::is_directory(path)) {
    throw InputError(path, "is a file; name a folder for the results");
  }
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    throw InputError(path, fmt::format("cannot be made ({}); choose a folder that you may write to",
                                       error.message()));
  }
}

std::vector<std::string> paper_figures_in(const std::string& folder) {
  std::vector<std::string> figures;
  for (const char* figure : {"fig1", "fig2", "fig3", "fig4", "fig5"}) {
    if (fs::exists(fs::path(folder) / (std::string(figure) + ".csv"))) figures.push_back(figure);
  }
  return figures;
}

void require_no_run(const std::string& folder) {
  if (RunDirectory::holds_run(folder)) {
    throw InputError(folder, "holds a run, whose report would be lost; name another folder");
  }
}

RunDirectory RunDirectory::create(const std::string& path, const std::string& config_toml,
                                  const std::vector<std::string>& columns) {
  if (holds_run(path)) {
    throw InputError(path,
                     "already holds a run; go on with it by --resume, or name another folder");
  }
  if (!paper_figures_in(path).empty()) {
    throw InputError(path,
                     "holds figures of latetime reproduce, whose report would be lost; name "
                     "another folder");
  }
  make_results_folder(path);
  RunDirectory directory(path);
  directory.write_config(config_toml);
  replace_file(directory.file(metrics_name), join(columns, ",") + "\n");
  return directory;
}

RunDirectory RunDirectory::open(const std::string& path) {
  if (!fs::is_directory(path)) throw InputError(path, "is not a folder; name the folder of a run");
  if (!holds_run(path)) {
    throw InputError(path, "holds no run (no metrics.csv); name the folder that --out named");
  }
  return RunDirectory(path);
}

std::string RunDirectory::file(const std::string& name) const {
  return (fs::path(path_) / name).string();
}

std::string RunDirectory::config_text() const {
  return read_text(file(config_name));
}

void RunDirectory::write_config(const std::string& config_toml) const {
  replace_file(file(config_name), config_toml);
}

void RunDirectory::append_row(const std::vector<std::string>& fields) const {
  const std::string path = file(metrics_name);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) cannot_write(path);
  write_whole(descriptor, join(fields, ",") + "\n", path);
  if (::close(descriptor) != 0) cannot_write(path);
}

void RunDirectory::keep_rows(std::size_t rows) const {
  const CsvTable table = read_metrics(file(metrics_name));
  if (table.rows.size() < rows) {
    throw InputError(file(metrics_name),
                     fmt::format("has {} rows but result.h5 knows of {}; the folder was changed, "
                                 "start the run anew in another one",
                                 table.rows.size(), rows));
  }
  std::string text = join(table.columns, ",") + "\n";
  for (std::size_t row = 0; row < rows; ++row) text += join(table.rows[row], ",") + "\n";
  replace_file(file(metrics_name), text);
}

void RunDirectory::write_result(const std::function<void(Hdf5Writer&)>& fill) const {
  const std::string path = file(result_name), temporary = path + ".partial";
  {
    Hdf5Writer writer(temporary);
    fill(writer);
    writer.close();
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
}

std::optional<Hdf5Reader> RunDirectory::read_result() const {
  if (!fs::exists(file(result_name))) return std::nullopt;
  return Hdf5Reader(file(result_name));
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
  if (!std::getline(lines, line)) throw InputError(path, "is empty; start the run anew");
  table.columns = split(line);
  while (std::getline(lines, line)) {
    table.rows.push_back(split(line));
    if (table.rows.back().size() != table.columns.size()) {
      throw InputError(path, fmt::format("row {} has {} fields, the header {}", table.rows.size(),
                                         table.rows.back().size(), table.columns.size()));
    }
  }
  return table;
}

}  // namespace latetime
