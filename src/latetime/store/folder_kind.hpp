#pragma once

#include <string>
#include <vector>

#include "latetime/store/paper_figure.hpp"

namespace latetime {

// What a run writes in its folder.
constexpr const char* metrics_name = "metrics.csv";
constexpr const char* config_name = "config.toml";
constexpr const char* result_name = "result.h5";

/// Whether `folder` holds a run: a metrics.csv with a header of this program's, or config.toml and
/// result.h5 without it.
bool holds_run(const std::string& folder);

/// The figures whose tables lie in `folder`, in their order.
std::vector<PaperFigure> paper_figures_in(const std::string& folder);

/// Whether `folder` is one of latetime reproduce: a table, settings, or finished runs of a figure.
bool holds_figures(const std::string& folder);

/// Throws InputError when a figure in this folder would replace the report of a run.
void require_no_run(const std::string& folder);

}  // namespace latetime
