#include "latetime/base/file_seal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "latetime/base/hdf5_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

bool sealed(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  const bool result = is_sealed(descriptor);
  ::close(descriptor);
  return result;
}

TEST(FileSeal, FindsEveryChange) {
  const TemporaryFolder folder;
  const std::string bytes = "some bytes\n", good = bytes + seal_of(bytes);
  EXPECT_TRUE(sealed(folder.write("x", good)));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {1, 8, 128}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ bit);
      EXPECT_FALSE(sealed(folder.write("x", bad))) << i;
    }
    EXPECT_FALSE(sealed(folder.write("x", good.substr(0, i)))) << i;
    EXPECT_FALSE(sealed(folder.write("x", good.substr(0, i) + "a" + good.substr(i)))) << i;
  }
  EXPECT_FALSE(sealed(folder.write("x", good + "\n")));
  EXPECT_TRUE(sealed(folder.write("x", seal_of(""))));
  EXPECT_FALSE(is_sealed(-1));
}

TEST(FileSeal, EndsWhatIsWrittenAndReadersOfHdf5PassItOver) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.h5";
  Hdf5Writer writer(path);
  writer.write("/x", {2}, std::vector<double>{1, 2});
  writer.close();
  EXPECT_TRUE(sealed(path));
  EXPECT_EQ(Hdf5Reader(path).read_doubles("/x"), (std::vector<double>{1, 2}));
  EXPECT_EQ(Hdf5Reader::open_sealed(path)->read_doubles("/x"), (std::vector<double>{1, 2}));
  std::string bytes = bytes_of(path);
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_FALSE(Hdf5Reader::open_sealed(folder.write("y.h5", bytes)).has_value());
  EXPECT_THROW(Hdf5Reader::open_sealed(folder / "missing.h5"), InputError);
}

}  // namespace
}  // namespace latetime
