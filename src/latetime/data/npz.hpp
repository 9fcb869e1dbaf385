#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// The bytes of an archive's member, an NPY file, and its place for messages ("data.npz:x").
struct NpzMember {
  std::string where;
  std::string bytes;
};

/// Names of the arrays of an NPZ archive.
std::vector<std::string> npz_names(const std::string& path);

/// The member that holds the array `name`, as `read_npz` finds it.
NpzMember read_npz_member(const std::string& path, const std::string& name);

/// The array `name` of an NPZ archive (NPY members, stored or deflated); with an empty name, its
/// only array. Throws InputError: no archive, damaged, no such array (the message lists them), or
/// what `parse_npy` refuses. Memory asked for is bounded by what the packed bytes can unpack to.
NumericArray read_npz(const std::string& path, const std::string& name);

/// Writes an NPZ archive, deflated. The arrays are held in memory until `close()` writes them under
/// a temporary name and renames it, so that `path` is never seen half written.
class NpzWriter {
 public:
  explicit NpzWriter(std::string path) : path_(std::move(path)) {}

  /// Throws std::invalid_argument when `shape` and `values` disagree or the name was used before.
  void add(const std::string& name, std::span<const std::size_t> shape,
           std::span<const double> values);
  void add(const std::string& name, std::span<const std::size_t> shape,
           std::span<const std::int64_t> values);

  /// Throws InputError when the file cannot be written. Without this call nothing is written.
  void close();

 private:
  void add_member(const std::string& name, std::string bytes);

  std::string path_;
  std::map<std::string, std::string> members_;  // array name → bytes of an NPY file
};

}  // namespace latetime
