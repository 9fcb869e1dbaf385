#include "latetime/base/outcome.hpp"

namespace latetime {

std::string to_string(StopReason reason) {
  switch (reason) {
    case StopReason::reached_end:
      return "reached-end";
    case StopReason::interrupted:
      return "interrupted";
    case StopReason::not_finite:
      return "not-finite";
  }
  return "unknown";
}

}  // namespace latetime
