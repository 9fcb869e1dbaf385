// Configurations, and what lies in the folders of runs and figures: metrics.csv, result.h5,
// claims.json, tables; as they are read by resume, limit, check and report.

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fuzz/array_text.hpp"
#include "fuzz/mutator.hpp"
#include "fuzz/reader.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/report/claims_file.hpp"
#include "latetime/report/figure1.hpp"
#include "latetime/report/image_figure.hpp"
#include "latetime/report/report_json.hpp"
#include "latetime/report/run_overview.hpp"
#include "latetime/report/tables_json.hpp"
#include "latetime/report/training_overview.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime::fuzz {
namespace {

namespace fs = std::filesystem;

bool one_in(std::size_t n, const Input& input) {
  return std::hash<std::string>()(input.bytes) % n == 0;
}

// ---- configurations

/// A configuration; lines "#set key=value" stand for --set.
class ConfigTarget : public Target {
 public:
  explicit ConfigTarget(const std::string& folder) : folder_(folder) {}
  void read(const Input& input) override {
    const std::string path = folder_ + "/config.toml";
    write_bytes(path, input.bytes);
    std::vector<std::string> overrides;
    for (std::size_t at = input.bytes.find("#set "); at != std::string::npos;
         at = input.bytes.find("#set ", at + 1)) {
      overrides.push_back(input.bytes.substr(at + 5, input.bytes.find('\n', at) - at - 5));
    }
    const RunConfig config = read_config(path, overrides);
    const std::string text = to_toml(config);
    const RunConfig again = parse_config(text, "again", folder_);
    require(first_difference(config, again).empty(), "written and read again, a key differs");
    require(to_toml(again) == text, "written again, it is another text");
  }
  std::vector<std::string> places() const override { return {folder_, "--set"}; }

 private:
  std::string folder_;
};

// ---- tables

std::string text_of(const CsvTable& table, std::size_t rows) {
  std::string text = join(table.columns, ",") + "\n";
  for (std::size_t row = 0; row < rows; ++row) text += join(table.rows[row], ",") + "\n";
  return text;
}

/// Kinds "metrics.csv" (of a run), "training.csv", "fig1.csv" … "fig5.csv".
class TableTarget : public Target {
 public:
  explicit TableTarget(const std::string& folder) : folder_(folder) {
    for (const char* figure : {"fig1", "fig2", "fig3", "fig4", "fig5"}) {
      write_bytes(folder_ + "/" + figure + ".toml", "command = \"\"\n");
    }
    write_bytes(folder_ + "/config.toml", "");
  }

  void read(const Input& input) override {
    const bool metrics = input.kind == "metrics.csv", training = input.kind == "training.csv";
    const std::string path = folder_ + "/" + (training ? "metrics.csv" : input.kind);
    write_bytes(path, input.bytes);
    const CsvTable table = read_metrics(path);
    const std::size_t end = input.bytes.rfind('\n');
    require(text_of(table, table.rows.size()) == input.bytes.substr(0, end + 1),
            "the table is not the file's");
    if (metrics && one_in(4, input)) check_kept_rows(table, path);
    if (metrics) {
      draw_run_overview(path);
    } else if (training) {
      if (holds_training(folder_)) training_json(folder_);
      draw_training_overview(path);
    } else {
      paper_figure_json(folder_, input.kind.substr(0, 4));
      input.kind == "fig1.csv" ? draw_figure1(path) : draw_image_figure(path);
    }
  }
  std::vector<std::string> places() const override { return {folder_}; }

 private:
  void check_kept_rows(const CsvTable& table, const std::string& path) const {
    const std::size_t rows = table.rows.size() / 2;
    RunDirectory::open(folder_).keep_rows(rows);
    require(bytes_of(path) == text_of(table, rows), "the rows kept are not the first ones");
    write_bytes(path, text_of(table, table.rows.size()));
  }

  std::string folder_;
};

// ---- claims

class ClaimsTarget : public Target {
 public:
  explicit ClaimsTarget(const std::string& folder) : folder_(folder) {}
  void read(const Input& input) override {
    write_bytes(folder_ + "/claims.json", input.bytes);
    const ClaimsFile file = read_claims(folder_);
    require(file.claims.is_object(), "no claims were read");
    using Json = nlohmann::ordered_json;
    const std::string text = file.claims.dump(-1, ' ', false, Json::error_handler_t::replace);
    const Json again = Json::parse(text, nullptr, false);
    require(again.dump(-1, ' ', false, Json::error_handler_t::replace) == text,
            "written and read again, it is another text");
  }
  std::vector<std::string> places() const override { return {folder_}; }

 private:
  std::string folder_;
};

// ---- folders of runs

/// Runs small enough to be made again and again: one of exact steps, one that reaches late time.
RunConfig small_run(bool late) {
  RunConfig config;
  config.data.source = "orthogonal";
  config.data.n = 2;
  config.data.d = 3;
  config.network.width = 2;
  config.network.init_std = 0.1;
  config.descent.learning_rate = 0.5;
  config.descent.until = late ? "1e30" : "200";
  config.record.per_decade = 1;
  return config;
}

constexpr const char* few_claims =
    R"({"format": "latetime-claims", "version": 1, "source": "run", "run": {"n": 2, "d": 3},
"thresholds": {"delta": 0.1}, "looked_at": {"until": {"step": 9}, "notes": ["a"]}, "counts": {"Holds": 1},
"claims": [{"id": "5.4", "verdict": "Holds", "hypotheses": [{"name": "a", "met": true}], "measured": [],
"figures": [{"name": "f", "value": null}]}]}
)";

/// The same run, with a later end.
RunConfig longer(RunConfig config) {
  config.descent.until = config.descent.until == "200" ? "300" : "1e31";
  return config;
}

RunSettings no_step() {
  RunSettings settings;
  settings.resume = true;
  settings.pulse = [](const LogTime&) { return false; };
  return settings;
}

/// The folder of a finished run, whose files are replaced by inputs of their names; "arrays": the
/// arrays of result.h5, in words.
class RunFolder {
 public:
  RunFolder(const std::string& folder, bool late) : folder_(folder), late_(late) {
    carry_out_run(small_run(late), folder_, RunSettings{});
    write_bytes(folder_ + "/claims.json", few_claims);
    for (const auto& entry : fs::directory_iterator(folder_)) {
      files_.push_back({entry.path().filename().string(), bytes_of(entry.path())});
    }
    memory_ = read_run(folder_);
  }

  static CheckSettings quick_check() {
    CheckSettings settings;
    settings.observe.most_steps = 20;
    settings.observe.most_weight_steps = 5;
    settings.observe.last_decade = 40;
    return settings;
  }

  std::vector<Input> seeds(std::initializer_list<const char*> names) const {
    std::vector<Input> seeds;
    for (const Input& file : files_) {
      for (const char* name : names) {
        if (file.kind == name) seeds.push_back(file);
      }
    }
    seeds.push_back({"arrays", text_of_arrays(memory_.arrays)});
    return seeds;
  }

  void put(const Input& input) const {
    if (input.kind != "arrays") return write_bytes(folder_ + "/" + input.kind, input.bytes);
    try {
      const ArrayArchive arrays = arrays_of_text(input.bytes);
      RunDirectory::open(folder_).write_result([&](Hdf5Writer& file) { arrays.copy_to(file); });
    } catch (const std::exception&) {
      throw NotAnInput();
    }
  }

  /// Every file as the run left it; `all`: also those that a reading may have changed.
  void restore(const Input& input, bool all) const {
    for (const Input& file : files_) {
      const bool replaced =
          file.kind == input.kind || (input.kind == "arrays" && file.kind == "result.h5");
      if (all || replaced) write_bytes(folder_ + "/" + file.kind, file.bytes);
    }
  }

  const std::string& path() const { return folder_; }
  bool late() const { return late_; }
  const RunMemory& memory() const { return memory_; }

 private:
  std::string folder_;
  bool late_;
  std::vector<Input> files_;
  RunMemory memory_;
};

/// An input belongs to the late run when its kind begins with "late.".
class RunTarget : public Target {
 public:
  RunTarget(const std::string& folder, std::initializer_list<const char*> files)
      : exact_(folder + "/exact", false), late_(folder + "/late", true), files_(files) {}

  void read(const Input& given) override {
    const bool late = given.kind.starts_with("late.");
    const RunFolder& folder = late ? late_ : exact_;
    const Input input{late ? given.kind.substr(5) : given.kind, given.bytes};
    try {
      read_run(folder, input);
    } catch (...) {
      folder.restore(input, changes_folder());
      throw;
    }
    folder.restore(input, changes_folder());
  }

  std::vector<std::string> places() const override {
    return {exact_.path(), late_.path(), "result.h5", "metrics.csv", "config.toml"};
  }

  std::vector<Input> further_seeds() override {
    std::vector<Input> seeds;
    for (Input& seed : exact_.seeds(files_)) seeds.push_back(std::move(seed));
    for (Input& seed : late_.seeds(files_)) {
      seed.kind = "late." + seed.kind;
      seeds.push_back(std::move(seed));
    }
    return seeds;
  }

 protected:
  virtual void read_run(const RunFolder& folder, const Input& input) = 0;
  virtual bool changes_folder() const { return false; }

 private:
  RunFolder exact_, late_;
  std::initializer_list<const char*> files_;
};

constexpr std::initializer_list<const char*> resumed_files{"config.toml", "metrics.csv",
                                                           "result.h5"};
constexpr std::initializer_list<const char*> stored_files{"result.h5"};
constexpr std::initializer_list<const char*> reported_files{"config.toml", "metrics.csv",
                                                            "result.h5", "claims.json"};

/// `run --resume`: takes over what was there. Most arrays go no further, and lie in memory, which
/// is the same path without a folder; with files and some arrays the run also goes on for a moment.
class ResumeTarget : public RunTarget {
 public:
  explicit ResumeTarget(const std::string& folder)
      : RunTarget(folder, resumed_files),
        problems_{load_problem(longer(small_run(false))), load_problem(longer(small_run(true)))} {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    const RunProblem& problem = problems_[folder.late() ? 1 : 0];
    in_folder_ = input.kind != "arrays" || one_in(256, input);
    if (in_folder_) {
      folder.put(input);
      carry_out_run(problem, folder.path(), no_step());
      return;
    }
    const ArrayArchive arrays = arrays_of_text(input.bytes);
    RunMemory memory = folder.memory();
    if (one_in(64, input)) {
      memory.arrays = arrays;
      carry_out_run(problem, memory, no_step());
      return;
    }
    Recorder recorder(problem.config, problem.data, problem.initial, sink_into(memory), 40, 1);
    Descent descent(problem.data, problem.initial,
                    descent_options(problem.config, problem.data.size(), 1));
    recorder.take_over(arrays, descent);
  }
  bool changes_folder() const override { return in_folder_; }

 private:
  std::array<RunProblem, 2> problems_;
  bool in_folder_ = false;
};

/// What `limit` and `check` read of a stored run; now and then all that they do.
class StoredTarget : public RunTarget {
 public:
  explicit StoredTarget(const std::string& folder) : RunTarget(folder, stored_files) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    if (input.kind == "arrays" && !one_in(64, input)) {
      const ArrayArchive arrays = arrays_of_text(input.bytes);
      look_at(StoredRun(arrays, "result.h5"));
      limit_of_arrays(arrays, "result.h5", [](double) { return false; });
      return;
    }
    folder.put(input);
    look_at(StoredRun(folder.path()));
    limit_of_run(folder.path(), [](double) { return false; });
    if (one_in(4, input)) check_run(folder.path(), RunFolder::quick_check());
  }

 private:
  static void look_at(const StoredRun& run) {
    run.initial();
    run.final_time();
    const std::size_t records = run.record_times().size();
    require(run.record_engines().size() == records, "engines and times differ in number");
    if (run.keeps_coefficients()) {
      require(run.record_coefficients().size() == records, "coefficients are missing");
    }
    require(run.column("log_loss").size() == records, "a column is too short");
    run.pairs("/final/coefficients");
    run.pairs("/final/preactivations");
  }
};

/// `report`: what the page shows of a run.
class ReportTarget : public RunTarget {
 public:
  explicit ReportTarget(const std::string& folder) : RunTarget(folder, reported_files) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    folder.put(input);
    const auto json = run_json(folder.path());
    json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
};

template <class T>
Reader reader(std::string name, std::vector<std::string> words, std::size_t longest) {
  return {.name = std::move(name),
          .words = std::move(words),
          .make = [](const std::string& folder) { return std::make_unique<T>(folder); },
          .longest = longest};
}

}  // namespace

std::vector<Reader> run_readers() {
  std::vector<std::string> config_words{"[",     "]",           "[[", "]]",  " = ",  "\"\"\"",
                                        "'''",   "\\u0000",     "{",  "}",   "true", "\"1e100000\"",
                                        "1e100", "#set ",       ".",  "inf", "nan",  "2024-01-01",
                                        "0x7f",  "\"\\u001b\"", "\\"};
  for (const FieldDescription& field : describe_fields()) {
    config_words.push_back(field.key);
    config_words.push_back("\n[" + field.section + "]\n");
    config_words.push_back(field.default_value);
  }
  const std::vector<std::string> json_words{"{",
                                            "}",
                                            "[",
                                            "]",
                                            ":",
                                            ",",
                                            "null",
                                            "true",
                                            "\"\"",
                                            "1e999",
                                            "\"\\ud800\"",
                                            "\"\\u0000\"",
                                            "\"claims\":",
                                            "\"verdict\":",
                                            "\"hypotheses\":",
                                            "\"measured\":",
                                            "\"figures\":"};
  std::vector<std::string> array_words{
      "d ",     "u ",          "b ",          "t ",          "T ",    "\nd ",          "\nt ",
      " 1: ",   " 0: ",        "nan ",        "inf ",        "|",     "flow",          "dense",
      "frozen", "coefficient", "reached-end", "interrupted", "found", "not-separated", "x0",
      "x2",     " 2x2x2: "};
  std::vector<Reader> all;
  all.push_back(reader<ConfigTarget>("config", config_words, 4096));
  all.push_back(
      reader<TableTarget>("table", {",", "\n", ",,", "nan", "inf", "flow", "\r\n"}, 8192));
  all.push_back(reader<ClaimsTarget>("claims", json_words, 4096));
  all.push_back(reader<ResumeTarget>("resume", array_words, 32768));
  all.push_back(reader<StoredTarget>("stored", array_words, 32768));
  array_words.insert(array_words.end(), json_words.begin(), json_words.end());
  all.push_back(reader<ReportTarget>("report", array_words, 65536));
  return all;
}

}  // namespace latetime::fuzz
