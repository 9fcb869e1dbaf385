#pragma once

#include <stdexcept>

namespace latetime {

/// A failure on the way that no check could foresee: a disk that filled up, a folder that vanished,
/// a library that gave up. `what()` is one line. What was reached before is kept. The command line
/// turns it into exit code 3, Python into `RuntimeError`.
class RunFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace latetime
