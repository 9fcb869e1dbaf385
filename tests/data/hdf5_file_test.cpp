#include "latetime/base/hdf5_file.hpp"

#include <cmath>
#include <limits>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/foreign_hdf5.hpp"
#include "latetime/base/hdf5_handle.hpp"
#include "latetime/data/hdf5_array.hpp"
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
  EXPECT_THAT(refusal(folder.write("x.h5", "text")), HasSubstr("is no HDF5 file"));
}

/// What reading the file as samples are read ends in.
std::string refusal_of_array(const std::string& path) {
  std::string message = error_of([&] { read_hdf5_array(path, "/x"); });
  // Never advice to overwrite what may be good data.
  EXPECT_THAT(message, testing::Not(HasSubstr("anew"))) << message;
  return message;
}

std::string small_file(const TemporaryFolder& folder) {
  Hdf5Writer writer(folder.file("good.h5"));
  writer.write("/x", {100}, std::vector<double>(100, 0.5));
  writer.close();
  return bytes_of(folder.file("good.h5"));
}

TEST(Hdf5Refusals, ALockedFileIsCalledLocked) {
  const TemporaryFolder folder;
  const std::string path = folder.write("x.h5", small_file(folder));
  const int other = ::open(path.c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_THAT(refusal_of_array(path), AllOf(HasSubstr("locked by another program"),
                                            HasSubstr("process " + std::to_string(::getpid()))));
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
  EXPECT_EQ(read_hdf5_array(path, "/x").values.size(), 100u);
  ::unsetenv("HDF5_USE_FILE_LOCKING");
  EXPECT_TRUE(Hdf5Reader::open_sealed(path).has_value());  // our own file, and whole: locked or not
  ASSERT_EQ(::flock(other, LOCK_SH), 0);
  EXPECT_EQ(read_hdf5_array(path, "/x").values.size(), 100u);  // another reader
  ::close(other);
}

TEST(Hdf5Refusals, ACutFileIsCalledCut) {
  const TemporaryFolder folder;
  const std::string good = small_file(folder);
  EXPECT_THAT(refusal_of_array(folder.write("x.h5", good.substr(0, good.size() / 2))),
              AllOf(HasSubstr("ends too early"), HasSubstr(" of ")));
  EXPECT_THAT(refusal_of_array(folder.write("x.h5", good.substr(0, 20))),
              HasSubstr("damaged or cut"));
}

TEST(Hdf5Refusals, AnotherFormatIsCalledSo) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal_of_array(folder.write("x.h5", std::string(5000, 'a'))),
              HasSubstr("is no HDF5 file"));
  std::string damaged = small_file(folder);
  for (std::size_t i = 12; i < 60; ++i) damaged[i] = '\x55';
  EXPECT_THAT(refusal_of_array(folder.write("x.h5", damaged)), HasSubstr("damaged"));
}

TEST(Hdf5Refusals, AFileThatAProgramDidNotCloseIsCalledSo) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.h5");
  const pid_t child = ::fork();
  if (child == 0) {  // a program that dies over a file of the newest format
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Fclose(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access));
    H5Fflush(H5Fopen(path.c_str(), H5F_ACC_RDWR, access), H5F_SCOPE_GLOBAL);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(refusal_of_array(path), HasSubstr("marked as open for writing"));
}

std::size_t no_filter(unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*,
                      void**) {
  return bytes;
}

TEST(Hdf5Refusals, AFilterThatIsMissingIsNamed) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.h5");
  constexpr H5Z_filter_t number = 411;
  const H5Z_class2_t filter{H5Z_CLASS_T_VERS, number,  1,       1,
                            "odd packer",     nullptr, nullptr, no_filter};
  ASSERT_GE(H5Zregister(&filter), 0);
  {
    const hsize_t size = 10;
    const std::vector<double> values(10, 1.0);
    const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                          H5Fclose);
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(creation, 1, &size);
    H5Pset_filter(creation, number, H5Z_FLAG_MANDATORY, 0, nullptr);
    const Hdf5Handle dataset(
        H5Dcreate2(file, "/x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT),
        H5Dclose);
    ASSERT_GE(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
              0);
  }
  EXPECT_EQ(read_hdf5_array(path, "/x").values.size(), 10u);
  H5Zunregister(number);
  EXPECT_THAT(refusal_of_array(path), AllOf(HasSubstr("odd packer"), HasSubstr("411")));
}

TEST(Hdf5Archive, ThroughAChildIsTheSame) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.h5");
  Hdf5Writer writer(path);
  writer.write("/a/doubles", {2, 3}, std::vector<double>{1, 2, 3, 4, 5, NAN});
  writer.write("/u", {1}, std::vector<std::uint64_t>{7});
  writer.write("/bytes", {2}, std::vector<std::uint8_t>{1, 2});
  writer.write("/nothing", {0, 4}, std::vector<double>{});
  writer.write("/text", "one\ntwo");
  writer.write("/texts", std::vector<std::string>{"", "Größe"});
  writer.close();
  const ArrayArchive here = Hdf5Reader(path).read_all(), there = read_hdf5_archive(path);
  ASSERT_EQ(here.entries().size(), there.entries().size());
  for (std::size_t i = 0; i < here.entries().size(); ++i) {
    EXPECT_EQ(here.entries()[i].name, there.entries()[i].name);
    EXPECT_EQ(here.entries()[i].shape, there.entries()[i].shape);
    EXPECT_EQ(here.entries()[i].values.index(), there.entries()[i].values.index());
  }
  EXPECT_TRUE(std::isnan(there.read_doubles("/a/doubles")[5]));
  EXPECT_EQ(there.read_uint64("/u"), std::vector<std::uint64_t>{7});
  EXPECT_EQ(there.read_string("/text"), "one\ntwo");
  EXPECT_EQ(there.read_strings("/texts"), (std::vector<std::string>{"", "Größe"}));
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
