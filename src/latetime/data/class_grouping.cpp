#include "latetime/data/class_grouping.hpp"

#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text), rest_(text) {}

  /// LIST "vs" LIST.
  ClassGrouping two_lists() {
    grouping_.class_of.fill(ClassGrouping::left_out);
    list(0);
    if (!take("vs")) fail("expected a comma or \"vs\"");
    list(1);
    if (!rest_.empty()) fail("nothing may follow the second list");
    return grouping_;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError("data.classes",
                     fmt::format("\"{}\": {}; write \"even-odd\", \"all\", or two lists such as "
                                 "\"0-4 vs 5-9\" or \"1,3 vs 8\"",
                                 printable(text_), problem));
  }
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool take(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    skip_blanks();
    return true;
  }
  int digit() {
    skip_blanks();
    std::size_t length = 0;
    while (length < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[length]))) {
      ++length;
    }
    if (length == 0) fail("expected a digit");
    if (length > 1) fail("digits are 0 to 9");
    const int value = rest_.front() - '0';
    rest_.remove_prefix(1);
    skip_blanks();
    return value;
  }
  void list(int class_number) {
    do {
      const int first = digit();
      const int last = take("-") ? digit() : first;
      if (last < first) fail("a range must go upwards");
      for (int value = first; value <= last; ++value) {
        int& assigned = grouping_.class_of[static_cast<std::size_t>(value)];
        if (assigned != ClassGrouping::left_out) fail(fmt::format("digit {} stands twice", value));
        assigned = class_number;
      }
    } while (take(","));
  }

  const std::string& text_;
  std::string_view rest_;
  ClassGrouping grouping_{};
};

}  // namespace

ClassGrouping parse_classes(const std::string& text) {
  ClassGrouping grouping{};
  if (text == "even-odd") {
    for (int digit = 0; digit < 10; ++digit) {
      grouping.class_of[static_cast<std::size_t>(digit)] = digit % 2;
    }
    return grouping;
  }
  if (text == "all") {
    for (int digit = 0; digit < 10; ++digit) {
      grouping.class_of[static_cast<std::size_t>(digit)] = digit;
    }
    grouping.class_count = 10;
    return grouping;
  }
  return Parser(text).two_lists();
}

}  // namespace latetime
