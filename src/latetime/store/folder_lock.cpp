#include "latetime/store/folder_lock.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/store/results_place.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

constexpr const char* lock_name = ".latetime.lock";

int lock_by_flock(int descriptor) {
  return ::flock(descriptor, LOCK_EX | LOCK_NB);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "an unknown machine";
}

/// Printable, on one line, not too long to be quoted.
std::string quotable(std::string text) {
  constexpr std::size_t longest = 160;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > longest) text = text.substr(0, longest) + "...";
  return is_utf8(text) ? text : "another command";
}

/// The command line of this process.
std::string own_command() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string words{std::istreambuf_iterator<char>(file), {}};
  while (!words.empty() && words.back() == '\0') words.pop_back();
  return words.empty() ? "latetime" : words;
}

/// Clock ticks since the machine's start at which a process began, which tells it from a later one
/// of the same number; empty when there is no such process.
std::string start_of_process(long process) {
  std::string line;
  std::getline(std::ifstream(fmt::format("/proc/{}/stat", process)), line);
  const auto name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  constexpr int start_time = 20;  // counted from the field after the name
  for (int i = 0; i < start_time; ++i) fields >> field;
  return field;
}

/// What the lock file says of who holds it.
struct Owner {
  std::string command, host, since, start;
  long process = 0;

  bool known() const { return process > 0; }
  /// Whether it is a process of this machine that still runs.
  bool runs_here() const {
    return known() && host == host_name() && !start.empty() && start_of_process(process) == start;
  }
};

Owner read_owner(const std::string& path) {
  std::ifstream file(path);
  Owner owner;
  std::string process;
  std::getline(file, owner.command);
  std::getline(file, process);
  std::getline(file, owner.host);
  std::getline(file, owner.since);
  std::getline(file, owner.start);
  owner.process = std::strtol(process.c_str(), nullptr, 10);
  return owner;
}

[[noreturn]] void refuse(const std::string& folder, const Owner& owner) {
  const std::string who =
      owner.known() ? fmt::format("\"{}\" (process {} on {}, since {})", quotable(owner.command),
                                  owner.process, quotable(owner.host), quotable(owner.since))
                    : std::string("another process");
  throw InputError(folder, fmt::format("{} is writing here; wait until it has ended, or stop it, "
                                       "or name another folder",
                                       who));
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Locks that threads of this process hold, by the folder's canonical path.
struct Held {
  std::weak_ptr<FolderLock> lock;
  std::thread::id thread;
};
std::mutex registry_mutex;
std::map<std::string, Held>& registry() {
  static auto* held = new std::map<std::string, Held>;  // outlives every lock
  return *held;
}

}  // namespace

void require_utf8_name(const std::string& path) {
  if (is_utf8(path)) return;
  std::string shown;
  for (const char c : path) {
    shown += is_utf8(std::string(1, c)) ? std::string(1, c)
                                        : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  throw InputError(shown,
                   "the folder's name is not UTF-8, as reports and configurations are; name "
                   "another folder");
}

std::shared_ptr<FolderLock> FolderLock::hold(const std::string& folder) {
  const std::lock_guard guard(registry_mutex);
  const auto canonical = [&] {
    std::error_code error;
    const fs::path path = fs::weakly_canonical(folder, error);
    return error ? folder : path.string();
  };
  const auto place = registry().find(canonical());
  if (place != registry().end() && place->second.thread == std::this_thread::get_id()) {
    if (auto lock = place->second.lock.lock()) return lock;
  }
  auto lock = std::make_shared<FolderLock>(folder, lock_by_flock);
  registry()[canonical()] = {lock, std::this_thread::get_id()};
  return lock;
}

FolderLock::FolderLock(std::string folder, LockCall lock_call)
    : folder_(std::move(folder)),
      path_((fs::path(folder_) / lock_name).string()),
      process_(::getpid()) {
  if (folder_.empty()) throw InputError("folder", "has an empty name; name one for the results");
  require_utf8_name(folder_);
  refuse_foreign_folder(folder_);
  try {
    make_folder();
    acquire(lock_call);
    write_owner();
  } catch (...) {
    clean_up();
    throw;
  }
}

FolderLock::~FolderLock() {
  if (::getpid() != process_) {
    if (descriptor_ >= 0) ::close(descriptor_);
    return;
  }
  clean_up();
}

void FolderLock::clean_up() {
  // Removed while it is held, so that nobody can hold a file that is gone.
  if (descriptor_ >= 0) {
    if (is_in_place()) ::unlink(path_.c_str());
    ::close(descriptor_);
    descriptor_ = -1;
  }
  for (const std::string& folder : made_) {
    const bool was_made = ::rmdir(folder.c_str()) == 0;
    if (!was_made && errno != ENOENT && errno != ENAMETOOLONG) break;
  }
}

void FolderLock::make_folder() {
  std::error_code error;
  for (fs::path path = fs::absolute(folder_, error).lexically_normal();
       !error && path.has_relative_path() && !fs::exists(path, error);) {
    if (path.has_filename()) made_.push_back(path.string());
    path = path.parent_path();
  }
  make_results_folder(folder_);
}

void FolderLock::acquire(LockCall lock_call) {
  while (true) {
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      throw InputError(folder_,
                       fmt::format("cannot be written ({}); choose a folder that you may write to",
                                   std::strerror(errno)));
    }
    int failed = 0;
    do {
      failed = lock_call(descriptor);
    } while (failed != 0 && errno == EINTR);
    const int cause = failed ? errno : 0;
    const bool taken = cause == EWOULDBLOCK;
    const Owner owner = cause != 0 ? read_owner(path_) : Owner{};
    if (taken || (cause != 0 && owner.runs_here())) {
      ::close(descriptor);
      refuse(folder_, owner);
    }
    descriptor_ = descriptor;
    if (cause != 0) {
      weakness_ = fmt::format(
          "files cannot be locked here ({}): writers on other machines are not kept off",
          std::strerror(cause));
    }
    if (is_in_place()) return;
    ::close(descriptor_);  // its last owner removed it meanwhile
    descriptor_ = -1;
  }
}

void FolderLock::write_owner() const {
  const std::time_t now = std::time(nullptr);
  const std::string text =
      fmt::format("{}\n{}\n{}\n{:%F %T}\n{}\n", quotable(own_command()), ::getpid(), host_name(),
                  fmt::localtime(now), start_of_process(::getpid()));
  // Only for messages (and where nothing locks): a full disk must not be the end of it.
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return;
  }
}

bool FolderLock::is_in_place() const {
  struct stat ours {
  }, there{};
  return ::fstat(descriptor_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         same_file(ours, there);
}

void FolderLock::require_in_place() const {
  if (is_in_place()) return;
  throw RunFailure(folder_ +
                   ": was removed or replaced while it was written to; start again, and leave the "
                   "folder alone meanwhile");
}

}  // namespace latetime
