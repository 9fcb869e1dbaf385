#include "latetime/report/proof_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"
#include "latetime/report/json_values.hpp"
#include "latetime/store/problem_seal.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* enclosed[] = {"norm", "log_loss", "stable_rank_pos", "stable_rank_neg",
                                    "stable_rank_all"};

bool is_list_of_texts(const Json& json) {
  return json.is_array() &&
         std::all_of(json.begin(), json.end(), [](const Json& entry) { return entry.is_string(); });
}

bool is_bounds(const Json& json) {
  return json.is_null() ||
         (json.is_array() && json.size() == 2 && json[0].is_number() && json[1].is_number());
}

bool is_enclosures(const Json& json) {
  if (!json.is_object() || !json.contains("log_time") || !json["log_time"].is_array()) return false;
  const Json& times = json["log_time"];
  if (!std::all_of(times.begin(), times.end(), [](const Json& t) { return t.is_number(); })) {
    return false;
  }
  return std::all_of(std::begin(enclosed), std::end(enclosed), [&](const char* name) {
    if (!json.contains(name) || !json[name].is_array()) return false;
    return json[name].size() == times.size() &&
           std::all_of(json[name].begin(), json[name].end(), is_bounds);
  });
}

/// Whether a page can show it: docs/formats.md, "Proofs".
bool is_proof(const Json& json) {
  if (!json.is_object() || json.value("format", Json()) != "latetime-proof" ||
      json.value("version", Json()) != 1 || !json.value("proved", Json()).is_boolean() ||
      !json.value("level", Json()).is_string() || !json.value("of", Json()).is_string() ||
      (json["proved"].get<bool>() && json["level"] != "A" &&
       !json.value("run", Json()).is_object()) ||
      !is_list_of_texts(json.value("theorem", Json())) || !json.contains("run")) {
    return false;
  }
  if (!json["proved"].get<bool>()) {
    const Json open = json.value("not_proved", Json());
    if (!open.is_object() || !open.value("reason", Json()).is_string() ||
        !open.value("remedy", Json()).is_string()) {
      return false;
    }
  }
  const Json& run = json["run"];
  if (run.is_null()) return true;
  return run.is_object() && run.value("step", Json()).is_number() &&
         run.value("radius", Json()).is_number() && is_enclosures(run.value("enclosures", Json()));
}

}  // namespace

ProofFile read_proof(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(folder) / "proof.json";
  ProofFile file;
  if (!fs::exists(path)) return file;
  std::ifstream in(path);
  const Json json = parse_shallow(in);
  if (!is_proof(json)) {
    throw InputError(path.string(),
                     "holds no proof in the format \"latetime-proof\" 1; make it again by latetime "
                     "prove " +
                         folder);
  }
  const auto result_file = RunDirectory::open(folder).read_result();
  if (result_file && json["of"] != problem_seal(*result_file)) {
    throw InputError(path.string(), "is of another run; make it again by latetime prove " + folder);
  }
  for (const char* name : {"level", "proved", "not_proved", "theorem"}) {
    if (json.contains(name)) file.proof[name] = json[name];
  }
  const Json& run = json["run"];
  if (run.is_null()) {
    file.proof["run"] = nullptr;
  } else {
    file.proof["run"] = {
        {"step", run["step"]}, {"radius", run["radius"]}, {"enclosures", run["enclosures"]}};
  }
  std::error_code unknown;
  const auto made = fs::last_write_time(path, unknown);
  const auto result = fs::last_write_time(fs::path(folder) / "result.h5", unknown);
  file.outdated = !unknown && made < result;
  return file;
}

}  // namespace latetime
