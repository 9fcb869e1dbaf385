#include "latetime/data/svmlight.hpp"

#include <gtest/gtest.h>

namespace latetime {
namespace {

using namespace std::string_literals;

TEST(Svmlight, IsRecognisedByTheTextNotByTheBytes) {
  EXPECT_TRUE(looks_like_svmlight("+1 1:2\n"));
  EXPECT_TRUE(
      looks_like_svmlight("\xff\xfe"
                          "+\0"
                          "1\0 \0"
                          "1\0:\0"
                          "2\0\n\0"s));
  EXPECT_FALSE(
      looks_like_svmlight("\xff\xfe"
                          "ab\n5 1:2\n\n"));        // four Chinese words in UTF-16
  EXPECT_FALSE(looks_like_svmlight("1 1:2\n\0"s));  // no text
}

}  // namespace
}  // namespace latetime
