#include "latetime/store/results_place.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/text.hpp"
#include "latetime/store/folder_kind.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 10> passed_over{
    ".latetime.lock", "metrics.csv.partial", "config.toml.partial", "result.h5.partial",
    ".gitignore",     ".directory",          ".DS_Store",           "desktop.ini",
    "Thumbs.db",      "lost+found"};

/// Whether what stands there is what this process prints into: `--out DIR > DIR/log`.
bool is_printed_into(const struct stat& there) {
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat ours {};
    if (::fstat(stream, &ours) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) {
      return true;
    }
  }
  return false;
}

bool carries_nothing(const fs::path& path) {
  const std::string name = path.filename().string();
  if (std::find(passed_over.begin(), passed_over.end(), name) != passed_over.end()) return true;
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) return true;  // gone meanwhile
  return S_ISREG(there.st_mode) && (there.st_size == 0 || is_printed_into(there));
}

/// Names of what carries something: the first ones of the alphabet, and "..." for more.
std::string contents(const std::string& folder) {
  constexpr std::size_t most_read = 1000, most_shown = 3;
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);  // none where it may not be read
  for (; !error && entry != fs::directory_iterator() && names.size() < most_read;
       entry.increment(error)) {
    if (!carries_nothing(entry->path())) names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  const bool more = names.size() > most_shown;
  if (more) names.resize(most_shown);
  for (std::string& name : names) {
    if (!is_utf8(name)) name = "a name that is not UTF-8";
    std::replace_if(
        name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  }
  return join(names) + (more ? ", ..." : "");
}

/// A folder below that is not there yet.
std::string free_place(const fs::path& folder) {
  for (int number = 1;; ++number) {
    const fs::path place = folder / (number == 1 ? "results" : fmt::format("results-{}", number));
    std::error_code error;
    if (!fs::exists(place, error)) return place.string();
  }
}

}  // namespace

void make_results_folder(const std::string& path) {
  std::error_code error;
  const fs::file_status there = fs::status(path, error);
  if (fs::exists(there) && !fs::is_directory(there)) {
    throw InputError(path, "is a file; name a folder for the results");
  }
  fs::create_directories(path, error);
  if (error) {
    const bool too_long = error == std::errc::filename_too_long;
    throw InputError(path, fmt::format("cannot be made ({}); {}", error.message(),
                                       too_long ? "choose a shorter name"
                                                : "choose a folder that you may write to"));
  }
}

void refuse_all_but_empty(const std::string& folder) {
  const std::string names = contents(folder);
  if (names.empty()) return;
  throw InputError(folder,
                   fmt::format("holds other files ({}), and no run; results go into a folder of "
                               "their own, such as {}",
                               names, shell_word(free_place(folder))));
}

void refuse_foreign_folder(const std::string& folder) {
  if (holds_run(folder) || holds_figures(folder) || holds_sweep(folder)) return;
  refuse_all_but_empty(folder);
}

void refuse_foreign_file(const std::string& path, const std::string& what,
                         const std::function<bool(const std::string& path)>& is_ours) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return;  // nothing to lose; writing says what is wrong
  if (S_ISDIR(there.st_mode)) {
    throw InputError(path, fmt::format("is a folder; name a file for {}", what));
  }
  if (S_ISREG(there.st_mode) && (there.st_size == 0 || is_ours(path))) return;
  throw InputError(path, fmt::format("is there already, and not {} made by latetime; name another "
                                     "file, or remove it first",
                                     what));
}

}  // namespace latetime
