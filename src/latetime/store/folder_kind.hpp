#pragma once

#include <string>
#include <vector>

#include "latetime/store/paper_figure.hpp"

namespace latetime {

// What a run writes in its folder.
constexpr const char* metrics_name = "metrics.csv";
constexpr const char* config_name = "config.toml";
constexpr const char* result_name = "result.h5";

/// What a sweep adds its finished points to.
constexpr const char* points_name = "points.jsonl";

/// Whether `folder` holds a run: a metrics.csv with a header of this program's, or config.toml and
/// result.h5 without it.
bool holds_run(const std::string& folder);

/// The figures whose tables lie in `folder`, in their order.
std::vector<PaperFigure> paper_figures_in(const std::string& folder);

/// Whether `folder` is one of latetime reproduce: a table, settings, or finished runs of a figure.
bool holds_figures(const std::string& folder);

/// Whether this is the name of a folder that a part of a sweep works in: "shard-3-of-8".
bool is_shard_name(const std::string& name);

/// Whether `folder` is one of latetime sweep: finished points, or parts of a sweep.
bool holds_sweep(const std::string& folder);

/// Throws InputError when a figure in this folder would replace the report of a run.
void require_no_run(const std::string& folder);

}  // namespace latetime
