#include "latetime/sweep/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/parallel.hpp"
#include "latetime/data/file_bytes.hpp"
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

/// The points of one process, made side by side.
class Making {
 public:
  Making(SweepFolder& folder, const SweepSettings& settings)
      : folder_(folder), settings_(settings) {}

  void make_all() {
    do {
      make_latest();
    } while (!stopped && folder_.refine());
    folder_.store().flush();
  }

  SweepProgress progress;
  std::atomic<bool> stopped{false};

 private:
  /// The points that were chosen last.
  void make_latest() {
    std::vector<std::size_t> numbers;
    for (const std::size_t number : folder_.chosen().latest()) {
      if (settings_.shard.holds(number)) numbers.push_back(number);
    }
    progress.total += numbers.size();
    run_jobs(numbers.size(), settings_.jobs, [&](std::size_t job) {
      if (!stopped && settings_.keep_going && !settings_.keep_going()) stopped = true;
      if (!stopped) make(numbers[job]);
    });
  }

  void make(std::size_t number) {
    if (!folder_.name(number)) return count(false, true);
    const std::string& key = folder_.key(number);
    if (const auto known = folder_.known(number)) {
      return count(false, known->outcome != word_of(StopReason::reached_end));
    }
    {
      const std::lock_guard lock(mutex_);
      if (!begun_.insert(key).second) {  // another point of the same configuration
        ++progress.known;
        return;
      }
    }
    const auto record = folder_.make(number, settings_.keep_going);
    if (!record) {
      stopped = true;
      return;
    }
    folder_.store().add(*record);
    count(true, record->outcome != word_of(StopReason::reached_end));
  }

  void count(bool made, bool early) {
    const std::lock_guard lock(mutex_);
    ++(made ? progress.made : progress.known);
    if (early) ++progress.ended_early;
    if (settings_.progress) settings_.progress(progress);
  }

  SweepFolder& folder_;
  const SweepSettings& settings_;
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

/// Which folder a shard works in, once nothing speaks against it.
std::string folder_of(const SweepPlan& plan, const std::string& out, const Shard& shard,
                      bool resume) {
  if (plan.definition().refine && !shard.is_whole()) {
    throw InputError("--shard",
                     "cannot be, as [refine] chooses points by what came of others; use --jobs, or "
                     "an executor in Python");
  }
  refuse_foreign_folder(out);
  const std::string folder = shard.is_whole() ? out : file_in(out, shard.folder_name().c_str());
  require_resumption(folder, resume);
  return folder;
}

/// The definition that the first of these folders holds.
SweepDefinition stored_definition(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const std::string path = file_in(folder, sweep_toml_name);
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    return parse_sweep(read_file_bytes(path), path, folder);
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

SweepFolder::SweepFolder(const SweepPlan& plan, const std::string& out, const Shard& shard,
                         bool resume)
    : plan_(plan),
      out_(out),
      shard_(shard),
      chosen_(plan),
      folder_(folder_of(plan, out, shard, resume)),
      lock_(FolderLock::hold(folder_)),
      store_(folder_),
      maker_(plan, runs()),
      keys_(plan.size()) {
  if (shard.is_whole()) {
    for (const std::string& part : shards_in(out)) store_.include(part);
  }
  replace_file(file_in(folder_, sweep_toml_name), to_toml(plan.definition()));
}

std::string SweepFolder::runs() const {
  return plan_.definition().keep_runs ? file_in(folder_, "runs") : "";
}

bool SweepFolder::name(std::size_t number) {
  if (!keys_[number].empty()) return true;
  std::string problem;
  keys_[number] = maker_.key(number, &problem);
  if (!keys_[number].empty()) return true;
  const std::lock_guard lock(mutex_);
  problems_[number] = problem;
  return false;
}

std::optional<PointRecord> SweepFolder::known(std::size_t number) const {
  auto record = store_.find(keys_[number], plan_.definition().wanted);
  if (record && record->worth_another_try()) return std::nullopt;
  return record;
}

std::vector<std::size_t> SweepFolder::missing() {
  std::vector<std::size_t> numbers;
  std::set<std::string> seen;
  for (const std::size_t i : chosen_.points()) {
    if (shard_.holds(i) && name(i) && !known(i) && seen.insert(keys_[i]).second) {
      numbers.push_back(i);
    }
  }
  return numbers;
}

std::optional<PointFinding> SweepFolder::finding_of(std::size_t number) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (!name(number)) return PointFinding{none, "refused"};
  const auto record = store_.find(keys_[number], plan_.definition().wanted);
  if (!record) return std::nullopt;
  return PointFinding{value_named(*record, plan_.definition().refine->quantity), record->outcome};
}

bool SweepFolder::refine() {
  return chosen_.refine([this](std::size_t number) { return finding_of(number); });
}

SweepSummary SweepFolder::write_files(unsigned threads) {
  SweepSummary summary;
  if (!shard_.is_whole()) return summary;
  while (refine()) {
  }
  // Of those that an interruption left out, some may have been made earlier.
  const std::vector<std::size_t>& numbers = chosen_.points();
  run_jobs(numbers.size(), threads, [&](std::size_t i) { name(numbers[i]); });
  const SweepTable table = collect_points(plan_, numbers, keys_, problems_, store_);
  for (const PointRow& row : table.rows) {
    ++summary.outcomes[row.outcome];
    const bool bad = row.outcome == "refused" || row.outcome == "failed";
    if (bad && summary.first_problem.empty()) summary.first_problem = problem_line(plan_, row);
  }
  replace_file(file_in(out_, points_csv_name), points_csv(plan_, table));
  write_sweep_nc(file_in(out_, sweep_nc_name), plan_, table);
  summary.files = {points_csv_name, sweep_nc_name};
  summary.points = numbers.size();
  summary.exhausted = chosen_.exhausted();
  return summary;
}

SweepSummary carry_out_sweep(const SweepPlan& plan, const std::string& out,
                             const SweepSettings& settings) {
  const auto start = Clock::now();
  SweepFolder folder(plan, out, settings.shard, settings.resume);
  Making making(folder, settings);
  making.make_all();
  SweepSummary summary = folder.write_files(settings.jobs);
  summary.interrupted = making.stopped;
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
  SweepFolder merged(plan, out, {}, true);
  std::error_code error;
  for (const std::string& folder : folders) {
    if (!fs::equivalent(folder, out, error)) merged.store().include(folder);
  }
  merged.store().take_over();
  SweepSummary summary = merged.write_files(1);
  summary.progress.total = summary.points;
  const auto missing = summary.outcomes.find("missing");
  summary.progress.known =
      summary.points - (missing == summary.outcomes.end() ? 0 : missing->second);
  summary.seconds = seconds_since(start);
  return summary;
}

SweepEstimate estimate_sweep(const SweepPlan& plan, const std::string& out, double most_seconds,
                             const std::function<bool()>& keep_going) {
  const std::vector<std::size_t> first = Refinement(plan).points();
  SweepEstimate estimate{.points = first.size(), .left_out = plan.grid_size() - plan.size()};
  PointMaker maker(plan, "");
  std::vector<std::size_t> unknown;
  PointStore store;
  const bool has_points = !out.empty() && holds_points(out);
  if (has_points) store.include(out);
  for (const std::size_t i : first) {
    const std::string key = has_points ? maker.key(i) : "";
    const bool known = has_points && (key.empty() || store.find(key, plan.definition().wanted));
    if (!known) unknown.push_back(i);
  }
  estimate.known = first.size() - unknown.size();
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
