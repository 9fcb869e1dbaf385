#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// Choices: enums whose values are words in configurations and results, on command lines and in
// Python.

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

/// The word of a value, as it stands in the table.
template <Choice Enum>
constexpr std::string_view text_of(Enum value) {
  for (const auto& entry : ChoiceTable<Enum>::words) {
    if (entry.value == value) return entry.word;
  }
  return {};
}

/// The same as a text of its own.
template <Choice Enum>
std::string word_of(Enum value) {
  return std::string(text_of(value));
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

/// Throws InputError, naming `where`, with the nearest of `words` and all of them.
[[noreturn]] void refuse_word(const std::string& where, const std::string& word,
                              const std::vector<std::string>& words);

/// The value of a word. Throws InputError, naming `where`, for one that is not in the table.
template <Choice Enum>
Enum choice_named(const std::string& where, const std::string& word) {
  if (const auto value = choice_of<Enum>(word)) return *value;
  refuse_word(where, word, words_of<Enum>());
}

}  // namespace latetime
