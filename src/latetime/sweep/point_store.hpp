#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "latetime/sweep/point_record.hpp"
#include "latetime/sweep/quantities.hpp"

namespace latetime {

/// Finished points on disk: files of lines, a point a line, which are only ever added to. What a
/// process added before it was killed is there; a last line that is cut off counts for nothing.
/// Twice a second, lines are forced to the disk, so that a loss of power costs no more than that.
///
/// In memory it holds where the points lie, not the points. All methods may be called by several
/// threads.
class PointStore {
 public:
  /// Reads `folder`'s points, where there are any, to add to them. The caller holds the folder's
  /// lock.
  explicit PointStore(const std::string& folder);
  /// Of included folders alone, to be read: nothing is changed on disk, and no lock is needed.
  PointStore();
  ~PointStore();
  PointStore(const PointStore&) = delete;
  PointStore& operator=(const PointStore&) = delete;

  /// A folder's points besides, to be read. Throws InputError where there are none.
  void include(const std::string& folder);

  /// The record of a point that holds all that is wanted; nothing where it is still to be made.
  std::optional<PointRecord> find(const std::string& key, const WantedQuantities& wanted) const;

  /// Adds a record, or a line of another process's. Throws RunFailure where the disk takes no more:
  /// the file then holds what it held before; std::logic_error where there is no folder to add to.
  void add(const PointRecord& record);
  void add_line(const std::string& line);

  /// Adds those points of included folders that this one lacks.
  void take_over();

  std::size_t size() const;
  /// Lines that were left out because they were cut off or damaged.
  std::size_t damaged_lines() const { return damaged_; }

  /// Forces what was added to the disk.
  void flush();

 private:
  struct File;
  struct Place {
    const File* file = nullptr;
    std::size_t offset = 0, length = 0, names = 0;  // `names`: number of its header in the file
  };

  void read(File& file);
  std::string line_at(const Place& place) const;
  void append(const std::string& line);

  std::vector<std::unique_ptr<File>> files_;
  File* own_ = nullptr;  // of files_: what is added to
  std::unordered_map<std::string, Place> places_;
  std::size_t damaged_ = 0;
  double last_flush_ = 0.0;
  mutable std::mutex mutex_;
};

/// Whether `folder` holds points.
bool holds_points(const std::string& folder);

}  // namespace latetime
