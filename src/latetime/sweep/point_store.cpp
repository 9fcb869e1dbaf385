#include "latetime/sweep/point_store.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/store/folder_kind.hpp"

namespace latetime {
namespace {

constexpr double seconds_between_flushes = 0.5;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string path_in(const std::string& folder) {
  return (std::filesystem::path(folder) / points_name).string();
}

/// The key of a line of ours, which begins with it; empty for a header.
std::string key_of(std::string_view line) {
  constexpr std::string_view begin = "{\"key\":\"";
  if (!line.starts_with(begin)) return {};
  const std::size_t end = line.find('"', begin.size());
  return std::string(line.substr(begin.size(), end - begin.size()));
}

}  // namespace

struct PointStore::File {
  std::string path;
  int descriptor = -1;
  std::size_t size = 0;                         // of what was read or added
  std::vector<std::vector<std::string>> names;  // of its headers

  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

bool holds_points(const std::string& folder) {
  std::error_code error;
  return std::filesystem::is_regular_file(path_in(folder), error);
}

PointStore::PointStore() = default;

PointStore::PointStore(const std::string& folder) {
  auto file = std::make_unique<File>();
  file->path = path_in(folder);
  file->descriptor = ::open(file->path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file->descriptor < 0) {
    throw InputError(file->path, fmt::format("cannot be written ({}); choose a folder that you may "
                                             "write to",
                                             std::strerror(errno)));
  }
  own_ = file.get();
  files_.push_back(std::move(file));
  File& own = *own_;
  read(own);
  // What a kill or a loss of power cut off goes, so that the next line begins a line.
  if (::ftruncate(own.descriptor, static_cast<off_t>(own.size)) != 0) {
    throw InputError(own.path, "cannot be written; choose a folder that you may write to");
  }
}

PointStore::~PointStore() {
  flush();
}

void PointStore::include(const std::string& folder) {
  auto file = std::make_unique<File>();
  file->path = path_in(folder);
  file->descriptor = ::open(file->path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file->descriptor < 0) {
    throw InputError(folder, fmt::format("holds no points ({}); name a folder of latetime sweep",
                                         std::strerror(errno)));
  }
  const std::lock_guard lock(mutex_);
  files_.push_back(std::move(file));
  read(*files_.back());
}

void PointStore::read(File& file) {
  constexpr std::size_t chunk = std::size_t{1} << 20;
  std::string text;  // from `file.size` on
  std::size_t begin = 0;
  for (;;) {
    const std::size_t old = text.size();
    text.resize(old + chunk);
    const ssize_t got =
        ::pread(file.descriptor, text.data() + old, chunk, static_cast<off_t>(file.size + old));
    if (got < 0) {
      throw InputError(file.path,
                       fmt::format("cannot be read ({}); see to the disk", std::strerror(errno)));
    }
    text.resize(old + static_cast<std::size_t>(got));
    for (std::size_t end = text.find('\n', std::max(begin, old)); end != std::string::npos;
         end = text.find('\n', begin)) {
      const std::string line = text.substr(begin, end - begin);
      const std::string key = key_of(line);
      if (!is_sound(line)) {
        ++damaged_;
      } else if (key.empty()) {
        file.names.push_back(names_of_header(line));
      } else if (!file.names.empty()) {
        // The later line of a point knows more; one of this folder goes before those of others.
        const auto place = places_.find(key);
        if (place == places_.end() || place->second.file == &file) {
          places_[key] = {&file, file.size + begin, line.size(), file.names.size() - 1};
        }
      }
      begin = end + 1;
    }
    file.size += begin;
    text.erase(0, begin);
    begin = 0;
    if (got == 0) break;
  }
  if (!text.empty()) ++damaged_;
}

std::string PointStore::line_at(const Place& place) const {
  std::string line(place.length, '\0');
  const ssize_t got =
      ::pread(place.file->descriptor, line.data(), line.size(), static_cast<off_t>(place.offset));
  if (got != static_cast<ssize_t>(line.size())) {
    throw RunFailure(fmt::format("{}: cannot be read any more; was it changed?", place.file->path));
  }
  return line;
}

std::optional<PointRecord> PointStore::find(const std::string& key,
                                            const WantedQuantities& wanted) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  const Place& place = found->second;
  ReadRecord read = record_of_line(line_at(place), place.file->names[place.names]);
  if (!read.found || !read.complete) return std::nullopt;
  const PointRecord& record = read.record;
  const auto has_all = [&](const std::vector<std::string>& names) {
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& name) { return record.extras.count(name) > 0; });
  };
  // Where there was no run, there is nothing more to be had.
  const bool no_run = record.outcome == "refused" || record.outcome == "failed";
  const bool has_extras =
      has_all(wanted.claims) && has_all(wanted.proofs) && has_all(wanted.arrays);
  if (!no_run && !has_extras) return std::nullopt;
  return std::move(read.record);
}

void PointStore::append(const std::string& line) {
  File& file = *own_;
  const std::string text = line + "\n";
  const ssize_t written =
      ::pwrite(file.descriptor, text.data(), text.size(), static_cast<off_t>(file.size));
  if (written != static_cast<ssize_t>(text.size())) {
    const std::string cause = written < 0 ? std::strerror(errno) : "no room is left";
    [[maybe_unused]] const int cut = ::ftruncate(file.descriptor, static_cast<off_t>(file.size));
    throw RunFailure(
        fmt::format("{}: cannot take in another point ({}); make room, then go on by "
                    "--resume (points that are there are kept)",
                    file.path, cause));
  }
  file.size += text.size();
}

void PointStore::add_line(const std::string& line) {
  const std::string key = key_of(line);
  if (key.empty() || !is_sound(line)) {
    throw std::invalid_argument("PointStore: what is to be added is no line of a point");
  }
  if (!own_) throw std::logic_error("PointStore: there is no folder to add to");
  const std::lock_guard lock(mutex_);
  File& file = *own_;
  const std::string header = header_line();
  const std::vector<std::string> names = names_of_header(header);
  if (file.names.empty() || file.names.back() != names) {
    append(header);
    file.names.push_back(names);
  }
  const std::size_t offset = file.size;
  append(line);
  places_[key] = {&file, offset, line.size(), file.names.size() - 1};
  if (now() - last_flush_ < seconds_between_flushes) return;
  ::fdatasync(file.descriptor);
  last_flush_ = now();
}

void PointStore::add(const PointRecord& record) {
  add_line(to_line(record));
}

void PointStore::take_over() {
  std::vector<std::string> keys;
  for (const auto& [key, place] : places_) {
    if (place.file != own_) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : keys) {
    const Place place = places_.at(key);
    const ReadRecord read = record_of_line(line_at(place), place.file->names[place.names]);
    if (read.found && read.complete) add(read.record);
  }
  flush();
}

std::size_t PointStore::size() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

void PointStore::flush() {
  if (own_) ::fdatasync(own_->descriptor);
}

}  // namespace latetime
