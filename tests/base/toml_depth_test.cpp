#include "latetime/base/toml_depth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

std::string repeated(const std::string& part, std::size_t times) {
  std::string text;
  for (; times > 0; --times) text += part;
  return text;
}

TEST(TomlDepth, KeysOfThousandsOfPartsAreRefused) {
  EXPECT_THAT(
      error_of([] { refuse_deep_keys("seed = 1\n" + repeated("a.", 5000) + "b = 1", "c"); }),
      testing::StartsWith("c:2: "));
  EXPECT_THAT(error_of([] { refuse_deep_keys("[" + repeated("a.", 5000) + "b]", "c"); }),
              testing::StartsWith("c:1: "));
}

TEST(TomlDepth, DotsInTextsAndOnManyLinesAreNone) {
  refuse_deep_keys("at = [" + repeated("\"1.5\", ", 5000) + "]", "c");
  refuse_deep_keys(repeated("a.b = 1.5\n", 5000), "c");
  refuse_deep_keys("# " + repeated(".", 5000), "c");
  refuse_deep_keys("a = \"\"\"\n\"" + repeated(".", 5000) + "\"\"\"", "c");
}

TEST(TomlDepth, NoMarkOfATextHidesAKey) {
  const std::string deep = repeated("a.", 5000) + "b = 1";
  for (const char* before :
       {R"(x."\"".)", R"(x = {y = """ " """, )", R"(x = {y = """"z"""", )", R"(x = {y = '''"''', )",
        "x = \"\"\"\n\"\"\"\n", "# don't\n", R"(x = {y = "\\", )", R"(x = {y = '', )"}) {
    EXPECT_THAT(error_of([&] { refuse_deep_keys(before + deep, "c"); }),
                testing::HasSubstr("thousands of parts"))
        << before;
  }
}

}  // namespace
}  // namespace latetime
