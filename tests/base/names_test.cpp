#include "latetime/base/names.hpp"

#include <gtest/gtest.h>

namespace latetime {
namespace {

TEST(Names, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("runs/a-1.0"), "runs/a-1.0");
  EXPECT_EQ(shell_word("my run"), "'my run'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Names, KnowsUtf8) {
  for (const char* good : {"", "run", "Größe", "\u2212", "\U0001f600", "\uffff"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace latetime
