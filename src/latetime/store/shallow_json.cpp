#include "latetime/store/shallow_json.hpp"

namespace latetime {

nlohmann::ordered_json parse_shallow(std::istream& in) {
  constexpr int deepest = 100;
  bool too_deep = false;
  auto json = nlohmann::ordered_json::parse(
      in,
      [&](int depth, nlohmann::ordered_json::parse_event_t, nlohmann::ordered_json&) {
        too_deep = too_deep || depth > deepest;
        return !too_deep;
      },
      false);
  return too_deep ? nlohmann::ordered_json(nlohmann::ordered_json::value_t::discarded) : json;
}

}  // namespace latetime
