// Whatever happens to a file, its reader gives an array or one line of complaint.

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "data/foreign_hdf5.hpp"
#include "data/idx_files.hpp"
#include "latetime/base/file_seal.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/random.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/data/idx.hpp"
#include "support/temporary_folder.hpp"

#ifdef __SANITIZE_ADDRESS__
/// HDF5 1.10 itself loses some 400 bytes for every damaged object header.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5_serial\n";
}
#endif

namespace latetime {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t most_places = 60;  // the child process of each HDF5 file costs 0.1 s there
#else
constexpr std::size_t most_places = 300;
#endif

enum class Reading { array, refusal };

struct Format {
  std::string name;
  std::string file;                                         // with its extension
  std::function<std::string(const TemporaryFolder&)> make;  // the bytes of a valid file
  std::function<std::size_t(const std::string&)> read;      // returns the number of entries
  bool every_truncation_shows = true;                       // false: a shorter CSV may be valid
  std::size_t seal = 0;  // bytes at the end that vouch for the others
};

std::vector<double> ramp(std::size_t size) {
  std::vector<double> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<double>(i) / 7;
  return values;
}

std::size_t entries_of(const std::string& reference) {
  const NumericArray array = read_array(reference);
  std::size_t count = 1;
  for (const std::size_t size : array.shape) count *= size;
  EXPECT_EQ(array.values.size(), count);
  return count;
}

std::string npz_file(const TemporaryFolder& folder) {
  NpzWriter writer(folder.file("good.npz"));
  writer.add("x", std::vector<std::size_t>{8, 8}, ramp(64));
  writer.close();
  return bytes_of(folder.file("good.npz"));
}

std::string own_hdf5(const TemporaryFolder& folder) {
  const std::string path = folder.file("good.h5");
  Hdf5Writer writer(path);
  writer.write("/data/x", {8, 8}, ramp(64));
  writer.write("/steps", {3}, std::vector<std::uint64_t>{1, 2, 3});
  // More than eight links: HDF5 then stores the group by other means.
  for (int i = 0; i < 12; ++i) writer.write("/records/" + std::to_string(i), {2}, ramp(2));
  writer.write("/engines", std::vector<std::string>{"dense", "coefficient"});
  writer.write_attribute("/", "format", "latetime");
  writer.close();
  return bytes_of(path);
}

std::string foreign_hdf5(const TemporaryFolder& folder) {
  write_foreign_hdf5(folder.file("good.h5"));
  return bytes_of(folder.file("good.h5"));
}

std::size_t read_all_of_hdf5(const std::string& path) {
  const Hdf5Reader reader(path);
  std::size_t count = 0;
  for (const std::string& name : reader.numeric_datasets()) {
    count += reader.read_doubles(name).size();
  }
  if (reader.exists("/engines")) count += reader.read_strings("/engines").size();
  return count;
}

/// Foreign files are read by read_array alone.
std::size_t read_foreign_hdf5(const std::string& path) {
  return entries_of(path + ":/float32_big") + entries_of(path + ":/int16_chunked");
}

std::size_t image_bytes(const std::string& path) {
  return read_idx_images(path).pixels.size();
}

std::string idx_file() {
  std::vector<std::uint8_t> pixels(3 * 8 * 8);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  return idx_bytes(0x803, {3, 8, 8}, pixels);
}

std::vector<Format> formats() {
  using Folder = TemporaryFolder;
  const auto npy = [](const Folder&) {
    return npy_bytes(std::vector<std::size_t>{8, 8}, ramp(64));
  };
  const auto csv = [](const Folder&) {
    return std::string("a,b,c\n1,2,3\n4.5,-1e3,6\n# note\n7,8,9\n");
  };
  return {
      {"Npy", "x.npy", npy, entries_of},
      {"Npz", "x.npz", npz_file, entries_of},
      {"Csv", "x.csv", csv, entries_of, false},
      {"Hdf5", "x.h5", own_hdf5, read_all_of_hdf5, true, seal_of("").size()},
      {"ForeignHdf5", "x.h5", foreign_hdf5, read_foreign_hdf5},
      {"Idx", "x", [](const Folder&) { return idx_file(); }, image_bytes},
      {"IdxGzip", "x.gz", [](const Folder&) { return gzip_bytes(idx_file()); }, image_bytes},
  };
}

/// Peak resident memory of this process so far.
std::size_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

class DamagedFile : public testing::TestWithParam<Format> {
 protected:
  DamagedFile() : good_(GetParam().make(folder_)) {}

  Reading read(const std::string& bytes) {
    try {
      // 100 MB of doubles would be far beyond what these small files can hold.
      EXPECT_LT(GetParam().read(folder_.write(GetParam().file, bytes)), 12'500'000u);
      return Reading::array;
    } catch (const InputError& error) {
      const std::string message = error.what();
      EXPECT_FALSE(message.empty());
      EXPECT_TRUE(std::none_of(message.begin(), message.end(), [](unsigned char c) {
        return c < 0x20 || c == 0x7f;
      })) << message;
      return Reading::refusal;
    }
  }

  /// More memory than this would have been asked for on a damaged size's word.
  void expect_modest_memory(std::size_t peak_before) {
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory back
    EXPECT_LT(peak_bytes() - peak_before, 100'000'000u);
#else
    (void)peak_before;
#endif
  }

  TemporaryFolder folder_;
  std::string good_;
};

TEST_P(DamagedFile, IsReadWhenWhole) {
  EXPECT_EQ(read(good_), Reading::array);
}

TEST_P(DamagedFile, TruncatedAnywhere) {
  const std::size_t peak = peak_bytes();
  const std::size_t stride = std::max<std::size_t>(good_.size() / most_places, 1);
  for (std::size_t length = 0; length < good_.size(); length += stride) {
    const Reading reading = read(good_.substr(0, length));
    // A file of ours that has lost its seal, the last line, is still whole.
    const bool only_the_seal = length >= good_.size() - GetParam().seal;
    if (GetParam().every_truncation_shows && !only_the_seal) {
      EXPECT_EQ(reading, Reading::refusal) << "at length " << length;
    }
  }
  expect_modest_memory(peak);
}

TEST_P(DamagedFile, FlippedBytes) {
  const std::size_t peak = peak_bytes();
  RandomStream stream(7, RandomPurpose::test);
  for (std::size_t round = 0; round < 2 * most_places; ++round) {
    std::string bytes = good_;
    const std::uint64_t flips = 1 + stream.below(4);
    for (std::uint64_t i = 0; i < flips; ++i) {
      const auto place = static_cast<std::size_t>(stream.below(bytes.size()));
      bytes[place] = static_cast<char>(bytes[place] ^ static_cast<char>(1 + stream.below(255)));
    }
    read(bytes);
  }
  expect_modest_memory(peak);
}

TEST_P(DamagedFile, BytesSetToExtremes) {
  const std::size_t peak = peak_bytes();
  // Every place of a small file; in a larger one, other places for each value.
  const std::size_t stride = std::max<std::size_t>(good_.size() / most_places, 1);
  std::size_t first = 0;
  for (const char value : {'\x00', '\x7f', '\x80', '\xff'}) {
    for (std::size_t place = first++ % stride; place < good_.size(); place += stride) {
      std::string bytes = good_;
      bytes[place] = value;
      read(bytes);
    }
  }
  expect_modest_memory(peak);
}

TEST_P(DamagedFile, FollowedByGarbage) {
  read(good_ + std::string(100, '\x5a'));
}

INSTANTIATE_TEST_SUITE_P(Formats, DamagedFile, testing::ValuesIn(formats()),
                         [](const auto& format) { return format.param.name; });

}  // namespace
}  // namespace latetime
