#pragma once

#include <string>
#include <vector>

#include "latetime/report/pair_maps.hpp"
#include "latetime/report/run_results.hpp"

namespace latetime {

/// One paragraph of a report's summary.
struct Paragraph {
  std::string title;  ///< "What it converges to"
  std::string text;
};

/// A run in words: what was run, what it converges to, how fast, and how sure that is.
std::vector<Paragraph> summarize_run(const RunResults& run, const PairMaps& maps);

/// "10^37.2", "1000": the time that a run reached.
std::string reached_text(const RunResults& run);

}  // namespace latetime
