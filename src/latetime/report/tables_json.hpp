#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "latetime/store/paper_figure.hpp"

namespace latetime {

/// What the page shows of a figure of the paper, from `folder`/figN.csv and figN.toml. Throws
/// InputError.
nlohmann::ordered_json paper_figure_json(const std::string& folder, PaperFigure figure);

/// What the page shows of a training of `latetime train`, from metrics.csv, config.toml and
/// result.h5: records by step, thinned like those of a run. Throws InputError.
nlohmann::ordered_json training_json(const std::string& folder);

}  // namespace latetime
