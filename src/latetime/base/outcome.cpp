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
    case StopReason::not_separated:
      return "not-separated";
    case StopReason::not_separated_so_far:
      return "not-separated-so-far";
    case StopReason::not_late:
      return "not-late";
    case StopReason::flow_failed:
      return "flow-failed";
  }
  return "unknown";
}

}  // namespace latetime
