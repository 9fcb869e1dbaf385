#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latetime/data/gram.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime {

/// How nearly orthogonal samples are.
struct DataInspection {
  Eigen::Index n = 0, d = 0;
  OrthogonalityReport orthogonality;
  bool linearly_independent =
      false;  ///< to rounding: smallest eigenvalue of G above 1e-14 n R_max²
};

/// Throws InputError, naming `where`, for entries whose squares overflow.
DataInspection inspect_samples(const Samples& x, const std::string& where);

/// What a configuration would run.
struct RunInspection {
  DataInspection data;
  std::string origin;
  std::int64_t class_plus = 0, class_minus = 0;  ///< samples of each of two classes
  int class_count = 2;
  std::vector<EngineKind> engines;  ///< that are planned, in order
  LogTime last_step;
  std::size_t records = 0;
  std::int64_t neurons = 0;
};
/// The engines in words: "coefficient, frozen, then flow".
std::string engines_text(const std::vector<EngineKind>& engines);

RunInspection inspect_run(const RunConfig& config, const Dataset& data);

}  // namespace latetime
