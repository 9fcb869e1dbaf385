#include "latetime/base/hdf5_file.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "data/foreign_hdf5.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Hdf5File, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.h5");
  const std::vector<double> doubles{0.1, -0.0, INFINITY, 5e-324, 1e308, -1};
  const std::vector<std::int64_t> integers{std::numeric_limits<std::int64_t>::min(), 1};
  const std::vector<std::uint64_t> naturals{std::numeric_limits<std::uint64_t>::max()};
  const std::vector<std::uint8_t> bytes{0, 255, 7};
  const std::vector<std::string> texts{"", "dense", "Größe"};
  Hdf5Writer writer(path);
  writer.write("/a/b/doubles", {2, 3}, doubles);
  writer.write("/a/integers", {2}, integers);
  writer.write("/naturals", {1}, naturals);
  writer.write("/bytes", {3, 1}, bytes);
  writer.write("/single", {}, std::vector<double>{2.5});
  writer.write("/nothing", {0, 4}, std::vector<double>{});
  writer.write("/texts", texts);
  writer.write("/no_texts", std::vector<std::string>{});
  writer.write("/text", "one\ntwo");
  writer.write("/empty_text", "");
  writer.close();

  const Hdf5Reader reader(path);
  EXPECT_THAT(reader.shape("/a/b/doubles"), ElementsAre(2, 3));
  EXPECT_EQ(reader.read_doubles("/a/b/doubles"), doubles);
  EXPECT_EQ(reader.read_int64("/a/integers"), integers);
  EXPECT_EQ(reader.read_uint64("/naturals"), naturals);
  EXPECT_EQ(reader.read_uint8("/bytes"), bytes);
  EXPECT_THAT(reader.read_doubles("/bytes"), ElementsAre(0, 255, 7));
  EXPECT_THAT(reader.shape("/single"), IsEmpty());
  EXPECT_THAT(reader.read_doubles("/single"), ElementsAre(2.5));
  EXPECT_THAT(reader.shape("/nothing"), ElementsAre(0, 4));
  EXPECT_THAT(reader.read_doubles("/nothing"), IsEmpty());
  EXPECT_EQ(reader.read_strings("/texts"), texts);
  EXPECT_THAT(reader.read_strings("/no_texts"), IsEmpty());
  EXPECT_EQ(reader.read_string("/text"), "one\ntwo");
  EXPECT_EQ(reader.read_string("/empty_text"), "");
  EXPECT_THAT(reader.numeric_datasets(), ElementsAre("/a/b/doubles", "/a/integers", "/bytes",
                                                     "/naturals", "/nothing", "/single"));
}

TEST(Hdf5File, ReadsBackAttributes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.h5");
  Hdf5Writer writer(path);
  writer.write("/x", {1}, std::vector<double>{1});
  writer.write_attribute("/", "format", "latetime");
  writer.write_attribute("/x", "unit", "");
  writer.write_attribute("/x", "scale", 0.1);
  writer.write_attribute("/x", "version", std::int64_t{3});
  EXPECT_THAT(error_of([&] { writer.write_attribute("/y", "scale", 0.1); }),
              HasSubstr("attribute scale of /y"));
  writer.close();
  const Hdf5Reader reader(path);
  EXPECT_EQ(reader.read_text_attribute("/", "format"), "latetime");
  EXPECT_EQ(reader.read_text_attribute("/x", "unit"), "");
  EXPECT_EQ(reader.read_number_attribute("/x", "scale"), 0.1);
  EXPECT_EQ(reader.read_number_attribute("/x", "version"), 3.0);
  EXPECT_THAT(error_of([&] { reader.read_number_attribute("/", "format"); }),
              HasSubstr("no number attribute format"));
  EXPECT_THAT(error_of([&] { reader.read_text_attribute("/", "nothing"); }),
              HasSubstr("no text attribute nothing"));
}

TEST(Hdf5File, KnowsWhatExists) {
  const TemporaryFolder folder;
  Hdf5Writer writer(folder.file("x.h5"));
  writer.write("/a/b", {1}, std::vector<double>{1});
  writer.close();
  const Hdf5Reader reader(folder.file("x.h5"));
  EXPECT_TRUE(reader.exists("/"));
  EXPECT_TRUE(reader.exists("/a"));
  EXPECT_TRUE(reader.exists("/a/b"));
  EXPECT_FALSE(reader.exists("/a/c"));
  EXPECT_FALSE(reader.exists("/c/b"));
  EXPECT_FALSE(reader.exists("/a/b/c"));
}

TEST(Hdf5File, ReadsFilesOfOtherPrograms) {
  const TemporaryFolder folder;
  write_foreign_hdf5(folder.file("x.h5"));
  const Hdf5Reader reader(folder.file("x.h5"));
  EXPECT_THAT(reader.read_doubles("/float32_big"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(reader.read_doubles("/int16_chunked"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(reader.read_int64("/int16_chunked"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(reader.read_strings("/texts"), ElementsAre("alpha", "", "gamma"));
  EXPECT_THAT(reader.numeric_datasets(), ElementsAre("/float32_big", "/int16_chunked"));
}

TEST(Hdf5File, RefusesTypesThatDoNotFit) {
  const TemporaryFolder folder;
  Hdf5Writer writer(folder.file("x.h5"));
  writer.write("/i", {1}, std::vector<std::int64_t>{-1});
  writer.write("/u", {1}, std::vector<std::uint64_t>{1});
  writer.write("/d", {1}, std::vector<double>{1.5});
  writer.write("/s", "text");
  writer.write("/t", std::vector<std::string>{"a", "b"});
  writer.close();
  const Hdf5Reader reader(folder.file("x.h5"));
  EXPECT_THAT(error_of([&] { reader.read_uint64("/i"); }), HasSubstr("/i does not hold unsigned"));
  EXPECT_THAT(error_of([&] { reader.read_int64("/u"); }), HasSubstr("/u does not hold signed"));
  EXPECT_THAT(error_of([&] { reader.read_uint8("/u"); }), HasSubstr("unsigned bytes"));
  EXPECT_THAT(error_of([&] { reader.read_int64("/d"); }), HasSubstr("/d does not hold"));
  EXPECT_THAT(error_of([&] { reader.read_doubles("/s"); }), HasSubstr("/s does not hold floats"));
  EXPECT_THAT(error_of([&] { reader.read_strings("/d"); }), HasSubstr("does not hold text"));
  EXPECT_THAT(error_of([&] { reader.read_string("/t"); }), HasSubstr("exactly one text"));
  EXPECT_THAT(error_of([&] { reader.read_doubles("/none"); }), HasSubstr("no readable dataset"));
}

TEST(Hdf5File, RefusesWhatIsNoHdf5File) {
  const TemporaryFolder folder;
  const auto refusal = [](const std::string& path) {
    return error_of([&] { Hdf5Reader reader(path); });
  };
  EXPECT_THAT(refusal(folder.file("missing.h5")), HasSubstr("missing.h5: no such file"));
  EXPECT_THAT(refusal(folder.file("")), HasSubstr("is not a file"));
  EXPECT_THAT(refusal(folder.write("x.h5", "text")), HasSubstr("not an HDF5 file, or truncated"));
}

TEST(Hdf5File, ChecksWhatItWrites) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([] { Hdf5Writer("/nonexistent/x.h5").close(); }),
              HasSubstr("/nonexistent/x.h5: cannot be written"));
  Hdf5Writer writer(folder.file("x.h5"));
  const std::vector<double> one{1.0};
  EXPECT_THROW(writer.write("/x", {2}, one), std::invalid_argument);
  writer.write("/x", {1}, one);
  EXPECT_THAT(error_of([&] { writer.write("/x", {1}, one); }), HasSubstr("cannot take in /x"));
  EXPECT_THAT(error_of([&] { writer.write("/x/y", {1}, one); }), HasSubstr("cannot take in /x/y"));
  writer.close();
  EXPECT_THROW(writer.close(), std::logic_error);
}

TEST(Hdf5File, SurvivesAFullDisk) {
  const std::vector<double> values(100'000, 0.1);
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  for (int i = 0; i < 3; ++i) {
    Hdf5Writer writer("/dev/full");
    writer.write("/x", {values.size()}, values);
    EXPECT_THAT(error_of([&] { writer.close(); }), HasSubstr("/dev/full: cannot be written"));
  }
}

TEST(Hdf5File, WritesNothingWithoutClose) {
  const TemporaryFolder folder;
  { Hdf5Writer(folder.file("x.h5")).write("/x", {1}, std::vector<double>{1.0}); }
  EXPECT_FALSE(std::filesystem::exists(folder.file("x.h5")));
}

TEST(Hdf5File, PrintsNothingAndMoves) {
  const TemporaryFolder folder;
  testing::internal::CaptureStderr();
  Hdf5Writer first(folder.file("x.h5"));
  Hdf5Writer second(std::move(first));
  second.write("/x", {1}, std::vector<double>{1.0});
  second.close();
  Hdf5Reader reader(folder.file("x.h5"));
  const Hdf5Reader moved(std::move(reader));
  EXPECT_THAT(moved.read_doubles("/x"), ElementsAre(1.0));
  EXPECT_FALSE(moved.exists("/y"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace latetime
