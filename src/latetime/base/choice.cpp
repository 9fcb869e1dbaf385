#include "latetime/base/choice.hpp"

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {

void refuse_word(const std::string& where, const std::string& word,
                 const std::vector<std::string>& words) {
  throw InputError(where, fmt::format("\"{}\" is not known; did you mean \"{}\"? (one of {})", word,
                                      nearest_name(word, words), join(words)));
}

}  // namespace latetime
