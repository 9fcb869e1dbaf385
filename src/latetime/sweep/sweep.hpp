#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "latetime/store/folder_lock.hpp"
#include "latetime/sweep/plan.hpp"
#include "latetime/sweep/point_store.hpp"
#include "latetime/sweep/refinement.hpp"

namespace latetime {

/// Where a sweep stands.
struct SweepProgress {
  std::size_t total = 0;        ///< points of this part; with [refine], those chosen so far
  std::size_t known = 0;        ///< that were there already
  std::size_t made = 0;         ///< by this part
  std::size_t ended_early = 0;  ///< of all: any outcome but reached-end

  std::size_t finished() const { return known + made; }
};

/// A part of a sweep's points: number `index`, from 1, of `count`. Every point belongs to one.
struct Shard {
  std::size_t index = 1, count = 1;

  bool is_whole() const { return count == 1; }
  bool holds(std::size_t number) const { return number % count == index - 1; }
  /// "shard-3-of-8".
  std::string folder_name() const;
  /// Of "3/8". Throws InputError.
  static Shard parse(const std::string& text);
};

struct SweepSettings {
  unsigned jobs = 1;    ///< points at a time, each on one thread
  bool resume = false;  ///< go on in a folder that holds a sweep
  Shard shard;
  /// Called after each point, by one thread at a time.
  std::function<void(const SweepProgress&)> progress;
  /// Asked every few dozen milliseconds, by all threads; false stops, resumable.
  std::function<bool()> keep_going;
};

struct SweepSummary {
  SweepProgress progress;
  std::map<std::string, std::size_t> outcomes;  ///< points of each
  std::string first_problem;  ///< "point 3 (...): message" of the first that was refused or failed
  double seconds = 0.0;
  bool interrupted = false;
  bool exhausted = false;          ///< [refine] found more jumps than it had points for
  std::size_t points = 0;          ///< that are in the files
  std::vector<std::string> files;  ///< that were written, besides the points
};

/// Makes points.
class PointMaker {
 public:
  /// `runs`: a folder for whole runs; empty: none are kept. Refers to the plan.
  PointMaker(const SweepPlan& plan, std::string runs) : plan_(plan), runs_(std::move(runs)) {}

  /// The point's key; a point that is no configuration has none, and `problem` says why. May be
  /// called by several threads, as the next.
  std::string key(std::size_t number, std::string* problem = nullptr);
  /// Nothing where `keep_going` said no.
  std::optional<PointRecord> make(std::size_t number, const std::string& key,
                                  const std::function<bool()>& keep_going) const;

 private:
  const SweepPlan& plan_;
  const std::string runs_;
  PointKeys keys_;
};

/// The folder of a sweep, or of its shard, open to take in points; its lock is held meanwhile.
class SweepFolder {
 public:
  /// Writes sweep.toml. Refers to the plan. Throws InputError as carry_out_sweep does.
  SweepFolder(const SweepPlan& plan, const std::string& out, const Shard& shard, bool resume);

  PointStore& store() { return store_; }
  /// A folder for whole runs; empty where none are kept.
  std::string runs() const;

  /// Enters the key of a point; whether it has one. May be called by several threads.
  bool name(std::size_t number);
  /// After name().
  const std::string& key(std::size_t number) const { return keys_[number]; }
  /// Makes a point after name(); nothing where `keep_going` said no. May be called by several
  /// threads.
  std::optional<PointRecord> make(std::size_t number,
                                  const std::function<bool()>& keep_going) const {
    return maker_.make(number, keys_[number], keep_going);
  }
  /// The record of a point that need not be made again; nothing for one that is to be made.
  std::optional<PointRecord> known(std::size_t number) const;

  /// Numbers of the points that are to be made, so far as is known.
  const Refinement& chosen() const { return chosen_; }
  /// Chooses further points once those so far are made, and says whether there are any.
  bool refine();

  /// Numbers of the chosen points of the shard that are to be made, one of each configuration.
  std::vector<std::size_t> missing();

  /// Writes points.csv and sweep.nc of the chosen points, and says how many ended how; of a shard,
  /// which has neither, nothing.
  SweepSummary write_files(unsigned threads);

 private:
  const SweepPlan& plan_;
  const std::string out_;
  const Shard shard_;
  Refinement chosen_;
  std::string folder_;
  std::shared_ptr<FolderLock> lock_;
  PointStore store_;
  PointMaker maker_;
  std::vector<std::string> keys_;
  std::map<std::size_t, std::string> problems_;
  std::mutex mutex_;

  std::optional<PointFinding> finding_of(std::size_t number);
};

/// Makes the points of a sweep that `out` does not hold yet, side by side, and then writes what
/// sweep_files.hpp tells of, also when it was interrupted. A shard works in a folder of its own
/// below `out`. Values depend neither on `jobs` nor on shards, interruptions, or their order.
///
/// Throws InputError, with nothing changed, where `out` holds a sweep and this is no resumption, or
/// files of others, or where a shard is to be made of a sweep with [refine]; RunFailure where the
/// disk takes no more (what was made is kept).
SweepSummary carry_out_sweep(const SweepPlan& plan, const std::string& out,
                             const SweepSettings& settings);

/// Gathers the points of folders and of their shards in `out`, and writes its files anew: of the
/// sweep that the first folder tells of. Points of other sweeps are taken over too, to be there
/// when they are asked for. Throws InputError where a folder holds no points.
SweepSummary merge_sweeps(const std::vector<std::string>& folders, const std::string& out);

/// What a sweep will cost, from a few points that are made and not kept.
struct SweepEstimate {
  std::size_t points = 0, known = 0, left_out = 0;  ///< with [refine], points of the first grid
  std::size_t measured = 0;
  double seconds_per_point = 0.0;  ///< of one thread
};

/// `out`: a folder whose points count as known; empty: none. Points are spread over the sweep, and
/// no more are begun after `most_seconds`.
SweepEstimate estimate_sweep(const SweepPlan& plan, const std::string& out, double most_seconds,
                             const std::function<bool()>& keep_going);

}  // namespace latetime
