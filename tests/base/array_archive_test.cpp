#include "latetime/base/array_archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::ElementsAre;

/// One entry of each type.
void fill(ArrayWriter& writer) {
  const std::vector<double> doubles{1.5, -0.0, 1e300, 4, 5, 6};
  const std::vector<std::int64_t> whole{-3, 4};
  const std::vector<std::uint64_t> natural{std::uint64_t{1} << 63};
  const std::vector<std::uint8_t> bytes{0, 255};
  const std::vector<std::string> texts{"flow", "", "coefficient"};
  writer.write("/a/doubles", {2, 3}, std::span<const double>(doubles));
  writer.write("/a/whole", {2}, std::span<const std::int64_t>(whole));
  writer.write("/natural", {}, std::span<const std::uint64_t>(natural));
  writer.write("/bytes", {2}, std::span<const std::uint8_t>(bytes));
  writer.write("/texts", std::span<const std::string>(texts));
  writer.write("/text", "reached-end");
}

void expect_filled(const ArrayReader& reader) {
  EXPECT_EQ(reader.shape("/a/doubles"), (ArrayShape{2, 3}));
  EXPECT_THAT(reader.read_doubles("/a/doubles"), ElementsAre(1.5, -0.0, 1e300, 4, 5, 6));
  EXPECT_THAT(reader.read_doubles("/a/whole"), ElementsAre(-3, 4));
  EXPECT_THAT(reader.read_int64("/a/whole"), ElementsAre(-3, 4));
  EXPECT_THAT(reader.read_uint64("/natural"), ElementsAre(std::uint64_t{1} << 63));
  EXPECT_EQ(reader.shape("/natural"), ArrayShape{});
  EXPECT_THAT(reader.read_uint8("/bytes"), ElementsAre(0, 255));
  EXPECT_THAT(reader.read_strings("/texts"), ElementsAre("flow", "", "coefficient"));
  EXPECT_EQ(reader.read_string("/text"), "reached-end");
  EXPECT_THAT(reader.numeric_datasets(),
              ElementsAre("/a/doubles", "/a/whole", "/bytes", "/natural"));
  EXPECT_TRUE(reader.exists("/a"));
  EXPECT_TRUE(reader.exists("/a/whole"));
  EXPECT_FALSE(reader.exists("/a/who"));
  EXPECT_FALSE(reader.exists("/b"));
}

TEST(ArrayArchive, GivesBackWhatItTookIn) {
  ArrayArchive archive;
  fill(archive);
  expect_filled(archive);
}

TEST(ArrayArchive, PassesThroughAFileUnchanged) {
  const TemporaryFolder folder;
  ArrayArchive archive;
  fill(archive);
  Hdf5Writer writer(folder / "x.h5");
  archive.copy_to(writer);
  writer.close();
  const ArrayArchive back = Hdf5Reader(folder / "x.h5").read_all();
  expect_filled(back);
  ASSERT_EQ(back.entries().size(), archive.entries().size());
  for (const auto& entry : archive.entries()) {
    EXPECT_EQ(back.entry(entry.name).values, entry.values) << entry.name;  // types as well
    EXPECT_EQ(back.entry(entry.name).shape, entry.shape) << entry.name;
  }
}

TEST(ArrayArchive, RefusesLikeAFile) {
  ArrayArchive archive;
  fill(archive);
  const std::vector<double> two{1, 2};
  EXPECT_THROW(archive.write("/text", {2}, std::span<const double>(two)), InputError);
  EXPECT_THROW(archive.write("/new", {3}, std::span<const double>(two)), std::invalid_argument);
  EXPECT_THROW(archive.read_doubles("/new"), InputError);
  EXPECT_THROW(archive.read_doubles("/text"), InputError);
  EXPECT_THROW(archive.read_string("/texts"), InputError);
  EXPECT_THROW(archive.read_uint8("/a/whole"), InputError);
}

}  // namespace
}  // namespace latetime
