#include "latetime/data/array_file.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/hdf5_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const std::string& reference) {
  return error_of([&] { read_array(reference); });
}

TEST(ArrayFile, RefusesWhatIsNoFileOfAKnownKind) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("folder.npy"));
  for (const char* name : {"missing.npy", "missing.npz", "missing.h5", "missing.csv"}) {
    EXPECT_THAT(refusal(folder.file(name)),
                AllOf(StartsWith(folder.file(name)), HasSubstr("no such file")));
  }
  for (const char* name : {"empty.npy", "empty.npz", "empty.h5", "empty.hdf5", "empty.csv"}) {
    EXPECT_THAT(refusal(folder.write(name, "")), HasSubstr("empty"));
  }
  EXPECT_THAT(refusal(folder.file("folder.npy")), HasSubstr("is a folder"));
  EXPECT_THAT(refusal(folder.write("x.dat", "abc")),
              AllOf(HasSubstr("unknown kind of file"), HasSubstr(".npy"), HasSubstr(".csv")));
  for (const char* name : {"x.pkl", "x.XLSX", "x.json", "x.pt", "x.feather"}) {
    EXPECT_THAT(refusal(folder.write(name, "abc")), HasSubstr("in Python, numpy.save(\"X.npy\", "));
  }
  std::filesystem::create_directory(folder.file("folder"));
  EXPECT_THAT(refusal(folder.file("folder")), HasSubstr("is a folder"));
  EXPECT_THAT(refusal(folder.file("x")), HasSubstr("no such file"));
  EXPECT_THAT(refusal(""), HasSubstr("unknown kind of file"));
  EXPECT_THAT(refusal(folder.write("x.npy", "abc") + ":x"), HasSubstr("unknown kind of file"));
}

TEST(ArrayFile, TakesExtensionsInAnyCase) {
  const TemporaryFolder folder;
  EXPECT_THAT(read_array(folder.write("X.CSV", "1,2\n")).values, ElementsAre(1, 2));
}

TEST(ArrayFile, ReadsDatasetsOfHdf5) {
  const TemporaryFolder folder;
  for (const char* name : {"file.h5", "file.hdf5"}) {
    const std::string path = folder.file(name);
    Hdf5Writer writer(path);
    writer.write("/group/x", {2, 2}, std::vector<double>{1, 2, 3, 4});
    writer.write("/note", "text is no array");
    writer.close();
    EXPECT_THAT(read_array(path).values, ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(read_array(path + ":/group/x").shape, ElementsAre(2, 2));
    EXPECT_THAT(read_array(path + ":group/x").shape, ElementsAre(2, 2));
    EXPECT_THAT(refusal(path + ":/y"), AllOf(HasSubstr("no dataset /y"), HasSubstr("/group/x")));
    EXPECT_THAT(refusal(path + ":/note"), HasSubstr("does not hold floats"));
    EXPECT_THAT(refusal(path + ":/group"), HasSubstr("no readable dataset /group"));
  }
}

TEST(ArrayFile, AsksForANameWhereHdf5HoldsSeveral) {
  const TemporaryFolder folder;
  const std::string path = folder.file("file.h5");
  Hdf5Writer writer(path);
  writer.write("/a", {1}, std::vector<double>{1});
  writer.write("/b", {1}, std::vector<std::int64_t>{2});
  writer.close();
  EXPECT_THAT(refusal(path), AllOf(HasSubstr("holds 2 datasets"), HasSubstr("/a, /b")));
}

TEST(ArrayFile, ReadsMatricesAndVectors) {
  const TemporaryFolder folder;
  const std::string matrix = folder.write("m.csv", "1,2,3\n4,5,6\n");
  EXPECT_EQ(read_matrix(matrix)(1, 0), 4.0);
  EXPECT_EQ(read_vector(folder.write("column.csv", "1\n2\n")), Vector(Eigen::Vector2d(1, 2)));
  EXPECT_EQ(read_vector(folder.write("row.csv", "1,2\n")), Vector(Eigen::Vector2d(1, 2)));
  EXPECT_THAT(error_of([&] { read_vector(matrix); }), HasSubstr("has shape (2, 3)"));
  const std::string flat = folder.file("flat.npy");
  write_npy(flat, std::vector<std::size_t>{3}, std::vector<double>{1, 2, 3});
  EXPECT_EQ(read_vector(flat).size(), 3);
  EXPECT_THAT(error_of([&] { read_matrix(flat); }), HasSubstr("has shape (3,)"));
  const std::string single = folder.file("single.npy");
  write_npy(single, {}, std::vector<double>{1});
  EXPECT_THAT(error_of([&] { read_vector(single); }), HasSubstr("has shape ()"));
}

TEST(ArrayFile, AMissingFileIsMissingWhateverItsEnding) {
  for (const std::string name :
       {"/nowhere/a9a", "/nowhere/X", "/nowhere/X.npy", "/nowhere/X.xlsx"}) {
    EXPECT_THAT(error_of([&] { read_array(name); }), testing::HasSubstr("no such file")) << name;
  }
}

TEST(ArrayFile, ImagesSayHowTheyBecomeRows) {
  EXPECT_THAT(
      error_of([] {
        require_matrix({20, 28, 28}, "X.npy");
      }),
      testing::HasSubstr("(20, 28, 28); a matrix needs two dimensions, one sample a row: save "
                         "X.reshape(len(X), -1)"));
  EXPECT_THAT(error_of([] { require_matrix({20}, "X.npy"); }),
              testing::Not(testing::HasSubstr("reshape")));
}

}  // namespace
}  // namespace latetime
