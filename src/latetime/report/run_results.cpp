#include "latetime/report/run_results.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/toml_depth.hpp"
#include "latetime/store/record.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

void read_config_keys(RunResults& run, const std::string& path) {
  refuse_deep_keys(run.config, path);
  try {
    const toml::table table = toml::parse(run.config);
    run.activation = {.slope = table["network"]["slope"].value_or(0.0),
                      .smoothing = table["network"]["smoothing"].value_or(0.0)};
    run.learning_rate = table["descent"]["learning_rate"].value_or(0.0);
    if (const auto method = table["descent"]["method"].value<std::string>()) {
      run.method = choice_named<Method>(path + ": descent.method", *method);
    }
    if (const auto loss = table["descent"]["loss"].value<std::string>()) {
      run.loss = choice_named<LossName>(path + ": descent.loss", *loss);
    }
    run.batch_size = table["descent"]["batch_size"].value_or(std::size_t{0});
    run.until = table["descent"]["until"].value_or(std::string());
  } catch (const toml::parse_error& error) {
    throw InputError(path, fmt::format("is damaged ({}, line {}); run again", error.description(),
                                       error.source().begin.line));
  }
}

void read_columns(RunResults& run, const std::string& path) {
  const CsvTable table = read_metrics(path);
  const std::size_t engine = table.index_of(engine_column);
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::vector<double> values;
    for (const auto& row : table.rows) {
      if (c == engine) {
        run.engines.push_back(choice_named<EngineKind>(path + ": column engine", row[c]));
      } else {
        values.push_back(row[c].empty() ? std::nan("") : std::strtod(row[c].c_str(), nullptr));
      }
    }
    if (c != engine) run.columns[table.columns[c]] = std::move(values);
  }
  for (const char* needed : {"log10_t",
                             "step",
                             "log_loss",
                             "min_margin",
                             "normalized_margin",
                             "stable_rank_pos",
                             "stable_rank_neg",
                             "stable_rank_all",
                             "norm_w",
                             "kkt_residual",
                             "sliding_pairs",
                             "error_estimate",
                             "stable_rank_excess_pos",
                             "stable_rank_excess_neg",
                             "stable_rank_excess_all",
                             "kkt_stationarity",
                             "kkt_complementarity",
                             "neuron_norm_min",
                             "neuron_norm_mean",
                             "neuron_norm_max",
                             "own_switches",
                             "other_switches",
                             "switching_pairs",
                             "undecided_events"}) {
    table.index_of(needed);  // throws
  }
}

/// Reads arrays of result.h5 and holds them to the sizes that they must have.
class Arrays {
 public:
  Arrays(const ArrayReader& file, std::string path) : file_(file), path_(std::move(path)) {}

  std::vector<double> read(const std::string& name, std::size_t size) const {
    std::vector<double> values = file_.read_doubles(name);
    if (values.size() != size) {
      throw InputError(path_, fmt::format("{} has {} entries where {} are needed; run again", name,
                                          values.size(), size));
    }
    return values;
  }
  ArrayShape shape(const std::string& name, std::size_t dimensions) const {
    ArrayShape shape = file_.shape(name);
    if (shape.size() != dimensions) {
      throw InputError(path_, fmt::format("{} has {} dimensions where {} are needed; run again",
                                          name, shape.size(), dimensions));
    }
    return shape;
  }

 private:
  const ArrayReader& file_;
  std::string path_;
};

/// metrics.csv is written first: a run that was killed may have more rows there, never fewer.
void require_all_rows(const RunResults& run, const std::string& path, const Arrays& arrays) {
  const std::size_t known = arrays.shape("/records/singular_values_pos", 2)[0];
  if (run.engines.size() < known) {
    const auto folder = std::filesystem::path(path).parent_path();
    throw InputError(
        path, fmt::format("has {} rows but result.h5 knows of {}; it was cut, make it anew "
                          "from result.h5: latetime run {} --resume --out {}",
                          run.engines.size(), known, shell_word((folder / "config.toml").string()),
                          shell_word(folder.string())));
  }
}

void read_spectra(RunResults& run, const Arrays& arrays) {
  for (const char* part : {"pos", "neg", "all"}) {
    const std::string name = std::string("/records/singular_values_") + part;
    const ArrayShape shape = arrays.shape(name, 2);
    run.spectra[part] = {shape[1], arrays.read(name, shape[0] * shape[1])};
  }
}

void require_labels(const RunResults& run, const std::string& path) {
  const auto is_label = [](double label) { return label == 1.0 || label == -1.0; };
  if (std::all_of(run.labels.begin(), run.labels.end(), is_label)) return;
  throw InputError(path, "/data/y holds a label that is not +1 or -1; run again");
}

void require_switches(const RunResults& run, const std::string& path) {
  const auto& records = run.state.last_switch_record;
  if (run.counts_switches() && records.empty()) {
    throw InputError(path, "/final/last_switch_record is missing; the file is damaged, run again");
  }
  if (std::ranges::any_of(records, [&](auto record) { return record >= run.records(); })) {
    throw InputError(path, "/final/last_switch_record names a record that there is not; run again");
  }
}

}  // namespace

std::vector<double> RunResults::margins() const {
  std::vector<double> margins(n, 0.0);
  for (std::size_t k = 0; k < 2 * width; ++k) {
    const double sign = k < width ? 1.0 : -1.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = state.preactivations[k * n + i];
      margins[i] += sign * activation.value(z);
    }
  }
  for (std::size_t i = 0; i < n; ++i) margins[i] *= labels[i] / static_cast<double>(width);
  return margins;
}

RunResults read_run_results(const std::string& folder) {
  const RunDirectory directory = RunDirectory::open(folder);
  RunResults run{.folder = folder, .config = directory.config_text()};
  read_config_keys(run, directory.file("config.toml"));
  refuse_training(folder);
  const auto file = directory.read_result();
  if (!file) {
    throw InputError(directory.file("result.h5"),
                     "is missing: the run was stopped before its first record; use run --resume");
  }
  read_columns(run, directory.file("metrics.csv"));
  if (run.engines.empty()) {
    throw InputError(directory.file("metrics.csv"), "holds no record yet; use run --resume");
  }
  const std::string path = directory.file("result.h5");
  const RunSizes sizes = read_sizes(*file, path);
  if (sizes.classes > 2) {
    throw InputError(path, fmt::format("pages are of runs of two classes, this one has {}; look at "
                                       "metrics.csv and overview.svg, or latetime export",
                                       sizes.classes));
  }
  const Arrays arrays(*file, path);
  require_all_rows(run, directory.file("metrics.csv"), arrays);
  run.n = sizes.samples;
  run.d = sizes.dim;
  run.width = sizes.width;
  run.labels = read_group<RunBeginning>(*file, path, sizes).y;
  run.state = read_group<FinalState>(*file, path, sizes);
  run.end = read_group<RunEnd>(*file, path, sizes);
  run.provenance = read_group<Provenance>(*file, path, sizes);
  if (has_group<StoredLimit>(*file)) run.limit = read_group<StoredLimit>(*file, path, sizes);
  read_spectra(run, arrays);
  require_labels(run, path);
  require_switches(run, path);
  return run;
}

}  // namespace latetime
