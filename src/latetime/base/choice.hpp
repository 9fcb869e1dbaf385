#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// Choices: enums whose values are words in configurations, on command lines and in Python.

namespace latetime {

template <class Enum>
struct ChoiceWord {
  Enum value;
  std::string_view word;
};

/// The one table of an enum's words, in the order in which they are listed: a static member
/// `words`, an array of ChoiceWord. Specialised beside the enum.
template <class Enum>
struct ChoiceTable;

template <class Enum>
concept Choice = std::is_enum_v<Enum> && requires {
  ChoiceTable<Enum>::words;
};

/// The word of a value.
template <Choice Enum>
std::string word_of(Enum value) {
  for (const auto& entry : ChoiceTable<Enum>::words) {
    if (entry.value == value) return std::string(entry.word);
  }
  return {};
}

/// The value of a word; nothing for one that is not in the table.
template <Choice Enum>
std::optional<Enum> choice_of(std::string_view word) {
  for (const auto& entry : ChoiceTable<Enum>::words) {
    if (entry.word == word) return entry.value;
  }
  return std::nullopt;
}

/// All words, in the order of the table.
template <Choice Enum>
std::vector<std::string> words_of() {
  std::vector<std::string> words;
  for (const auto& entry : ChoiceTable<Enum>::words) words.emplace_back(entry.word);
  return words;
}

}  // namespace latetime
