#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/data/npz.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/results_place.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime::cli {
namespace {

struct ExportArguments {
  std::string directory;
  bool csv = false;
  bool npz = false;
  std::string to;
};

/// "/records/step" becomes "records.step", a name that NumPy and file systems both take.
std::string flat_name(const std::string& path) {
  std::string name = path.substr(1);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

/// Rows of the leading index, or for more than two dimensions a row for every leading multi-index.
std::string csv_text(const std::vector<std::size_t>& shape, const std::vector<double>& values) {
  const std::size_t columns = shape.size() < 2 ? 1 : shape.back();
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += shortest(values[i]);
    text += (i + 1) % columns == 0 ? '\n' : ',';
  }
  return text;
}

/// Whether an archive holds what `export --npz` writes of a run or a training.
bool is_exported_archive(const std::string& path) {
  try {
    const std::vector<std::string> names = npz_names(path);
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return name == "records.log10_t" || name == "training.step";
    });
  } catch (const InputError&) {
    return false;  // of another kind, or damaged
  }
}

/// Throws InputError for a folder that holds neither an earlier export nor nothing, such as the run
/// itself.
void refuse_other_folder(const std::string& folder) {
  const auto holds = [&](const char* name) {
    std::error_code error;
    return std::filesystem::exists(std::filesystem::path(folder) / name, error);
  };
  const bool of_run = holds("config.toml") || holds("result.h5");
  if (of_run || !holds_run(folder)) refuse_all_but_empty(folder);
}

void export_csv(const ArrayReader& result, const CsvTable& metrics, const std::string& to) {
  refuse_other_folder(to);
  make_results_folder(to);
  const auto file = [&](const std::string& name) {
    return (std::filesystem::path(to) / name).string();
  };
  std::string text = join(metrics.columns, ",") + "\n";
  for (const auto& row : metrics.rows) text += join(row, ",") + "\n";
  replace_file(file("metrics.csv"), text);
  for (const std::string& path : result.numeric_datasets()) {
    if (path.starts_with("/engine/")) continue;  // only --resume needs it
    replace_file(file(flat_name(path) + ".csv"),
                 csv_text(result.shape(path), result.read_doubles(path)));
  }
}

void export_npz(const ArrayReader& result, const std::string& to) {
  refuse_foreign_file(to, "an export", is_exported_archive);
  NpzWriter archive(to);
  for (const std::string& path : result.numeric_datasets()) {
    if (path.starts_with("/engine/")) continue;
    const auto values = result.read_doubles(path);
    archive.add(flat_name(path), result.shape(path), std::span<const double>(values));
  }
  archive.close();
}

int export_run(const ExportArguments& arguments) {
  if (arguments.csv == arguments.npz) throw InputError("export", "give one of --csv and --npz");
  const RunDirectory directory = RunDirectory::open(arguments.directory);
  const auto result = directory.read_result();
  if (!result) {
    throw InputError(directory.file("result.h5"),
                     "is missing: the run was stopped before its first record; use run --resume");
  }
  const CsvTable metrics = read_metrics(directory.file("metrics.csv"));  // refused when damaged
  const std::string to = !arguments.to.empty() ? arguments.to
                         : arguments.csv       ? directory.file("csv")
                                               : directory.file("result.npz");
  if (arguments.csv) {
    export_csv(*result, metrics, to);
  } else {
    export_npz(*result, to);
  }
  fmt::print("{}\n", to);
  return done;
}

}  // namespace

void declare_export(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand("export", "Write a run's arrays as CSV or NPZ");
  command->add_option("DIR", arguments->directory, "folder of a run")->required();
  command->add_flag("--csv", arguments->csv, "a folder of CSV files, one an array (DIR/csv)");
  command->add_flag("--npz", arguments->npz, "one NumPy archive (DIR/result.npz)");
  command->add_option("--to", arguments->to, "another place to write to")->check(not_empty());
  command->footer(
      "Arrays of more than two dimensions become CSV rows of their last index, the other\n"
      "indices in C order. docs/formats.md lists the arrays and their shapes. An earlier export "
      "is\n"
      "replaced, nothing else.");
  command->callback(
      [arguments, &action] { action = [arguments] { return export_run(*arguments); }; });
}

}  // namespace latetime::cli
