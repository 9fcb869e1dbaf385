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
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

void read_config_keys(RunResults& run, const std::string& path) {
  refuse_deep_keys(run.config, path);
  try {
    const toml::table table = toml::parse(run.config);
    run.slope = table["network"]["slope"].value_or(0.0);
    run.learning_rate = table["descent"]["learning_rate"].value_or(0.0);
    run.method = table["descent"]["method"].value_or(std::string());
    run.batch_size = table["descent"]["batch_size"].value_or(std::size_t{0});
    run.until = table["descent"]["until"].value_or(std::string());
  } catch (const toml::parse_error& error) {
    throw InputError(path, fmt::format("is damaged ({}, line {}); run again", error.description(),
                                       error.source().begin.line));
  }
}

void read_columns(RunResults& run, const std::string& path) {
  const CsvTable table = read_metrics(path);
  const std::size_t engine = table.index_of("engine");
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::vector<double> values;
    for (const auto& row : table.rows) {
      if (c == engine) {
        run.engines.push_back(row[c]);
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
  double number(const std::string& name) const { return read(name, 1).front(); }
  std::string text(const std::string& name) const { return file_.read_string(name); }
  ArrayShape shape(const std::string& name, std::size_t dimensions) const {
    ArrayShape shape = file_.shape(name);
    if (shape.size() != dimensions) {
      throw InputError(path_, fmt::format("{} has {} dimensions where {} are needed; run again",
                                          name, shape.size(), dimensions));
    }
    return shape;
  }
  bool exists(const std::string& name) const { return file_.exists(name); }

 private:
  const ArrayReader& file_;
  std::string path_;
};

void read_final_state(RunResults& run, const Arrays& arrays) {
  const ArrayShape samples = arrays.shape("/data/x", 2);
  const ArrayShape pairs = arrays.shape("/final/preactivations", 3);
  run.n = samples[0];
  run.d = samples[1];
  run.width = pairs[1];
  const std::size_t count = 2 * run.width * run.n;
  run.labels = arrays.read("/data/y", run.n);
  run.preactivations = arrays.read("/final/preactivations", count);
  run.rho = arrays.read("/final/rho", count);
  if (run.counts_switches()) run.last_switch = arrays.read("/final/last_switch_record", count);
}

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

StoredLimit read_stored_limit(const RunResults& run, const Arrays& arrays) {
  StoredLimit limit;
  limit.status = arrays.text("/limit/status");
  limit.message = arrays.text("/limit/message");
  if (!arrays.exists("/limit/margins")) return limit;
  limit.multipliers = arrays.read("/limit/multipliers", run.n);
  limit.support = arrays.read("/limit/support", run.n);
  limit.margins = arrays.read("/limit/margins", run.n);
  limit.verdicts = arrays.read("/limit/verdicts", 2 * run.width * run.n);
  const auto ranks = arrays.read("/limit/stable_rank", 3);
  const auto excesses = arrays.read("/limit/stable_rank_excess", 3);
  std::copy(ranks.begin(), ranks.end(), limit.stable_rank.begin());
  std::copy(excesses.begin(), excesses.end(), limit.stable_rank_excess.begin());
  limit.normalized_margin = arrays.number("/limit/normalized_margin");
  limit.kkt_residual = arrays.number("/limit/kkt_residual");
  limit.strictness = arrays.number("/limit/strictness");
  limit.log10_followed = arrays.number("/limit/log10_followed");
  limit.settled = arrays.number("/limit/settled") != 0.0;
  return limit;
}

/// Codes and counts become places in arrays: each must be a whole number of 0 … `largest`.
void require_codes(const std::vector<double>& codes, double largest, const std::string& name,
                   const std::string& path) {
  const auto sound = [&](double code) {
    return code >= 0.0 && code <= largest && code == std::floor(code);
  };
  if (std::all_of(codes.begin(), codes.end(), sound)) return;
  throw InputError(path, name + " holds a number that has no meaning there; run again");
}

void require_sound_codes(const RunResults& run, const std::string& path) {
  constexpr double largest_verdict = 3.0, largest_count = 0x1p53;
  const auto is_label = [](double label) { return label == 1.0 || label == -1.0; };
  if (!std::all_of(run.labels.begin(), run.labels.end(), is_label)) {
    throw InputError(path, "/data/y holds a label that is not +1 or -1; run again");
  }
  require_codes(run.last_switch, largest_count, "/final/last_switch_record", path);
  if (run.limit) require_codes(run.limit->verdicts, largest_verdict, "/limit/verdicts", path);
}

}  // namespace

std::vector<double> RunResults::margins() const {
  std::vector<double> margins(n, 0.0);
  for (std::size_t k = 0; k < 2 * width; ++k) {
    const double sign = k < width ? 1.0 : -1.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = preactivations[k * n + i];
      margins[i] += sign * std::max(slope * z, z);
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
  const Arrays arrays(*file, directory.file("result.h5"));
  require_all_rows(run, directory.file("metrics.csv"), arrays);
  read_final_state(run, arrays);
  read_spectra(run, arrays);
  run.reason = arrays.text("/outcome/reason");
  run.message = arrays.text("/outcome/message");
  run.step = arrays.number("/outcome/step");
  run.log10_t = arrays.number("/outcome/log10_t");
  run.version = arrays.text("/provenance/version");
  run.machine = arrays.text("/provenance/machine");
  run.kernel = arrays.text("/provenance/kernel");
  run.data_origin = arrays.text("/provenance/data_origin");
  run.wall_seconds = arrays.number("/provenance/wall_seconds");
  if (arrays.exists("/limit/status")) run.limit = read_stored_limit(run, arrays);
  require_sound_codes(run, directory.file("result.h5"));
  return run;
}

}  // namespace latetime
