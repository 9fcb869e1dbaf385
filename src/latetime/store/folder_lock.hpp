#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace latetime {

/// The right to write into a results folder: one process, and in it one thread, has it at a time.
///
/// It is an advisory lock (flock) of the file `.latetime.lock` in the folder, which the system
/// gives back when the process ends in any way, SIGKILL included; the file names the owner and goes
/// when the lock does. Readers need no lock, because files are replaced by renaming.
///
/// Where the file system knows no locks (some network file systems), the file's text alone keeps
/// writers of the same machine apart, and `weakness()` says so.
class FolderLock {
 public:
  /// The lock of `folder`, which is made when it is missing. The thread that holds it already gets
  /// the same one again. Throws InputError: another process writes there (who, since when), the
  /// folder cannot be made or written to, its name is not UTF-8, or it holds files of others.
  static std::shared_ptr<FolderLock> hold(const std::string& folder);

  /// What locks an open file: flock(descriptor, LOCK_EX | LOCK_NB), or a test's stand-in.
  using LockCall = int (*)(int descriptor);
  FolderLock(std::string folder, LockCall lock_call);

  /// Gives the lock back. Folders that it made go again if nothing was put into them.
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Empty, or why the system cannot lock here, in one line.
  const std::string& weakness() const { return weakness_; }

  /// Throws RunFailure when the folder was removed or replaced since: what is written from now on
  /// would be lost, or mixed with the results of another run.
  void require_in_place() const;

 private:
  void make_folder();
  void acquire(LockCall lock_call);
  void clean_up();
  void write_owner() const;
  bool is_in_place() const;

  std::string folder_, path_;
  std::vector<std::string> made_;  // folders, the innermost first
  int descriptor_ = -1;
  pid_t process_;  // a fork's copy of this object owns nothing
  std::string weakness_;
};

/// Throws InputError when this name of a results folder is not UTF-8, which reports and
/// configurations are.
void require_utf8_name(const std::string& path);

}  // namespace latetime
