#include "latetime/data/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/data/array_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// NPY bytes by hand, after the description in numpy.lib.format.
std::string npy(const std::string& dictionary, const std::string& data, int major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  const std::size_t length = dictionary.size() + 1;
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) bytes += static_cast<char>(length >> 8 * i & 255);
  return bytes + dictionary + "\n" + data;
}

std::string dictionary(const std::string& dtype, const std::string& shape,
                       const std::string& fortran = "False") {
  return "{'descr': '" + dtype + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

/// Bytes of the values, least significant first, or last when `big`.
template <class T>
std::string raw(const std::vector<T>& values, bool big = false) {
  std::string bytes;
  for (const T value : values) {
    std::array<char, sizeof(T)> one;
    std::memcpy(one.data(), &value, sizeof(T));
    if (big) std::reverse(one.begin(), one.end());
    bytes.append(one.data(), one.size());
  }
  return bytes;
}

NumericArray parse(const std::string& bytes) {
  return parse_npy(bytes, "X.npy");
}

std::string refusal(const std::string& bytes) {
  return error_of([&] { parse(bytes); });
}

template <class T>
void expect_both_byte_orders(const std::string& code, const std::vector<T>& values) {
  const std::string shape = "(" + std::to_string(values.size()) + ",)";
  for (const bool big : {false, true}) {
    const NumericArray array =
        parse(npy(dictionary((big ? ">" : "<") + code, shape), raw(values, big)));
    ASSERT_EQ(array.values.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(array.values[i], static_cast<double>(values[i])) << code << " big " << big;
    }
  }
}

template <class T>
std::vector<T> extremes() {
  using Limits = std::numeric_limits<T>;
  return {T(0), T(1), T(-1), T(100), Limits::lowest(), Limits::max(), Limits::min()};
}

TEST(Npy, ReadsEveryRealTypeInBothByteOrders) {
  expect_both_byte_orders<double>("f8", extremes<double>());
  expect_both_byte_orders<float>("f4", extremes<float>());
  expect_both_byte_orders<std::int8_t>("i1", extremes<std::int8_t>());
  expect_both_byte_orders<std::int16_t>("i2", extremes<std::int16_t>());
  expect_both_byte_orders<std::int32_t>("i4", extremes<std::int32_t>());
  expect_both_byte_orders<std::int64_t>("i8", extremes<std::int64_t>());
  expect_both_byte_orders<std::uint8_t>("u1", extremes<std::uint8_t>());
  expect_both_byte_orders<std::uint16_t>("u2", extremes<std::uint16_t>());
  expect_both_byte_orders<std::uint32_t>("u4", extremes<std::uint32_t>());
  expect_both_byte_orders<std::uint64_t>("u8", extremes<std::uint64_t>());
}

TEST(Npy, ReadsBooleans) {
  EXPECT_THAT(parse(npy(dictionary("|b1", "(3,)"), std::string("\1\0\1", 3))).values,
              ElementsAre(1.0, 0.0, 1.0));
}

TEST(Npy, ReadsHalfPrecision) {
  // IEEE 754 binary16: 1, −2, largest 65504, smallest normal 2^−14, smallest subnormal 2^−24, ∞.
  const std::vector<std::uint16_t> bits{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00};
  EXPECT_THAT(parse(npy(dictionary("<f2", "(6,)"), raw(bits))).values,
              ElementsAre(1.0, -2.0, 65504.0, 0x1p-14, 0x1p-24, INFINITY));
  const std::vector<std::uint16_t> nan{0x7e00};
  EXPECT_TRUE(std::isnan(parse(npy(dictionary("<f2", "(1,)"), raw(nan))).values[0]));
}

TEST(Npy, ReadsVersionsOneToThree) {
  for (const int major : {1, 2, 3}) {
    const NumericArray array =
        parse(npy(dictionary("<f8", "(2,)"), raw<double>({1.5, -2.5}), major));
    EXPECT_THAT(array.values, ElementsAre(1.5, -2.5)) << major;
  }
  EXPECT_THAT(refusal(npy(dictionary("<f8", "(0,)"), "", 4)), HasSubstr("version 4.0"));
}

TEST(Npy, ReadsAnyDimension) {
  EXPECT_THAT(parse(npy(dictionary("<f8", "()"), raw<double>({7}))).shape, ElementsAre());
  EXPECT_THAT(parse(npy(dictionary("<f8", "(0, 5)"), "")).shape, ElementsAre(0, 5));
  EXPECT_THAT(parse(npy(dictionary("|u1", "(1, 2L, 1)"), "ab")).shape, ElementsAre(1, 2, 1));
}

TEST(Npy, TurnsFortranOrderIntoC) {
  // x[i][j] = 10 i + j, stored with the first index fastest.
  const NumericArray matrix =
      parse(npy(dictionary("<f8", "(2, 3)", "True"), raw<double>({0, 10, 1, 11, 2, 12})));
  EXPECT_THAT(matrix.shape, ElementsAre(2, 3));
  EXPECT_THAT(matrix.values, ElementsAre(0, 1, 2, 10, 11, 12));

  std::vector<double> stored, expected;  // x[i][j][k] = 100 i + 10 j + k, shape (2, 3, 4)
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) stored.push_back(100 * i + 10 * j + k);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) expected.push_back(100 * i + 10 * j + k);
  EXPECT_EQ(parse(npy(dictionary("<f8", "(2, 3, 4)", "True"), raw(stored))).values, expected);
}

TEST(Npy, ReadsTheDictionaryInAnyOrderAndQuotes) {
  const std::string text = R"({"shape":(2,),"fortran_order":False,"descr":"<f8"})";
  EXPECT_THAT(parse(npy(text, raw<double>({1, 2}))).values, ElementsAre(1, 2));
}

TEST(Npy, NamesTheTypeItRefuses) {
  for (const char* dtype :
       {"<c16", "|O", "<U5", "|S3", "<M8[ns]", "<f16", ">V8", "f8", "|f8", ""}) {
    EXPECT_THAT(refusal(npy(dictionary(dtype, "(0,)"), "")),
                AllOf(StartsWith("X.npy: "), HasSubstr("'" + std::string(dtype) + "'")));
  }
  EXPECT_THAT(refusal(npy("{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, "
                          "'shape': (0,), }",
                          "")),
              HasSubstr("structured dtype [('a', '<f8'), ('b', '<i4')]"));
}

TEST(Npy, RefusesAnotherLengthThanTheShapeSays) {
  const std::string good = npy(dictionary("<f8", "(2,)"), raw<double>({1, 2}));
  EXPECT_THAT(refusal(good.substr(0, good.size() - 1)), HasSubstr("truncated"));
  EXPECT_THAT(refusal(good + "x"), HasSubstr("too long"));
  EXPECT_THAT(refusal(npy(dictionary("<f8", "(4294967296, 4294967296)"), "")),
              HasSubstr("too large"));
  EXPECT_THAT(refusal(npy(dictionary("<f8", "(2305843009213693952,)"), "")),
              HasSubstr("too large"));
}

TEST(Npy, RefusesDamagedHeaders) {
  for (const char* text :
       {"", "{", "{}", "[1]", "{'descr': '<f8'}", "{'descr': '<f8', 'descr': '<f8'}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 3}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x"}) {
    EXPECT_THAT(refusal(npy(text, raw<double>({1}))), HasSubstr("header is damaged")) << text;
  }
  EXPECT_THAT(refusal("PK\3\4 not numpy"), HasSubstr("not an NPY file"));
}

TEST(Npy, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<double> values{1.5, -0.0, INFINITY, 5e-324, 0.1, -1e308};
  write_npy(folder.file("x.npy"), std::vector<std::size_t>{3, 2}, values);
  const NumericArray array = read_array(folder.file("x.npy"));
  EXPECT_THAT(array.shape, ElementsAre(3, 2));
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(array.values[i]),
              std::bit_cast<std::uint64_t>(values[i]));
  }
  EXPECT_EQ(bytes_of(folder.file("x.npy")).find('\n') % 64, 63u);  // data are aligned
  EXPECT_FALSE(std::filesystem::exists(folder.file("x.npy.partial")));
}

TEST(Npy, ChecksWhatItWrites) {
  const std::vector<double> two{1, 2};
  EXPECT_THROW(npy_bytes(std::vector<std::size_t>{3}, two), std::invalid_argument);
  EXPECT_THAT(error_of([&] { write_npy("/nonexistent/x.npy", std::vector<std::size_t>{2}, two); }),
              HasSubstr("/nonexistent/x.npy: cannot be written"));
}

constexpr const char* numpy_script = R"(
import sys, numpy as np
folder = sys.argv[1]
if sys.argv[2] == 'write':
    base = np.arange(24).reshape(2, 3, 4)
    for code in ['f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8']:
        for order in '<>':
            array = base.astype(order + code)
            np.save(f'{folder}/{code}_{"big" if order == ">" else "little"}_C.npy', array)
            np.save(f'{folder}/{code}_{"big" if order == ">" else "little"}_F.npy', np.asfortranarray(array))
    np.save(f'{folder}/bool_little_C.npy', base % 2 == 0)
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(f'{folder}/version{version[0]}.npy', 'wb') as out:
            np.lib.format.write_array(out, base.astype(float), version=version)
    np.savez(f'{folder}/stored.npz', a=base, b=base[0] * 0.5)
    np.savez_compressed(f'{folder}/deflated.npz', a=base, b=base[0] * 0.5)
    np.savetxt(f'{folder}/x.csv', base[0] * 0.1, delimiter=',', header='a,b,c,d')
else:
    x = np.load(f'{folder}/ours.npy')
    assert x.dtype == np.float64 and x.shape == (2, 3) and x[1, 2] == 0.1, x
    z = np.load(f'{folder}/ours.npz')
    assert z['x'].shape == (3,) and z['x'][2] == 1e-300, z['x']
    assert z['steps'].dtype == np.int64 and z['steps'][0] == 2**62 + 1, z['steps']
)";

class WithNumpy : public testing::Test {
 protected:
  void SetUp() override {
    if (run("-c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no /usr/bin/python3 with numpy";
    folder_.write("script.py", numpy_script);
  }
  static int run(const std::string& arguments) {
    return std::system(("/usr/bin/python3 " + arguments).c_str());
  }
  int script(const std::string& part) {
    return run(folder_.file("script.py") + " " + folder_.file("") + " " + part);
  }
  TemporaryFolder folder_;
};

TEST_F(WithNumpy, ReadsWhatNumpyWrites) {
  ASSERT_EQ(script("write"), 0);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file(""))) {
    if (entry.path().extension() != ".npy") continue;
    ++files;
    const NumericArray array = read_array(entry.path().string());
    EXPECT_THAT(array.shape, ElementsAre(2, 3, 4)) << entry.path();
    const bool is_bool = entry.path().filename().string().starts_with("bool");
    for (std::size_t i = 0; i < 24; ++i) {
      EXPECT_EQ(array.values[i], is_bool ? (i % 2 == 0) : static_cast<double>(i)) << entry.path();
    }
  }
  EXPECT_EQ(files, 11u * 4 + 1 + 3);
  for (const char* archive : {"stored.npz", "deflated.npz"}) {
    EXPECT_THAT(read_array(folder_.file(archive) + ":a").shape, ElementsAre(2, 3, 4));
    EXPECT_EQ(read_matrix(folder_.file(archive) + ":b")(1, 3), 3.5);
  }
  EXPECT_EQ(read_matrix(folder_.file("x.csv"))(2, 3), 11 * 0.1);
}

TEST_F(WithNumpy, WritesWhatNumpyReads) {
  write_npy(folder_.file("ours.npy"), std::vector<std::size_t>{2, 3},
            std::vector<double>{1, 2, 3, 4, 5, 0.1});
  NpzWriter writer(folder_.file("ours.npz"));
  writer.add("x", std::vector<std::size_t>{3}, std::vector<double>{1, 2, 1e-300});
  writer.add("steps", std::vector<std::size_t>{1},
             std::vector<std::int64_t>{(std::int64_t{1} << 62) + 1});
  writer.close();
  EXPECT_EQ(script("read"), 0);
}

}  // namespace
}  // namespace latetime
