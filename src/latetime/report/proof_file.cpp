#include "latetime/report/proof_file.hpp"

#include <filesystem>

#include "latetime/store/problem_seal.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/stored_proof.hpp"

namespace latetime {

ProofFile read_proof(const std::string& folder) {
  namespace fs = std::filesystem;
  ProofFile file;
  const auto result_file = RunDirectory::open(folder).read_result();
  const auto json =
      result_file ? read_stored_proof(folder, problem_seal(*result_file)) : std::nullopt;
  if (!json) return file;
  for (const char* name : {"level", "proved", "not_proved", "theorem"}) {
    if (json->contains(name)) file.proof[name] = (*json)[name];
  }
  const auto& run = (*json)["run"];
  if (run.is_null()) {
    file.proof["run"] = nullptr;
  } else {
    file.proof["run"] = {
        {"step", run["step"]}, {"radius", run["radius"]}, {"enclosures", run["enclosures"]}};
  }
  std::error_code unknown;
  const auto made = fs::last_write_time(fs::path(folder) / "proof.json", unknown);
  const auto result = fs::last_write_time(fs::path(folder) / "result.h5", unknown);
  file.outdated = !unknown && made < result;
  return file;
}

}  // namespace latetime
