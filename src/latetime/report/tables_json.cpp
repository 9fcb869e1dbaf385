#include "latetime/report/tables_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/toml_depth.hpp"
#include "latetime/report/json_values.hpp"
#include "latetime/report/thinning.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

using nlohmann::ordered_json;

constexpr int record_digits = 9;

double number_of(const std::string& text) {
  return text.empty() ? std::nan("") : std::strtod(text.c_str(), nullptr);
}

std::vector<double> column_of(const CsvTable& table, const std::string& name) {
  const std::size_t c = table.index_of(name);  // throws
  std::vector<double> values;
  for (const auto& row : table.rows) values.push_back(number_of(row[c]));
  return values;
}

/// Mean and largest of the groups' stable ranks at each record.
struct GroupRanks {
  std::vector<double> mean, most;
};

GroupRanks group_ranks(const CsvTable& table) {
  const std::size_t c = table.index_of("group_stable_ranks");
  GroupRanks ranks;
  for (const auto& row : table.rows) {
    std::istringstream text(row[c]);
    double sum = 0.0, most = std::nan("");
    int count = 0;
    for (double rank = 0.0; text >> rank; ++count) {
      sum += rank;
      most = std::fmax(most, rank);
    }
    ranks.mean.push_back(count ? sum / count : std::nan(""));
    ranks.most.push_back(most);
  }
  return ranks;
}

/// What a reader must know of the runs behind a figure, from figN.toml.
ordered_json figure_notes(const std::string& config, const std::string& path) {
  refuse_deep_keys(config, path);
  toml::table table;
  try {
    table = toml::parse(config);
  } catch (const toml::parse_error& error) {
    throw InputError(path, fmt::format("is damaged ({}, line {}); make the figure again",
                                       error.description(), error.source().begin.line));
  }
  const auto number = [&](const char* key) { return table[key].value_or(std::int64_t{0}); };
  ordered_json notes = ordered_json::array();
  if (const auto quick = table["quick"].value<std::string>()) {
    notes.push_back("A quick look, not the whole figure: " + *quick + ".");
  }
  const std::int64_t runs = number("runs"), first = number("first_seed"), n = number("n");
  if (runs < 1) return notes;
  std::string text = fmt::format(
      "{} a curve, {} epochs.",
      runs == 1 ? fmt::format("One run (seed {})", first)
                : fmt::format("{} runs (seeds {} to {})", runs, first, first + runs - 1),
      number("epochs"));
  if (table.contains("images")) {
    text += " A seed draws the initial weights and the batches; ";
    text += n == 0
                ? "every run trains on all images of the set."
                : fmt::format(
                      "every run trains on the same {} images, drawn with seed {}, and is tested "
                      "on the same {}.",
                      n, first, number("test_n"));
  } else {
    text += " A seed draws samples, initial weights and batches.";
  }
  notes.push_back(text);
  return notes;
}

}  // namespace

ordered_json paper_figure_json(const std::string& folder, PaperFigure figure) {
  const std::string name = word_of(figure);
  const auto path = [&](const char* suffix) {
    return (std::filesystem::path(folder) / (name + suffix)).string();
  };
  const CsvTable table = read_metrics(path(".csv"));
  std::vector<std::string> wanted = {"epoch"};
  const bool first = figure == PaperFigure::fig1;
  for (const char* by : first ? std::vector{"slope"} : std::vector{"init_std", "width", "step"}) {
    wanted.push_back(by);
  }
  for (const char* quantity :
       first ? std::vector{"stable_rank_pos", "stable_rank_neg", "stable_rank_all", "loss"}
             : std::vector{"stable_rank_all", "group_stable_rank", "test_error", "running_loss"}) {
    wanted.push_back(std::string(quantity) + "_mean");
    wanted.push_back(std::string(quantity) + "_std");
  }
  ordered_json columns;
  for (const std::string& column : wanted) {
    columns[column] = json_numbers(column_of(table, column));
  }
  std::ifstream settings(path(".toml"));
  if (!settings) {
    throw InputError(path(".toml"), "is missing; run latetime reproduce " + name + " again");
  }
  const std::string config(std::istreambuf_iterator<char>(settings), {});
  return {{"figure", name},
          {"folder", folder},
          {"config", config},
          {"notes", figure_notes(config, path(".toml"))},
          {"columns", columns}};
}

ordered_json training_json(const std::string& folder) {
  const RunDirectory directory = RunDirectory::open(folder);
  const CsvTable table = read_metrics(directory.file("metrics.csv"));
  if (table.rows.empty()) {
    throw InputError(directory.file("metrics.csv"),
                     "holds no record yet; let latetime train go on with --resume");
  }
  std::vector<std::pair<std::string, std::vector<double>>> columns;
  for (const char* name :
       {"step", "epoch", "train_error", "test_error", "running_error", "test_loss", "running_loss",
        "stable_rank_all", "stable_rank_proved_error", "norm_w", "min_margin"}) {
    columns.emplace_back(name, column_of(table, name));
  }
  std::vector<double> losses = column_of(table, "log_loss");
  for (double& loss : losses) loss = std::exp(loss);
  columns.emplace_back("loss", std::move(losses));
  GroupRanks ranks = group_ranks(table);
  columns.emplace_back("group_rank_mean", std::move(ranks.mean));
  columns.emplace_back("group_rank_max", std::move(ranks.most));
  std::vector<std::vector<double>> curves;
  for (const auto& [name, values] : columns) curves.push_back(values);
  const auto shown = records_to_draw(column_of(table, "log10_t"), curves, {}, drawn_time_parts);
  ordered_json drawn;
  for (const auto& [name, values] : columns) {
    drawn[name] = json_numbers(values, shown, record_digits);
  }
  const auto file = directory.read_result();
  const auto text = [&](const char* name) {
    return file ? file->read_string(name) : std::string();
  };
  const std::string message = text("/outcome/message");
  return {
      {"name", folder_name(folder)},
      {"folder", folder},
      {"command", fmt::format("latetime train {}/config.toml --out NEW", folder)},
      {"config", directory.config_text()},
      {"reason", text("/outcome/reason")},
      {"message", message.empty() ? "Carried out to its end." : "Ended early: " + message + "."},
      {"no_test", file && file->exists("/training/no_test") ? text("/training/no_test") : ""},
      {"machine", text("/provenance/machine")},
      {"kernel", text("/provenance/kernel")},
      {"version", text("/provenance/version")},
      {"total", table.rows.size()},
      {"columns", drawn}};
}

}  // namespace latetime
