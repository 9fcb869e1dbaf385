#pragma once

#include <memory>

#include "latetime/base/array_store.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime::fuzz {

/// Most inputs of a folder of a run change one file and leave the others as they are. To read
/// those again, and to write a result.h5 at the end, is most of the time; these calls of the
/// product
/// (--wrap, CMakeLists.txt) are cut short while an input says so.
struct Shortcuts {
  /// What RunDirectory::read_result gives, and RunDirectory::write_result then does not write.
  std::shared_ptr<const ArrayReader> result = nullptr;
  /// What read_metrics gives.
  std::shared_ptr<const CsvTable> table = nullptr;
  /// prepare_directory opens a folder to go on with it, and compares no configurations.
  bool same_configuration = false;
};

extern Shortcuts shortcuts;

}  // namespace latetime::fuzz
