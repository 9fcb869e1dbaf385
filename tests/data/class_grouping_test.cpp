#include "latetime/data/class_grouping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int out = ClassGrouping::left_out;

TEST(ClassGrouping, KnowsTheNamedOnes) {
  EXPECT_THAT(parse_classes("even-odd").class_of, ElementsAre(0, 1, 0, 1, 0, 1, 0, 1, 0, 1));
  EXPECT_EQ(parse_classes("even-odd").class_count, 2);
  EXPECT_THAT(parse_classes("all").class_of, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(parse_classes("all").class_count, 10);
}

TEST(ClassGrouping, ReadsTwoLists) {
  EXPECT_THAT(parse_classes("0-4 vs 5-9").class_of, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 1, 1));
  EXPECT_THAT(parse_classes("3 vs 8").class_of,
              ElementsAre(out, out, out, 0, out, out, out, out, 1, out));
  EXPECT_THAT(parse_classes("9,1-2 , 0 vs 5,7-7").class_of,
              ElementsAre(0, 0, 0, out, out, 1, out, 1, out, 0));
  EXPECT_THAT(parse_classes("  8 vs 3 ").class_of,
              ElementsAre(out, out, out, 1, out, out, out, out, 0, out));
  EXPECT_EQ(parse_classes("3 vs 8").class_count, 2);
}

TEST(ClassGrouping, RefusesTheRestByName) {
  const std::pair<const char*, const char*> wrong[] = {{"", "expected a digit"},
                                                       {"odd-even", "expected a digit"},
                                                       {"3", "expected a comma or"},
                                                       {"3 vs", "expected a digit"},
                                                       {"vs 3", "expected a digit"},
                                                       {"3 vs 8 vs 9", "nothing may follow"},
                                                       {"3 vs 8,", "expected a digit"},
                                                       {"3 vs 10", "digits are 0 to 9"},
                                                       {"0-12 vs 3", "digits are 0 to 9"},
                                                       {"4-2 vs 8", "go upwards"},
                                                       {"0-4 vs 4-9", "digit 4 stands twice"},
                                                       {"3,3 vs 8", "digit 3 stands twice"},
                                                       {"3 against 8", "expected a comma or"},
                                                       {"-3 vs 8", "expected a digit"},
                                                       {"3 VS 8", "expected a comma or"},
                                                       {"3 vs 8\n", "nothing may follow"}};
  for (const auto& [text, problem] : wrong) {
    EXPECT_THAT(error_of([&, t = text] { parse_classes(t); }),
                AllOf(StartsWith("data.classes: "), HasSubstr(problem)))
        << text;
  }
}

}  // namespace
}  // namespace latetime
