#include "latetime/store/stored_proof.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"
#include "latetime/store/shallow_json.hpp"

namespace latetime {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* enclosed[] = {"norm", "log_loss", "stable_rank_pos", "stable_rank_neg",
                                    "stable_rank_all"};

template <class Is>
bool is_list(const Json& json, const Is& is_entry) {
  return json.is_array() && std::all_of(json.begin(), json.end(), is_entry);
}

bool is_text(const Json& json) {
  return json.is_string();
}

bool is_number(const Json& json) {
  return json.is_number();
}

bool is_bounds(const Json& json) {
  return json.is_array() && json.size() == 2 && json[0].is_number() && json[1].is_number();
}

bool is_bounds_if_known(const Json& json) {
  return json.is_null() || is_bounds(json);
}

/// A key of an object, or a value that has no form.
const Json& at(const Json& json, const char* name) {
  static const Json none(Json::value_t::discarded);
  return json.is_object() && json.contains(name) ? json[name] : none;
}

bool is_number_or_null(const Json& json) {
  return json.is_null() || json.is_number();
}

bool is_parts(const Json& json) {
  return is_bounds_if_known(at(json, "pos")) && is_bounds_if_known(at(json, "neg")) &&
         is_bounds_if_known(at(json, "all"));
}

bool is_limit(const Json& json) {
  const Json& switching = at(json, "switching");
  const std::size_t count = at(switching, "neuron").size();
  return is_bounds(at(json, "norm")) && is_bounds(at(json, "normalized_margin")) &&
         is_bounds(at(json, "loss_constant")) && is_parts(at(json, "stable_rank")) &&
         is_parts(at(json, "spectral_norm")) && is_list(at(json, "support"), is_number) &&
         is_list(at(json, "multipliers"), is_bounds) && is_list(at(json, "margins"), is_bounds) &&
         at(json, "dead_neurons").is_number() && is_list(at(switching, "neuron"), is_number) &&
         is_list(at(switching, "sample"), is_number) && at(switching, "sample").size() == count &&
         is_list(at(switching, "slope"), is_bounds) && at(switching, "slope").size() == count &&
         is_list(at(switching, "density"), is_bounds) && at(switching, "density").size() == count;
}

bool is_enclosures(const Json& json) {
  const Json& times = at(json, "log_time");
  return is_list(times, is_number) &&
         std::all_of(std::begin(enclosed), std::end(enclosed), [&](const char* name) {
           return is_list(at(json, name), is_bounds_if_known) &&
                  at(json, name).size() == times.size();
         });
}

bool is_tube(const Json& json) {
  return is_list(at(json, "log_time"), is_number) && is_list(at(json, "radius"), is_number) &&
         at(json, "log_time").size() == at(json, "radius").size();
}

bool is_run(const Json& json) {
  return at(json, "step").is_number() && at(json, "from_start").is_boolean() &&
         at(json, "start_distance").is_number() && at(json, "radius").is_number() &&
         at(json, "log_straight_from").is_number() && at(json, "offset").is_number() &&
         is_number_or_null(at(json, "log_settled_from")) && is_tube(at(json, "tube")) &&
         is_list(at(json, "slope_changes"), is_number) && is_enclosures(at(json, "enclosures"));
}

bool is_reason(const Json& json) {
  return at(json, "reason").is_string() && at(json, "remedy").is_string();
}

bool is_claim(const Json& json) {
  const Json& conclusion = at(json, "conclusion");
  return at(json, "id").is_string() && at(json, "from_step").is_number_unsigned() &&
         (conclusion == "holds" || conclusion == "fails");
}

bool is_attempt(const Json& json) {
  return is_reason(json) && at(json, "step").is_number();
}

/// Whether every key is there, in its form, and what is called proved stands there.
bool is_proof(const Json& json) {
  const Json &level = at(json, "level"), &limit = at(json, "limit"), &run = at(json, "run");
  if (at(json, "format") != "latetime-proof" || at(json, "version") != 1 ||
      !at(json, "source").is_string() || !at(json, "of").is_string() ||
      !(level == "A" || level == "B" || level == "C") || !at(json, "proved").is_boolean() ||
      !is_list(at(json, "theorem"), is_text) || !is_list(at(json, "claims"), is_claim) ||
      !is_list(at(json, "attempts"), is_attempt) || !(limit.is_null() || is_limit(limit)) ||
      !(run.is_null() || is_run(run))) {
    return false;
  }
  if (!json["proved"].get<bool>()) return is_reason(at(json, "not_proved"));
  return limit.is_object() && (level == "A" || run.is_object());
}

}  // namespace

std::optional<Json> read_stored_proof(const std::string& folder, const std::string& of) {
  const auto path = std::filesystem::path(folder) / "proof.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string mend = "; make it again by latetime prove " + folder;
  std::ifstream in(path);
  Json json = parse_shallow(in);
  if (!is_proof(json)) {
    throw InputError(path.string(), "holds no proof in the format \"latetime-proof\" 1" + mend);
  }
  if (json["of"] != of) throw InputError(path.string(), "is of another run" + mend);
  return json;
}

}  // namespace latetime
