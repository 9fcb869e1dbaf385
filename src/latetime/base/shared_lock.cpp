#include "latetime/base/shared_lock.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

bool locking_is_off() {
  const char* wish = std::getenv("HDF5_USE_FILE_LOCKING");
  return wish && (std::string_view(wish) == "FALSE" || std::string_view(wish) == "0");
}

/// "python3, process 123" of the process that holds a lock (flock) of this file; empty when the
/// system does not say.
std::string holder_of(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return {};
  std::array<char, 64> wanted{};
  std::snprintf(wanted.data(), wanted.size(), "%02x:%02x:%lu", major(status.st_dev),
                minor(status.st_dev), static_cast<unsigned long>(status.st_ino));
  std::ifstream locks("/proc/locks");
  std::string number, kind, mode, access, process, file, rest;
  while (locks >> number >> kind >> mode >> access >> process >> file &&
         std::getline(locks, rest)) {
    if (kind != "FLOCK" || file != wanted.data()) continue;
    std::string program;
    std::getline(std::ifstream("/proc/" + process + "/comm"), program);
    return program.empty() ? "process " + process : program + ", process " + process;
  }
  return {};
}

}  // namespace

SharedLock::SharedLock(const std::string& path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) {
    throw InputError(
        path, std::string("cannot be read (") + std::strerror(errno) + "); check its permissions");
  }
  if (locking_is_off()) return;
  int failed = 0;
  do {
    failed = ::flock(descriptor_, LOCK_SH | LOCK_NB);
  } while (failed != 0 && errno == EINTR);
  if (failed == 0 || errno != EWOULDBLOCK) return;  // locked, or no locks here
  const std::string holder = holder_of(descriptor_);
  ::close(descriptor_);
  throw InputError(path, "is locked by another program" +
                             (holder.empty() ? "" : " (" + holder + ")") +
                             " that may be writing to it; close it there (or, when it is sure to "
                             "be whole, set HDF5_USE_FILE_LOCKING=FALSE)");
}

SharedLock::~SharedLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

SharedLock::SharedLock(SharedLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

SharedLock& SharedLock::operator=(SharedLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace latetime
