#include "latetime/sweep/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/parallel.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/folder_lock.hpp"
#include "latetime/store/results_place.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/sweep/point_run.hpp"
#include "latetime/sweep/sweep_files.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string file_in(const std::string& folder, const char* name) {
  return (fs::path(folder) / name).string();
}

/// Folders of shards below `folder`, in order of their names.
std::vector<std::string> shards_in(const std::string& folder) {
  std::vector<std::string> shards;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_shard_name(entry->path().filename().string()) && holds_points(entry->path().string())) {
      shards.push_back(entry->path().string());
    }
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

std::string runs_folder(const SweepPlan& plan, const std::string& out) {
  return plan.definition().keep_runs ? file_in(out, "runs") : "";
}

/// The points of one process, made side by side.
class Making {
 public:
  Making(const SweepPlan& plan, PointStore& store, const std::string& out,
         const SweepSettings& settings)
      : plan_(plan), store_(store), settings_(settings), maker_(plan, runs_folder(plan, out)) {
    keys.resize(plan.size());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      if (settings.shard.holds(i)) numbers_.push_back(i);
    }
    progress.total = numbers_.size();
  }

  void make_all() {
    run_jobs(numbers_.size(), settings_.jobs, [&](std::size_t job) {
      if (!stopped && settings_.keep_going && !settings_.keep_going()) stopped = true;
      if (!stopped) make(numbers_[job]);
    });
    store_.flush();
  }

  /// Keys of the points that an interruption left out, which may have been made earlier.
  void complete_keys() {
    run_jobs(numbers_.size(), settings_.jobs, [&](std::size_t job) { name(numbers_[job]); });
  }

  std::vector<std::string> keys;
  std::map<std::size_t, std::string> problems;
  SweepProgress progress;
  std::atomic<bool> stopped{false};

 private:
  /// Enters the key of a point; whether it has one.
  bool name(std::size_t number) {
    if (!keys[number].empty()) return true;
    std::string problem;
    keys[number] = maker_.key(number, &problem);
    if (!keys[number].empty()) return true;
    const std::lock_guard lock(mutex_);
    problems[number] = problem;
    return false;
  }

  void make(std::size_t number) {
    if (!name(number)) return count(false, true);
    const std::string& key = keys[number];
    const auto known = store_.find(key, plan_.definition().wanted);
    if (known && !known->worth_another_try()) {
      return count(false, known->outcome != to_string(StopReason::reached_end));
    }
    {
      const std::lock_guard lock(mutex_);
      if (!begun_.insert(key).second) {  // another point of the same configuration
        ++progress.known;
        return;
      }
    }
    const auto record = maker_.make(number, key, settings_.keep_going);
    if (!record) {
      stopped = true;
      return;
    }
    store_.add(*record);
    count(true, record->outcome != to_string(StopReason::reached_end));
  }

  void count(bool made, bool early) {
    const std::lock_guard lock(mutex_);
    ++(made ? progress.made : progress.known);
    if (early) ++progress.ended_early;
    if (settings_.progress) settings_.progress(progress);
  }

  const SweepPlan& plan_;
  PointStore& store_;
  const SweepSettings& settings_;
  PointMaker maker_;
  std::vector<std::size_t> numbers_;
  std::set<std::string> begun_;
  std::mutex mutex_;
};

/// "point 3 (network.slope=0.1, data.n=20): why".
std::string problem_line(const SweepPlan& plan, const PointRow& row) {
  std::string values;
  for (const std::string& assignment : plan.point(row.number).assignments) {
    values += (values.empty() ? "" : ", ") + assignment;
  }
  return fmt::format("point {} ({}): {}", row.number, values, row.message);
}

void write_files(const SweepPlan& plan, const SweepTable& table, const std::string& out,
                 SweepSummary& summary) {
  for (const PointRow& row : table.rows) {
    ++summary.outcomes[row.outcome];
    const bool bad = row.outcome == "refused" || row.outcome == "failed";
    if (bad && summary.first_problem.empty()) summary.first_problem = problem_line(plan, row);
  }
  replace_file(file_in(out, points_csv_name), points_csv(plan, table));
  write_sweep_nc(file_in(out, sweep_nc_name), plan, table);
  summary.files = {points_csv_name, sweep_nc_name};
}

void require_resumption(const std::string& out, bool resume) {
  if (holds_run(out)) {
    throw InputError(out, "holds a run; results of a sweep go into a folder of their own");
  }
  if (!resume && holds_points(out)) {
    throw InputError(out,
                     "holds a sweep; go on with it by --resume (points that it has are not "
                     "made again, also by another sweep), or name another folder");
  }
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The definition that the first of these folders holds.
SweepDefinition stored_definition(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const std::string path = file_in(folder, sweep_toml_name);
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    return parse_sweep(read_text(path), path, folder);
  }
  throw InputError(folders.front(), "holds no sweep.toml; name folders of latetime sweep");
}

}  // namespace

std::string Shard::folder_name() const {
  return fmt::format("shard-{}-of-{}", index, count);
}

Shard Shard::parse(const std::string& text) {
  constexpr unsigned long long most = 1'000'000;
  unsigned long long index = 0, count = 0;
  int end = 0;
  const int read = std::sscanf(text.c_str(), "%llu/%llu%n", &index, &count, &end);
  if (read != 2 || static_cast<std::size_t>(end) != text.size() || index < 1 || index > count ||
      count > most) {
    throw InputError("--shard " + text,
                     "is no part of a whole; write 1/8 for the first of eight "
                     "parts, up to 8/8");
  }
  return {static_cast<std::size_t>(index), static_cast<std::size_t>(count)};
}

std::string PointMaker::key(std::size_t number, std::string* problem) {
  try {
    return keys_.of(plan_.config(plan_.point(number)));
  } catch (const InputError& error) {
    if (problem) *problem = error.what();
    return {};
  }
}

std::optional<PointRecord> PointMaker::make(std::size_t number, const std::string& key,
                                            const std::function<bool()>& keep_going) const {
  return run_point(key, plan_.config(plan_.point(number)), plan_.definition().wanted, runs_,
                   keep_going);
}

SweepSummary carry_out_sweep(const SweepPlan& plan, const std::string& out,
                             const SweepSettings& settings) {
  const auto start = Clock::now();
  refuse_foreign_folder(out);
  const std::string folder =
      settings.shard.is_whole() ? out : file_in(out, settings.shard.folder_name().c_str());
  require_resumption(folder, settings.resume);
  const auto lock = FolderLock::hold(folder);
  PointStore store(folder);
  if (settings.shard.is_whole()) {
    for (const std::string& shard : shards_in(out)) store.include(shard);
  }
  replace_file(file_in(folder, sweep_toml_name), to_toml(plan.definition()));
  Making making(plan, store, folder, settings);
  making.make_all();
  SweepSummary summary{.interrupted = making.stopped};
  if (settings.shard.is_whole()) {
    if (making.stopped) making.complete_keys();
    write_files(plan, collect_points(plan, making.keys, making.problems, store), out, summary);
  }
  summary.progress = making.progress;
  summary.seconds = seconds_since(start);
  return summary;
}

SweepSummary merge_sweeps(const std::vector<std::string>& named, const std::string& out) {
  const auto start = Clock::now();
  std::vector<std::string> folders;
  for (const std::string& folder : named) {
    const std::vector<std::string> shards = shards_in(folder);
    if (!holds_points(folder) && shards.empty()) {
      throw InputError(folder, "holds no points; name a folder of latetime sweep");
    }
    if (holds_points(folder)) folders.push_back(folder);
    folders.insert(folders.end(), shards.begin(), shards.end());
  }
  const SweepPlan plan(stored_definition(folders));
  if (holds_run(out)) {
    throw InputError(out, "holds a run; results of a sweep go into a folder of their own");
  }
  const auto lock = FolderLock::hold(out);
  PointStore store(out);
  std::error_code error;
  for (const std::string& folder : folders) {
    if (!fs::equivalent(folder, out, error)) store.include(folder);
  }
  store.take_over();
  replace_file(file_in(out, sweep_toml_name), to_toml(plan.definition()));
  const SweepSettings settings;
  Making keys(plan, store, out, settings);
  keys.complete_keys();
  SweepSummary summary;
  write_files(plan, collect_points(plan, keys.keys, keys.problems, store), out, summary);
  summary.progress.total = plan.size();
  const auto missing = summary.outcomes.find("missing");
  summary.progress.known = plan.size() - (missing == summary.outcomes.end() ? 0 : missing->second);
  summary.seconds = seconds_since(start);
  return summary;
}

SweepEstimate estimate_sweep(const SweepPlan& plan, const std::string& out, double most_seconds,
                             const std::function<bool()>& keep_going) {
  SweepEstimate estimate{.points = plan.size(), .left_out = plan.grid_size() - plan.size()};
  PointMaker maker(plan, "");
  std::vector<std::size_t> unknown;
  std::optional<PointStore> store;
  if (!out.empty() && holds_points(out)) store.emplace(out);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::string key = store ? maker.key(i) : "";
    const bool known = store && (key.empty() || store->find(key, plan.definition().wanted));
    if (!known) unknown.push_back(i);
  }
  estimate.known = plan.size() - unknown.size();
  // Spread evenly, then between: the golden ratio's multiples.
  constexpr std::size_t most_measured = 16;
  constexpr double golden = 0.6180339887498949;
  const auto start = Clock::now();
  double total = 0.0;
  for (std::size_t k = 0; k < std::min(most_measured, unknown.size()); ++k) {
    const double part = std::fmod(0.5 + golden * static_cast<double>(k), 1.0);
    const auto place = static_cast<std::size_t>(part * static_cast<double>(unknown.size()));
    const std::size_t number = unknown[std::min(place, unknown.size() - 1)];
    std::string problem;
    const std::string key = maker.key(number, &problem);
    if (key.empty()) continue;
    const auto record = maker.make(number, key, keep_going);
    if (!record) break;
    total += record->seconds;
    ++estimate.measured;
    if (seconds_since(start) > most_seconds) break;
  }
  if (estimate.measured > 0) {
    estimate.seconds_per_point = total / static_cast<double>(estimate.measured);
  }
  return estimate;
}

}  // namespace latetime
