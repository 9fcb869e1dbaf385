// Configurations, and what lies in the folders of runs and figures: metrics.csv, result.h5,
// claims.json, tables; as they are read by resume, limit, check and report.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fuzz/array_text.hpp"
#include "fuzz/mutator.hpp"
#include "fuzz/reader.hpp"
#include "fuzz/shortcuts.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/experiment/training_run.hpp"
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

constexpr std::size_t whole_way = 512;  // of so many inputs, one takes no shortcut

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
  std::vector<std::string> places() const override {
    return {folder_, "--set", ".npz:", ".h5:", ".hdf5:", ".mat:"};
  }

 private:
  std::string folder_;
};

// ---- tables

std::string text_of(const CsvTable& table, std::size_t rows) {
  std::string text = join(table.columns, ",") + "\n";
  for (std::size_t row = 0; row < rows; ++row) text += join(table.rows[row], ",") + "\n";
  return text;
}

/// Kinds "metrics.csv" (of a run), "training.csv", "fig1.csv" … "fig5.csv", "fig1.toml".
class TableTarget : public Target {
 public:
  explicit TableTarget(const std::string& folder) : folder_(folder) {
    for (const char* figure : {"fig1", "fig2", "fig3", "fig4", "fig5"}) {
      write_bytes(folder_ + "/" + figure + ".toml", no_notes);
    }
    write_bytes(folder_ + "/config.toml", "");
    std::string header = "slope,epoch", row = "0.1,0";
    for (const char* quantity : {"stable_rank_pos", "stable_rank_neg", "stable_rank_all", "loss"}) {
      header += fmt::format(",{0}_mean,{0}_std", quantity);
      row += ",1.5,0.1";
    }
    figure1_ = header + "\n" + row + "\n";
  }

  void read(const Input& input) override {
    const bool metrics = input.kind == "metrics.csv", training = input.kind == "training.csv";
    const std::string path = folder_ + "/" + (training ? "metrics.csv" : input.kind);
    write_bytes(path, input.bytes);
    if (input.kind == "fig1.toml") return read_figure_notes(path);
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
      paper_figure_json(folder_, *choice_of<PaperFigure>(input.kind.substr(0, 4)));
      input.kind == "fig1.csv" ? draw_figure1(path) : draw_image_figure(path);
    }
  }
  std::vector<std::string> places() const override { return {folder_}; }

 private:
  void read_figure_notes(const std::string& path) const {
    write_bytes(folder_ + "/fig1.csv", figure1_);
    try {
      paper_figure_json(folder_, PaperFigure::fig1)
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    } catch (...) {
      write_bytes(path, no_notes);
      throw;
    }
    write_bytes(path, no_notes);
  }

  void check_kept_rows(const CsvTable& table, const std::string& path) const {
    const std::size_t rows = table.rows.size() / 2;
    RunDirectory::open(folder_).keep_rows(rows);
    require(bytes_of(path) == text_of(table, rows), "the rows kept are not the first ones");
    write_bytes(path, text_of(table, table.rows.size()));
  }

  static constexpr const char* no_notes = "command = \"\"\n";
  std::string folder_, figure1_;
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
  config.data.source = DataSource::orthogonal;
  config.data.n = 2;
  config.data.d = 3;
  config.network.width = 1;
  config.network.init_std = 0.1;
  config.descent.learning_rate = 0.5;
  config.descent.until = late ? "1e9" : "100";
  config.record.per_decade = 1;
  return config;
}

/// A training of a few steps.
RunConfig small_training() {
  RunConfig config = small_run(false);
  config.descent.until = "10";
  config.descent.method = Method::stochastic;
  config.descent.batch_size = 1;
  config.network.head = Head::trained;
  return config;
}

constexpr const char* few_claims =
    R"({"format": "latetime-claims", "version": 1, "source": "run", "run": {"n": 2, "d": 3},
"thresholds": {"delta": 0.1}, "looked_at": {"until": {"step": 9}, "notes": ["a"]}, "counts": {"Holds": 1},
"claims": [{"id": "5.4", "verdict": "Holds", "hypotheses": [{"name": "a", "met": true}], "measured": [],
"figures": [{"name": "f", "value": null}]}]}
)";

/// The same run or training, with a later end: a step more, or a decade.
RunConfig longer(RunConfig config) {
  std::string& until = config.descent.until;
  until = until == "1e9" ? "1e10" : std::to_string(std::stoi(until) + 1);
  return config;
}

/// The keys that differ from their defaults, under their headings: read faster than all of them.
std::string short_text(const RunConfig& config) {
  const std::string defaults = to_toml(RunConfig{}), all = to_toml(config);
  std::string text;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size() - 1) + 1;
    const std::string line = all.substr(at, end - at);
    if (line.starts_with('[') || defaults.find(line) == std::string::npos) text += line;
    at = end;
  }
  return text;
}

RunSettings no_step() {
  RunSettings settings;
  settings.resume = true;
  settings.pulse = [](const LogTime&) { return false; };
  return settings;
}

/// What a folder holds: inputs of a kind that begins with "late." or "train." belong to the latter
/// two.
enum class Content { exact_run, late_run, training };

std::string prefix_of(Content content) {
  switch (content) {
    case Content::late_run:
      return "late.";
    case Content::training:
      return "train.";
    default:
      return "";
  }
}

/// The folder of a finished run or training, whose files are replaced by inputs of their names;
/// "arrays": the arrays of result.h5, in words.
class RunFolder {
 public:
  RunFolder(const std::string& parent, Content content)
      : folder_(parent + "/run" + prefix_of(content)), content_(content) {
    if (content == Content::training) {
      carry_out_training(small_training(), folder_, RunSettings{});
      memory_ = read_training(folder_);
    } else {
      carry_out_run(small_run(content == Content::late_run), folder_, RunSettings{});
      memory_ = read_run(folder_);
    }
    memory_.config = short_text(parse_config(memory_.config, "config", folder_));
    write_bytes(folder_ + "/config.toml", memory_.config);
    write_bytes(folder_ + "/claims.json", few_claims);
    arrays_ = std::make_shared<ArrayArchive>(memory_.arrays);
    table_ = std::make_shared<CsvTable>(memory_.metrics);
    for (const auto& entry : fs::directory_iterator(folder_)) {
      files_.push_back({entry.path().filename().string(), bytes_of(entry.path())});
    }
    lock_ = FolderLock::hold(folder_);  // once, instead of for every input
  }

  static CheckSettings quick_check() {
    CheckSettings settings;
    settings.observe.most_steps = 20;
    settings.observe.most_weight_steps = 5;
    settings.observe.last_decade = 40;
    return settings;
  }

  /// Inputs that change nothing: of the files with these names, and of the arrays.
  std::vector<Input> seeds(const std::vector<std::string>& names) const {
    std::vector<Input> seeds;
    for (const Input& file : files_) {
      if (std::find(names.begin(), names.end(), file.kind) == names.end()) continue;
      seeds.push_back({prefix_of(content_) + file.kind, file.bytes});
    }
    ArrayArchive arrays;
    for (const ArrayArchive::Entry& entry : memory_.arrays.entries()) {
      if (entry.name != "/provenance/config") add(arrays, entry);
    }
    arrays.write("/provenance/config", memory_.config);
    seeds.push_back({prefix_of(content_) + "arrays", text_of_arrays(arrays)});
    return seeds;
  }

  /// Brings the input to its place; all but a few result.h5 lie in memory.
  void put(const Input& input) const {
    const bool in_file = input.kind == "result.h5" || one_in(whole_way, input);
    if (!in_file) shortcuts.result = arrays_;
    if (!in_file && input.kind != "metrics.csv") shortcuts.table = table_;
    if (input.kind != "arrays") return write_bytes(folder_ + "/" + input.kind, input.bytes);
    auto arrays = std::make_shared<ArrayArchive>(arrays_of_text(input.bytes));
    if (!in_file) {
      shortcuts.result = std::move(arrays);
      return;
    }
    try {
      RunDirectory::open(folder_).write_result([&](Hdf5Writer& file) { arrays->copy_to(file); });
    } catch (const std::exception&) {
      throw NotAnInput();
    }
  }

  /// Every file as the run left it; `all`: also those that a reading may have changed.
  void restore(const Input& input, bool all) const {
    const bool in_file = !shortcuts.result;
    for (const Input& file : files_) {
      const bool is_result = file.kind == "result.h5";
      const bool replaced =
          file.kind == input.kind || (input.kind == "arrays" && is_result && in_file);
      if (replaced || (all && (in_file || !is_result))) {
        write_bytes(folder_ + "/" + file.kind, file.bytes);
      }
    }
    shortcuts = {};
  }

  /// A refusal leaves the folder as it was.
  void require_unchanged(const Input& input) const {
    for (const Input& file : files_) {
      if (file.kind == "result.h5" && (shortcuts.result || input.kind == "arrays")) continue;
      const std::string& given = file.kind == input.kind ? input.bytes : file.bytes;
      require(bytes_of(folder_ + "/" + file.kind) == given, "what was refused changed a file");
    }
  }

  const std::string& path() const { return folder_; }
  Content content() const { return content_; }
  const RunMemory& memory() const { return memory_; }

 private:
  std::string folder_;
  Content content_;
  std::vector<Input> files_;
  RunMemory memory_;
  std::shared_ptr<const ArrayArchive> arrays_;
  std::shared_ptr<const CsvTable> table_;
  std::shared_ptr<FolderLock> lock_;
};

class RunTarget : public Target {
 public:
  RunTarget(const std::string& folder, std::initializer_list<Content> contents,
            std::vector<std::string> files)
      : files_(std::move(files)) {
    for (const Content content : contents) folders_.emplace_back(folder, content);
  }

  void read(const Input& given) override {
    const RunFolder& folder = folder_of(given.kind);
    const Input input{plain_kind(given.kind), given.bytes};
    try {
      read_run(folder, input);
    } catch (const InputError&) {
      const bool looked_at = one_in(8, input);
      if (looked_at) folder.require_unchanged(input);
      folder.restore(input, changes_folder() && looked_at);
      throw;
    } catch (...) {
      folder.restore(input, changes_folder());
      throw;
    }
    folder.restore(input, changes_folder());
  }

  std::vector<std::string> places() const override {
    std::vector<std::string> places{"result.h5", "metrics.csv", "config.toml"};
    for (const RunFolder& folder : folders_) places.push_back(folder.path());
    return places;
  }

  std::vector<Input> further_seeds() override {
    std::vector<Input> seeds;
    for (const RunFolder& folder : folders_) {
      for (Input& seed : folder.seeds(files_)) seeds.push_back(std::move(seed));
    }
    return seeds;
  }

  /// A result.h5 whose seal is broken is read in a child process; other readers, of their own, are
  /// for the files beside it.
  bool is_costly(const std::string& kind) const override {
    return plain_kind(kind) == "result.h5" || (goes_on() && plain_kind(kind) != "arrays");
  }

 protected:
  virtual void read_run(const RunFolder& folder, const Input& input) = 0;
  virtual bool changes_folder() const { return goes_on(); }
  /// Whether it goes on with what it reads.
  virtual bool goes_on() const { return false; }

 private:
  static bool belongs(const std::string& kind, const RunFolder& folder) {
    return kind.starts_with(prefix_of(folder.content()));
  }

  /// The first, which has no prefix or is the only one, where no other claims it.
  const RunFolder& folder_of(const std::string& kind) const {
    const auto found = std::find_if(folders_.rbegin(), folders_.rend(),
                                    [&](const RunFolder& folder) { return belongs(kind, folder); });
    return found == folders_.rend() ? folders_.front() : *found;
  }

  std::string plain_kind(const std::string& kind) const {
    const RunFolder& folder = folder_of(kind);
    return belongs(kind, folder) ? kind.substr(prefix_of(folder.content()).size()) : kind;
  }

  std::vector<RunFolder> folders_;
  std::vector<std::string> files_;
};

/// `run --resume`: takes over what was there. Most arrays go no further, and lie in memory, which
/// is the same path without a folder; most files are looked at alone; with some of both the run
/// also goes on for a moment.
class ResumeTarget : public RunTarget {
 public:
  explicit ResumeTarget(const std::string& folder)
      : RunTarget(folder, {Content::exact_run, Content::late_run},
                  {"config.toml", "metrics.csv", "result.h5"}),
        exact_(load_problem(longer(small_run(false)))),
        late_(load_problem(longer(small_run(true)))) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    const RunProblem& problem = folder.content() == Content::late_run ? late_ : exact_;
    in_folder_ = input.kind != "arrays" || one_in(whole_way, input);
    if (!in_folder_) return read_arrays(problem, folder, input);
    folder.put(input);
    if (input.kind == "result.h5" || input.kind == "arrays" || one_in(whole_way, input)) {
      carry_out_run(problem, folder.path(), no_step());
      return;
    }
    refuse_training(folder.path());
    prepare_directory(problem.config, folder.path(), true, metrics_columns());
  }
  bool changes_folder() const override { return in_folder_; }
  bool goes_on() const override { return true; }

 private:
  static void read_arrays(const RunProblem& problem, const RunFolder& folder, const Input& input) {
    const ArrayArchive arrays = arrays_of_text(input.bytes);
    RunMemory memory;
    if (one_in(whole_way, input)) {
      memory = folder.memory();
      memory.arrays = arrays;
      carry_out_run(problem, memory, no_step());
      return;
    }
    Recorder recorder(problem, sink_into(memory), 40, 1);
    Descent descent(problem.descent(), descent_options(problem.config, problem.data.size(), 1));
    recorder.take_over(arrays, descent);
  }

  RunProblem exact_, late_;
  bool in_folder_ = false;
};

/// `train --resume`, for the one step that is left.
class TrainResumeTarget : public RunTarget {
 public:
  explicit TrainResumeTarget(const std::string& folder)
      : RunTarget(folder, {Content::training}, {"config.toml", "metrics.csv", "result.h5"}),
        config_(longer(small_training())) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    folder.put(input);
    shortcuts.same_configuration = shortcuts.result && input.kind == "arrays";
    if (one_in(16, input)) read_training(folder.path());
    carry_out_training(config_, folder.path(), no_step());
  }
  bool goes_on() const override { return true; }

 private:
  RunConfig config_;
};

/// What `limit` and `check` read of a stored run; now and then all that they do.
class StoredTarget : public RunTarget {
 public:
  explicit StoredTarget(const std::string& folder)
      : RunTarget(folder, {Content::exact_run, Content::late_run}, {"result.h5"}) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    if (input.kind == "arrays" && !one_in(whole_way, input)) {
      const ArrayArchive arrays = arrays_of_text(input.bytes);
      if (one_in(2, input)) {
        limit_of_arrays(arrays, "result.h5", [](double) { return false; });
      } else {
        look_at(StoredRun(arrays, "result.h5"));
      }
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
    run.pairs(run.last().coefficients);
    run.read<RunEnd>();
  }
};

/// `report`, and what Python loads: all that lies in a folder.
class ReportTarget : public RunTarget {
 public:
  explicit ReportTarget(const std::string& folder)
      : RunTarget(folder, {Content::exact_run, Content::late_run, Content::training},
                  {"config.toml", "metrics.csv", "result.h5", "claims.json"}) {}

 protected:
  void read_run(const RunFolder& folder, const Input& input) override {
    folder.put(input);
    if (input.kind == "claims.json" && !one_in(16, input)) {
      read_claims(folder.path());
      return;
    }
    if (one_in(16, input)) {
      folder.content() == Content::training ? read_training(folder.path())
                                            : latetime::read_run(folder.path());
    }
    const auto json =
        holds_training(folder.path()) ? training_json(folder.path()) : run_json(folder.path());
    json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
};

}  // namespace

std::vector<Reader> all_readers() {
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
  all.push_back(reader<TrainResumeTarget>("train-resume", array_words, 32768));
  all.push_back(reader<StoredTarget>("stored", array_words, 32768));
  array_words.insert(array_words.end(), json_words.begin(), json_words.end());
  all.push_back(reader<ReportTarget>("report", array_words, 65536));
  return all;
}

}  // namespace latetime::fuzz
