#pragma once

#include <vector>

namespace latetime::fuzz {

/// Which branches of the instrumented sources (-fsanitize-coverage=trace-pc) inputs have taken, and
/// roughly how often.
class Coverage {
 public:
  Coverage();
  /// Forgets what the running input has done so far.
  void begin();
  /// Whether the input since `begin` did what none did before; takes note of it.
  bool is_new();

 private:
  std::vector<unsigned char> seen_;
};

}  // namespace latetime::fuzz
