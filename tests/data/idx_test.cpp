#include "latetime/data/idx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/idx_files.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string two_images = idx_bytes(0x803, {2, 1, 3}, {0, 1, 2, 253, 254, 255});
const std::string four_labels = idx_bytes(0x801, {4}, {9, 0, 3, 3});

TEST(Idx, ReadsImagesAndLabelsRawAndGzip) {
  const TemporaryFolder folder;
  for (const bool packed : {false, true}) {
    const auto stored = [&](const std::string& bytes) {
      return folder.write("x", packed ? gzip_bytes(bytes) : bytes);
    };
    const IdxImages images = read_idx_images(stored(two_images));
    EXPECT_EQ(images.count, 2u);
    EXPECT_EQ(images.rows, 1u);
    EXPECT_EQ(images.cols, 3u);
    EXPECT_THAT(images.pixels, ElementsAre(0, 1, 2, 253, 254, 255));
    EXPECT_THAT(read_idx_labels(stored(four_labels)), ElementsAre(9, 0, 3, 3));
  }
}

TEST(Idx, ReadsGzipInSeveralMembersAndBeyondOneBuffer) {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> many(1'000'000, 7);
  const std::string bytes = idx_bytes(0x801, {1'000'000}, many);
  EXPECT_EQ(read_idx_labels(folder.write("x.gz", gzip_bytes(bytes))), many);
  const std::string halves = gzip_bytes(bytes.substr(0, 999)) + gzip_bytes(bytes.substr(999));
  EXPECT_EQ(read_idx_labels(folder.write("x.gz", halves)), many);
}

TEST(Idx, RefusesOtherFiles) {
  const TemporaryFolder folder;
  const auto images = [&](const std::string& bytes) {
    return error_of([&] { read_idx_images(folder.write("x", bytes)); });
  };
  EXPECT_THAT(images(four_labels), AllOf(HasSubstr("0x00000801"), HasSubstr("0x00000803")));
  EXPECT_THAT(error_of([&] { read_idx_labels(folder.write("x", two_images)); }),
              AllOf(HasSubstr("0x00000803"), HasSubstr("0x00000801")));
  EXPECT_THAT(images("text, not IDX"), HasSubstr("begins with 0x74657874"));
  EXPECT_THAT(images(""), HasSubstr("empty"));
  EXPECT_THAT(images(two_images.substr(0, 10)), HasSubstr("header is truncated"));
  EXPECT_THAT(images(two_images.substr(0, two_images.size() - 1)), HasSubstr("truncated"));
  EXPECT_THAT(images(two_images + "x"), HasSubstr("too long"));
  EXPECT_THAT(images(idx_bytes(0x803, {0xffffffff, 0xffffffff, 0xffffffff}, {})),
              HasSubstr("too large"));
  EXPECT_THAT(error_of([&] { read_idx_images(folder.file("missing")); }),
              HasSubstr("no such file"));
}

TEST(Idx, RefusesDamagedGzip) {
  const TemporaryFolder folder;
  const auto images = [&](const std::string& bytes) {
    return error_of([&] { read_idx_images(folder.write("x.gz", bytes)); });
  };
  const std::string packed = gzip_bytes(two_images);
  EXPECT_THAT(images(packed.substr(0, packed.size() - 1)), HasSubstr("gzip data are truncated"));
  EXPECT_THAT(images(packed + "garbage"), HasSubstr("gzip data are damaged"));
  std::string flipped = packed;
  flipped[packed.size() - 6] ^= 1;  // in the checksum
  EXPECT_THAT(images(flipped), HasSubstr("gzip data are damaged"));
  EXPECT_THAT(images(gzip_bytes(two_images + "x")), HasSubstr("too long"));
}

}  // namespace
}  // namespace latetime
