#include "latetime/store/results_place.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/store/folder_kind.hpp"
#include "latetime/store/run_directory.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Names in a folder, hidden ones too.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ResultsPlace, FilesOfOthersAreNamedAndNothingIsWritten) {
  const TemporaryFolder folder;
  for (const char* name : {"d.txt", "a.txt", "c.txt", "b\n.txt", "results"})
    folder.write(name, "1");
  const auto before = names_in(folder.path());
  for (const auto& refused : {error_of([&] { FolderLock::hold(folder.path()); }), error_of([&] {
                                RunDirectory::create(folder.path(), "", {"log10_t"});
                              }),
                              error_of([&] { refuse_foreign_folder(folder.path()); })}) {
    EXPECT_THAT(refused, AllOf(HasSubstr("(a.txt, b?.txt, c.txt, ...)"), Not(HasSubstr("d.txt"))));
    EXPECT_THAT(refused, testing::EndsWith("such as " + folder / "results-2"));
  }
  EXPECT_EQ(names_in(folder.path()), before);
  EXPECT_NO_THROW(RunDirectory::create(folder / "results-2", "", {"log10_t"}));  // the mend
}

TEST(ResultsPlace, EveryKindOfEntryCounts) {
  for (const std::string kind : {"file", "hidden", "folder", "link"}) {
    const TemporaryFolder folder;
    if (kind == "file") folder.write("x", "1");
    if (kind == "hidden") folder.write(".bashrc", "1");
    if (kind == "folder") fs::create_directory(folder / "photos");
    if (kind == "link") fs::create_symlink("/nowhere", folder / "x");
    EXPECT_THAT(error_of([&] { refuse_foreign_folder(folder.path()); }),
                HasSubstr("holds other files"))
        << kind;
  }
}

TEST(ResultsPlace, WhatCarriesNothingIsPassedOver) {
  const TemporaryFolder folder;
  folder.write("log", "");
  folder.write(".gitignore", "*");
  folder.write("metrics.csv.partial", "log10");
  folder.write(".latetime.lock", "of a killed process");
  fs::create_directory(folder / "lost+found");
  EXPECT_NO_THROW(refuse_foreign_folder(folder.path()));
  EXPECT_NO_THROW(RunDirectory::create(folder.path(), "", {"log10_t"}));
  EXPECT_NO_THROW(refuse_foreign_folder(folder / "not-there"));
}

TEST(ResultsPlace, TablesOfOtherProgramsAreNoRuns) {
  const TemporaryFolder folder;
  for (const std::string table : {"epoch,loss\n0,0.5\n", "epoch,loss\n0,0.5\n1,0.4\n2,0.3\n"}) {
    folder.write("metrics.csv", table);
    EXPECT_FALSE(holds_run(folder.path()));
    EXPECT_THAT(error_of([&] { RunDirectory::create(folder.path(), "", {"log10_t"}); }),
                HasSubstr("(metrics.csv), and no run"));
    EXPECT_THAT(error_of([&] { RunDirectory::open(folder.path()); }), HasSubstr("holds no run"));
    EXPECT_EQ(bytes_of(folder / "metrics.csv"), table);
  }
}

TEST(ResultsPlace, RunsDoNotGoAmongFiguresNorFiguresAmongRuns) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "figure/fig4_runs");  // stopped before its table
  EXPECT_NO_THROW(FolderLock::hold(folder / "figure"));
  EXPECT_THAT(error_of([&] { RunDirectory::create(folder / "figure", "", {"log10_t"}); }),
              HasSubstr("holds figures"));
  RunDirectory::create(folder / "run", "", {"log10_t"});
  EXPECT_NO_THROW(FolderLock::hold(folder / "run"));
  EXPECT_THAT(error_of([&] { require_no_run(folder / "run"); }), HasSubstr("holds a run"));
  folder.write("fig1.pdf", "of a paper");
  EXPECT_THAT(error_of([&] { FolderLock::hold(folder.path()); }), HasSubstr("holds other files"));
}

}  // namespace
}  // namespace latetime
