#include "latetime/base/error.hpp"

#include <gtest/gtest.h>

namespace latetime {
namespace {

TEST(InputErrorMessage, IsOneLineWhateverItQuotes) {
  EXPECT_STREQ(InputError("a\nb.csv", "no \x1b[31m column; tab\there\r\n").what(),
               "a\\x0ab.csv: no \\x1b[31m column; tab\\x09here\\x0d\\x0a");
  EXPECT_STREQ(InputError("plain text").what(), "plain text");
}

TEST(InputErrorMessage, KeepsLettersAndShowsBytesThatAreNone) {
  EXPECT_EQ(one_line("Größe Δ 数 😀 \u00a0"), "Größe Δ 数 😀 \u00a0");
  EXPECT_EQ(one_line("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(one_line("cut \xe2\x82"), "cut \\xe2\\x82");
  EXPECT_EQ(one_line("\xc0\xaf overlong"), "\\xc0\\xaf overlong");
  EXPECT_EQ(one_line("\xed\xa0\x80 surrogate"), "\\xed\\xa0\\x80 surrogate");
  EXPECT_EQ(one_line("\xf4\x90\x80\x80 beyond"), "\\xf4\\x90\\x80\\x80 beyond");
  EXPECT_EQ(one_line("\xc2\x9b control"), "\\xc2\\x9b control");
  EXPECT_EQ(one_line(std::string_view("nul \0", 5)), "nul \\x00");
}

}  // namespace
}  // namespace latetime
