#pragma once

#include <stdexcept>
#include <string>

namespace latetime {

/// Input that the user can mend: a file, a config key or a command-line argument. `what()` is one
/// line that names the place, what is wrong and the mend. The command line turns it into exit code
/// 2, Python into `ValueError`.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;

  /// "WHERE: what is wrong; how to mend it".
  InputError(const std::string& where, const std::string& problem)
      : std::runtime_error(where + ": " + problem) {}
};

}  // namespace latetime
