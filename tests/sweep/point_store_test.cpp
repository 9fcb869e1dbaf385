#include "latetime/sweep/point_store.hpp"

#include <cmath>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::ElementsAre;
using testing::IsNan;

PointRecord record_of(const std::string& key, double value) {
  PointRecord record{
      .key = key, .outcome = "reached-end", .message = "a \"line\", ß", .seconds = 2};
  record.values.assign(all_quantities().size(), value);
  return record;
}

TEST(PointStore, GivesBackWhatItTookToTheLastBit) {
  const TemporaryFolder folder;
  PointRecord record = record_of("a", 0.1);
  record.values[1] = std::nan("");
  record.values[2] = -std::numeric_limits<double>::infinity();
  record.values[3] = 5e-324;
  record.extras["limit_margins"] = {1.0, std::nan("")};
  record.extras["limit_multipliers"] = {};
  PointStore(folder.path()).add(record);
  const PointStore store(folder.path());
  const auto found = store.find("a", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message, record.message);
  EXPECT_EQ(found->values[0], 0.1);
  EXPECT_THAT(found->values[1], IsNan());
  EXPECT_EQ(found->values[2], record.values[2]);
  EXPECT_EQ(found->values[3], 5e-324);
  EXPECT_THAT(found->extras.at("limit_margins"), ElementsAre(1.0, IsNan()));
  EXPECT_TRUE(store.find("a", {.arrays = {"limit_multipliers"}}));
  EXPECT_FALSE(store.find("a", {.arrays = {"active_own"}}));
  EXPECT_FALSE(store.find("b", {}));
}

TEST(PointStore, ALineThatAKillCutOffCostsThatPointAlone) {
  const TemporaryFolder folder;
  const std::string path = folder / "points.jsonl";
  {
    PointStore store(folder.path());
    store.add(record_of("a", 1.0));
    store.add(record_of("b", 2.0));
  }
  const std::string whole = bytes_of(path);
  const std::size_t second = whole.find('\n', whole.find('\n') + 1) + 1;
  for (const std::size_t size : {second + 1, second + 40, whole.size() - 1}) {
    folder.write("points.jsonl", whole.substr(0, size));
    PointStore store(folder.path());
    EXPECT_EQ(store.damaged_lines(), 1u);
    EXPECT_TRUE(store.find("a", {}));
    EXPECT_FALSE(store.find("b", {}));
    store.add(record_of("b", 2.0));
    EXPECT_EQ(bytes_of(path), whole);
  }
}

// A reader, such as a dry run, may come while another process is adding a line.
TEST(PointStore, ReadingAloneChangesNothing) {
  const TemporaryFolder folder;
  PointStore(folder.path()).add(record_of("a", 1.0));
  const std::string begun = bytes_of(folder / "points.jsonl") + "{\"key\":\"b\",\"outc";
  folder.write("points.jsonl", begun);
  PointStore store;
  store.include(folder.path());
  EXPECT_TRUE(store.find("a", {}));
  EXPECT_EQ(store.damaged_lines(), 1u);
  EXPECT_THROW(store.add(record_of("b", 2.0)), std::logic_error);
  store.flush();
  EXPECT_EQ(bytes_of(folder / "points.jsonl"), begun);
}

TEST(PointStore, DamagedLinesAreNotBelieved) {
  const TemporaryFolder folder;
  {
    PointStore store(folder.path());
    store.add(record_of("a", 1.0));
    store.add(record_of("b", 2.0));
  }
  std::string bytes = bytes_of(folder / "points.jsonl");
  const std::size_t digit = bytes.find("1,1,1");
  ASSERT_NE(digit, std::string::npos);
  bytes[digit] = '7';
  folder.write("points.jsonl", bytes);
  PointStore store(folder.path());
  EXPECT_EQ(store.damaged_lines(), 1u);
  EXPECT_FALSE(store.find("a", {}));
  EXPECT_EQ(store.find("b", {})->values[0], 2.0);
}

TEST(PointStore, SoundLinesThatAreNoRecordsCountForNothing) {
  const std::vector<std::string> names = names_of_header(header_line());
  EXPECT_FALSE(record_of_line(header_line(), names).found);
  EXPECT_FALSE(record_of_line("{\"key\":\"a\"}", names).found);  // without its checksum
  EXPECT_TRUE(names_of_header(to_line(record_of("a", 1.0))).empty());
}

TEST(PointStore, RecordsOfOtherVersionsAreReadByTheNamesOfTheirNumbers) {
  const std::string line = to_line(record_of("a", 3.0));
  std::vector<std::string> names = names_of_header(header_line());
  ASSERT_EQ(names.size(), all_quantities().size());
  EXPECT_TRUE(record_of_line(line, names).complete);
  names[2] = "something_else";
  const ReadRecord read = record_of_line(line, names);
  EXPECT_TRUE(read.found);
  EXPECT_FALSE(read.complete);
  EXPECT_THAT(read.record.values[2], IsNan());
  EXPECT_EQ(read.record.values[3], 3.0);
}

TEST(PointStore, TakesOverWhatOthersMade) {
  const TemporaryFolder mine, theirs;
  PointStore(theirs.path()).add(record_of("a", 1.0));
  {
    PointStore store(mine.path());
    store.add(record_of("b", 2.0));
    store.include(theirs.path());
    EXPECT_EQ(store.size(), 2u);
    store.take_over();
  }
  const PointStore store(mine.path());
  EXPECT_EQ(store.find("a", {})->values[0], 1.0);
  EXPECT_EQ(store.find("b", {})->values[0], 2.0);
  PointStore other(theirs.path());
  EXPECT_THROW(other.include(mine.path() + "/nowhere"), InputError);
}

}  // namespace
}  // namespace latetime
