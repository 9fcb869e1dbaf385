#include "latetime/base/choice.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/outcome.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Choice, WordsLeadBackToTheirValues) {
  std::set<std::string_view> words;
  for (const auto& [value, word] : ChoiceTable<StopReason>::words) {
    EXPECT_EQ(text_of(value), word);
    EXPECT_EQ(choice_of<StopReason>(word), value);
    words.insert(word);
  }
  EXPECT_EQ(words.size(), ChoiceTable<StopReason>::words.size());
  EXPECT_EQ(word_of(StopReason::not_separated_so_far), "not-separated-so-far");
  EXPECT_EQ(choice_of<StopReason>("reached_end"), std::nullopt);
}

TEST(Choice, AWordThatIsNoneIsRefusedWithTheNearest) {
  EXPECT_EQ(choice_named<StopReason>("reason", "not-late"), StopReason::not_late);
  try {
    choice_named<StopReason>("reason", "not-lat");
    ADD_FAILURE() << "was taken";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("reason: "), HasSubstr("did you mean \"not-late\"?"),
                                    HasSubstr("one of reached-end, interrupted")));
  }
}

}  // namespace
}  // namespace latetime
