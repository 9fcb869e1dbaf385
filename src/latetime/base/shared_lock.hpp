#pragma once

#include <string>

namespace latetime {

/// A shared lock (flock) of a file that is read, so that programs that lock what they write keep
/// off, as the HDF5 library itself does. Where the file system knows no locks, and where the
/// environment says HDF5_USE_FILE_LOCKING=FALSE, there is none, and reading goes on.
class SharedLock {
 public:
  SharedLock() = default;
  /// Throws InputError when another program holds the file locked for writing.
  explicit SharedLock(const std::string& path);
  ~SharedLock();
  SharedLock(SharedLock&& other) noexcept;
  SharedLock& operator=(SharedLock&& other) noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace latetime
