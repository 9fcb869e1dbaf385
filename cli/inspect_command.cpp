#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/inspection.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct InspectArguments {
  std::string target;
  std::vector<std::string> set;
  bool json = false;
};

using nlohmann::ordered_json;

ordered_json data_report(const DataInspection& data) {
  const OrthogonalityReport& report = data.orthogonality;
  return {{"n", data.n},
          {"d", data.d},
          {"R_min", report.norm_min},
          {"R_max", report.norm_max},
          {"R", report.norm_ratio},
          {"p", report.max_inner_product},
          {"n_p_over_R_min_squared", report.np_over_norm2},
          {"smallest_eigenvalue_of_G", report.min_eigenvalue},
          {"linearly_independent", data.linearly_independent}};
}

/// What a configuration would run: the data, the classes, the descent.
ordered_json config_report(const RunConfig& config) {
  const RunInspection run = inspect_run(config, load_data(config));
  ordered_json report = data_report(run.data);
  report["origin"] = run.origin;
  if (run.class_count > 2) {
    report["classes"] = run.class_count;
  } else {
    report["samples_of_class_plus"] = run.class_plus;
    report["samples_of_class_minus"] = run.class_minus;
  }
  report["engine"] = engines_text(run.engines);
  const LogTime& last = run.last_step;
  report["last_step"] = last.step() ? ordered_json(*last.step()) : ordered_json(to_string(last));
  report["records"] = run.records;
  report["neurons"] = run.neurons;
  return report;
}

std::string shown(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer()) return value.dump();
  return brief(value.get<double>(), 8);
}

/// What to do about entries so large that the first step may switch neurons off for ever.
void print_scale(const ordered_json& report) {
  constexpr double large = 10.0;  // typical size of an entry: pixels are of 0 to 255
  const double typical = report["R_max"].get<double>() / std::sqrt(report["d"].get<double>());
  if (!(typical > large)) return;
  fmt::print(
      "{:<28}entries of {:.3g} on average: divide the samples (pixels: X / 255), or lower\n"
      "{:<28}descent.learning_rate; too large a first step switches neurons off for ever\n",
      "scale", typical, "");
}

int inspect(const InspectArguments& arguments) {
  const std::string& target = arguments.target;
  const bool is_config = target.ends_with(".toml");
  if (!is_config && !arguments.set.empty()) {
    throw InputError("--set", "changes a configuration; name a .toml file to inspect");
  }
  ordered_json report;
  if (is_config) {
    report = config_report(read_config(target, arguments.set));
  } else {
    const Matrix x = read_matrix(target);
    if (x.size() == 0) throw InputError(target, "the array is empty; give at least one sample");
    require_finite(x, target);
    report = data_report(inspect_samples(x, target));
  }
  if (arguments.json) {
    fmt::print("{}\n", report.dump(2));
    return done;
  }
  for (const auto& [key, value] : report.items()) fmt::print("{:<28}{}\n", key, shown(value));
  print_scale(report);
  return done;
}

}  // namespace

void declare_inspect(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command =
      app.add_subcommand("inspect", "Show how nearly orthogonal the samples are, before a run");
  command
      ->add_option("TARGET", arguments->target,
                   "a configuration (.toml), or samples n x d (.npy, .npz:name, .csv, .h5:/path)")
      ->required();
  command->add_option("--set", arguments->set, "section.key=value: change one key (repeatable)")
      ->take_all()
      ->expected(1);
  command->add_flag("--json", arguments->json, "print JSON");
  command->footer(
      "R_min, R_max: smallest and largest norm of a sample; R = R_max / R_min.\n"
      "p: largest |<x_i, x_k>| of two samples. The paper asks R_min^2 >= C R^2 n p (ReLU), and\n"
      "R_min^2 >= C R^2 n p / slope^4 (leaky ReLU), for a large constant C.");
  command->callback([arguments, &action] { action = [arguments] { return inspect(*arguments); }; });
}

}  // namespace latetime::cli
