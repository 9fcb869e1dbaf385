#include "latetime/data/csv.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/base/text.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

NumericArray parse(const std::string& text) {
  return parse_csv(text, "X.csv");
}

std::string refusal(const std::string& text) {
  return error_of([&] { parse(text); });
}

void expect_two_by_three(const std::string& text) {
  const NumericArray array = parse(text);
  EXPECT_THAT(array.shape, ElementsAre(2, 3)) << text;
  EXPECT_THAT(array.values, ElementsAre(1, -2.5, 3e4, 4, 5, 6)) << text;
}

TEST(Csv, FindsTheDelimiter) {
  expect_two_by_three("1,-2.5,3e4\n4,5,6\n");
  expect_two_by_three("1;-2.5;3e4\n4;5;6\n");
  expect_two_by_three("1\t-2.5\t3e4\n4\t5\t6\n");
  expect_two_by_three("1 -2.5 3e4\n4 5 6\n");
  expect_two_by_three("   1   -2.5 3e4  \n 4 5      6 \n");
  expect_two_by_three("1 , -2.5 ,3e4\n4,5, 6");
}

TEST(Csv, SkipsHeadersCommentsAndEmptyLines) {
  expect_two_by_three("a,b,c\n1,-2.5,3e4\n4,5,6\n");
  expect_two_by_three("\"first name\",\"b\",\"c\"\r\n1,-2.5,3e4\r\n4,5,6\r\n");
  expect_two_by_three("# a,b,c\n\n1,-2.5,3e4 # one\n\n# between\n4,5,6\n\n");
  expect_two_by_three("# comment\nx y z\n1,-2.5,3e4\n4,5,6\n");
  expect_two_by_three(
      "\xef\xbb\xbf"
      "1,-2.5,3e4\n4,5,6\n");
}

TEST(Csv, ReadsSignsAndSpecialNumbers) {
  const NumericArray array = parse("+1,-1\n1e-300,.5\ninf,-inf\n");
  EXPECT_THAT(array.values, ElementsAre(1, -1, 1e-300, 0.5, INFINITY, -INFINITY));
  EXPECT_TRUE(std::isnan(parse("1,nan\n").values[1]));
}

TEST(Csv, ReadsOneRowAndOneColumn) {
  EXPECT_THAT(parse("1,2,3").shape, ElementsAre(1, 3));
  EXPECT_THAT(parse("1\n2\n3").shape, ElementsAre(3, 1));
}

TEST(Csv, ReadsBackEveryBit) {
  RandomStream stream(1, RandomPurpose::test);
  std::string text;
  std::vector<double> values;
  for (int i = 0; i < 500; ++i) {
    values.push_back(stream.normal() *
                     std::pow(10.0, static_cast<double>(stream.below(600)) - 300));
    text += shortest(values.back()) + (i % 5 == 4 ? "\n" : ",");
  }
  EXPECT_EQ(parse(text).values, values);
}

TEST(Csv, NamesLineAndColumn) {
  EXPECT_THAT(refusal("1,2\n3,x\n"),
              AllOf(StartsWith("X.csv: line 2, column 2: 'x' is not a number"), HasSubstr("; ")));
  EXPECT_THAT(refusal("1,2\n\n# c\n3,\n"), HasSubstr("line 4, column 2: the field is empty"));
  EXPECT_THAT(refusal("1,2\n3\n"), HasSubstr("line 2, column 2: 1 numbers in this row, 2"));
  EXPECT_THAT(refusal("1,2\n3,4,5\n"), HasSubstr("line 2, column 3: 3 numbers in this row, 2"));
  EXPECT_THAT(refusal("1,1e999\n"), HasSubstr("line 1, column 2: 1e999 is beyond the range"));
}

TEST(Csv, RefusesWhatIsNeitherHeaderNorNumbers) {
  EXPECT_THAT(refusal("a,b\nc,d\n1,2\n"), HasSubstr("line 2, column 1: 'c'"));
  EXPECT_THAT(refusal("1,b\n1,2\n"), HasSubstr("line 1, column 2: 'b'"));
  EXPECT_THAT(refusal("1,5;2,5\n"), HasSubstr("'1,5' is not a number"));
  EXPECT_THAT(refusal("1 2\n0x10 1\n"), HasSubstr("'0x10'"));
  EXPECT_THAT(refusal("1,+-2\n"), HasSubstr("'+-2'"));
  EXPECT_THAT(refusal("a,b\n"), HasSubstr("no row of numbers"));
  EXPECT_THAT(refusal("# nothing\n\n"), HasSubstr("no row of numbers"));
  EXPECT_THAT(refusal("1,\x01\xff\n"), HasSubstr("'\\x01\\xff'"));
}

TEST(Csv, ANumberBehindOtherSignsIsNoHeader) {
  for (const char* first : {"\v-1", "$5", "(1)", "\vInfinity", "inf.",
                            "\xc2\xa0"
                            "1",
                            "\xe2\x80\xaf"
                            "1",
                            "\xef\xbb\xbf"
                            "1"}) {
    EXPECT_THAT(refusal("# a\n" + std::string(first) + "\n1\n"),
                HasSubstr("if this line is a header, put # before it"));
  }
  EXPECT_EQ(parse_csv("(x1)\n1\n", "x.csv").shape, (std::vector<std::size_t>{1, 1}));
  EXPECT_EQ(parse_csv("\xce\xb1\n1\n", "x.csv").shape, (std::vector<std::size_t>{1, 1}));
}

TEST(Csv, LinesMayEndAsOnOldMacs) {
  const NumericArray array = parse_csv("1 2\r3 4\r", "x.csv");
  EXPECT_EQ(array.shape, (std::vector<std::size_t>{2, 2}));
  EXPECT_EQ(array.values, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(parse_csv("sep=;\r1;2\r\n3;4", "x.csv").shape, (std::vector<std::size_t>{2, 2}));
}

}  // namespace
}  // namespace latetime
