#include "latetime/store/folder_lock.hpp"

#include <cerrno>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "latetime/base/run_failure.hpp"
#include "latetime/store/run_directory.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// Message of the refusal that another thread gets.
std::string refusal_elsewhere(const std::string& folder) {
  std::string message;
  std::thread([&] {
    try {
      FolderLock::hold(folder);
    } catch (const InputError& error) {
      message = error.what();
    }
  }).join();
  return message;
}

TEST(FolderLock, KeepsOthersOffAndNamesTheOwner) {
  const TemporaryFolder folder;
  const std::string out = folder / "a";
  auto lock = FolderLock::hold(out);
  EXPECT_EQ(FolderLock::hold(out), lock);  // this thread has it already
  EXPECT_EQ(FolderLock::hold(folder / "./a/"), lock);
  EXPECT_THAT(refusal_elsewhere(out),
              AllOf(HasSubstr(out), HasSubstr("is writing here"),
                    HasSubstr("process " + std::to_string(getpid())), HasSubstr("since ")));
  EXPECT_EQ(lock->weakness(), "");
  lock.reset();
  EXPECT_EQ(refusal_elsewhere(out), "");
}

TEST(FolderLock, LeavesNothingBehind) {
  const TemporaryFolder folder;
  FolderLock::hold(folder / "a/b/c");
  EXPECT_FALSE(fs::exists(folder / "a"));  // made, and nothing was put into it
  {
    const auto lock = FolderLock::hold(folder / "a/b");
    folder.write("a/b/x", "");
  }
  EXPECT_TRUE(fs::exists(folder / "a/b/x"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "a/b"), {}), 1);
}

TEST(FolderLock, DiesWithItsProcess) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    new std::shared_ptr<FolderLock>(FolderLock::hold(folder / "a"));
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(fs::exists(folder / "a/.latetime.lock"));
  EXPECT_NO_THROW(FolderLock::hold(folder / "a"));
  EXPECT_FALSE(fs::exists(folder / "a/.latetime.lock"));
}

TEST(FolderLock, NoticesThatItsFolderIsGone) {
  const TemporaryFolder folder;
  const std::string out = folder / "a";
  const auto lock = FolderLock::hold(out);
  EXPECT_NO_THROW(lock->require_in_place());
  fs::remove_all(out);
  EXPECT_THROW(lock->require_in_place(), RunFailure);
  fs::create_directory(out);
  folder.write("a/.latetime.lock", "of another");
  EXPECT_THROW(lock->require_in_place(), RunFailure);
}

TEST(FolderLock, RefusesWhatItCannotHold) {
  const TemporaryFolder folder;
  folder.write("file", "");
  EXPECT_THAT(error_of([&] { FolderLock::hold(folder / "file"); }), HasSubstr("is a file"));
  EXPECT_THAT(error_of([&] { FolderLock::hold(folder / "file/below"); }), HasSubstr("cannot be"));
  EXPECT_THAT(error_of([&] { FolderLock::hold(folder / "a\xff"); }),
              AllOf(HasSubstr("\\xff"), HasSubstr("UTF-8")));
  EXPECT_NO_THROW(FolderLock::hold(folder / "Größe"));
}

int no_locks(int /*descriptor*/) {
  errno = ENOLCK;
  return -1;
}

TEST(FolderLock, WithoutLocksTheOwnersNameCounts) {
  const TemporaryFolder folder;
  const std::string out = folder / "a";
  {
    const FolderLock lock(out, no_locks);
    EXPECT_THAT(lock.weakness(), HasSubstr("No locks available"));
    EXPECT_THAT(error_of([&] { FolderLock(out, no_locks); }), HasSubstr("is writing here"));
  }
  const pid_t child = fork();  // a writer that dies leaves its name
  if (child == 0) {
    new FolderLock(out, no_locks);
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(fs::exists(out + "/.latetime.lock"));
  EXPECT_NO_THROW(FolderLock(out, no_locks));
}

int interrupted_once(int descriptor) {
  static bool first = true;
  if (std::exchange(first, false)) {
    errno = EINTR;
    return -1;
  }
  return ::flock(descriptor, LOCK_EX | LOCK_NB);
}

TEST(FolderLock, ASignalDoesNotCountAsALack) {
  const TemporaryFolder folder;
  EXPECT_EQ(FolderLock(folder / "a", interrupted_once).weakness(), "");
}

}  // namespace
}  // namespace latetime
