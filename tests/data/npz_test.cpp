#include "latetime/data/npz.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "latetime/data/array_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::size_t> shape_of_two{2};
const std::vector<double> one_two{1.0, 2.0};

/// A ZIP archive of the given members, written with libzip alone.
void write_zip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& all,
               zip_int32_t method) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, bytes] : all) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    ASSERT_GE(index, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

TEST(Npz, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::string path = folder.file("file.npz");
  NpzWriter writer(path);
  writer.add("x", std::vector<std::size_t>{1, 2}, one_two);
  writer.add("steps", shape_of_two, std::vector<std::int64_t>{-5, 7});
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.close();
  EXPECT_THAT(read_array(path + ":x").shape, ElementsAre(1, 2));
  EXPECT_THAT(read_array(path + ":x").values, ElementsAre(1.0, 2.0));
  EXPECT_THAT(read_array(path + ":steps").values, ElementsAre(-5.0, 7.0));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(Npz, EqualArraysGiveEqualFiles) {
  const TemporaryFolder folder;
  for (const char* name : {"a.npz", "b.npz"}) {
    NpzWriter writer(folder.file(name));
    writer.add("x", shape_of_two, one_two);
    writer.close();
  }
  EXPECT_EQ(bytes_of(folder.file("a.npz")), bytes_of(folder.file("b.npz")));
}

TEST(Npz, DeflatesAndKeepsTheOldFileUntilClose) {
  const TemporaryFolder folder;
  const std::string path = folder.write("file.npz", "old");
  const std::vector<double> zeros(100'000, 0.0);
  NpzWriter writer(path);
  writer.add("x", std::vector<std::size_t>{zeros.size()}, zeros);
  EXPECT_EQ(bytes_of(path), "old");
  writer.close();
  EXPECT_LT(bytes_of(path).size(), 8 * zeros.size() / 100);
  EXPECT_EQ(read_array(path).values, zeros);
}

TEST(Npz, ReadsStoredAndDeflatedMembers) {
  const TemporaryFolder folder;
  const std::string array = npy_bytes(shape_of_two, one_two);
  for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const std::string path = folder.file("file.npz");
    write_zip(path, {{"x.npy", array}}, method);
    EXPECT_THAT(read_array(path).values, ElementsAre(1.0, 2.0));
  }
}

TEST(Npz, ListsTheArraysWhenTheNameIsMissingOrWrong) {
  const TemporaryFolder folder;
  const std::string path = folder.file("file.npz"), array = npy_bytes(shape_of_two, one_two);
  write_zip(path, {{"x.npy", array}, {"y.npy", array}}, ZIP_CM_STORE);
  EXPECT_THAT(error_of([&] { read_array(path); }), AllOf(HasSubstr("2 arrays"), HasSubstr("x, y")));
  EXPECT_THAT(error_of([&] { read_array(path + ":z"); }),
              AllOf(HasSubstr("no array 'z'"), HasSubstr("x, y")));
  EXPECT_THAT(error_of([&] { read_array(path + ":"); }), HasSubstr("no name after the colon"));
}

TEST(Npz, RefusesMembersThatAreNoArrays) {
  const TemporaryFolder folder;
  const std::string path = folder.file("file.npz");
  write_zip(path, {{"readme.txt", "hello, this is text"}}, ZIP_CM_STORE);
  EXPECT_THAT(error_of([&] { read_array(path); }),
              HasSubstr("file.npz:readme.txt: not an NPY file"));
}

TEST(Npz, RefusesWhatIsNoArchive) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { read_array(folder.write("file.npz", "not a zip")); }),
              HasSubstr("not an NPZ archive"));
}

TEST(Npz, NoticesAFlippedBitInAStoredArray) {
  const TemporaryFolder folder;
  const std::string path = folder.file("file.npz"), array = npy_bytes(shape_of_two, one_two);
  write_zip(path, {{"x.npy", array}}, ZIP_CM_STORE);
  std::string bytes = bytes_of(path);
  const std::size_t place = bytes.find(array) + array.size() - 3;  // in the number 2.0
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  EXPECT_THAT(error_of([&] { read_array(folder.write("file.npz", bytes)); }), HasSubstr("damaged"));
}

TEST(Npz, ChecksWhatItWrites) {
  const TemporaryFolder folder;
  NpzWriter writer("/nonexistent/file.npz");
  EXPECT_THROW(writer.close(), std::logic_error);
  writer.add("x", shape_of_two, one_two);
  EXPECT_THROW(writer.add("x", shape_of_two, one_two), std::invalid_argument);
  EXPECT_THROW(writer.add("", shape_of_two, one_two), std::invalid_argument);
  EXPECT_THROW(writer.add("y", std::vector<std::size_t>{3}, one_two), std::invalid_argument);
  EXPECT_THAT(error_of([&] { writer.close(); }),
              HasSubstr("/nonexistent/file.npz: cannot be written"));
}

}  // namespace
}  // namespace latetime
