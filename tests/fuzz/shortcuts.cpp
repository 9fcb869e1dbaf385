#include "fuzz/shortcuts.hpp"

#include <functional>

#include "latetime/experiment/run.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime::fuzz {

Shortcuts shortcuts;

using Fill = std::function<void(Hdf5Writer&)>;
using Columns = std::vector<std::string>;
using Result = std::shared_ptr<const ArrayReader>;

#define READ_RESULT "_ZNK8latetime12RunDirectory11read_resultEv"
#define WRITE_RESULT "_ZNK8latetime12RunDirectory12write_resultERKSt8functionIFvRNS_10Hdf5WriterEEE"
#define READ_METRICS \
  "_ZN8latetime12read_metricsERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
#define PREPARE                                                                 \
  "_ZN8latetime17prepare_directoryERKNS_9RunConfigERKNSt7__cxx1112basic_string" \
  "IcSt11char_traitsIcESaIcEEEbRKSt6vectorIS8_SaIS8_EE"

// Member functions, as the linker sees them.
Result real_read(const RunDirectory& directory) __asm__("__real_" READ_RESULT);
void real_write(const RunDirectory& directory, const Fill& fill) __asm__("__real_" WRITE_RESULT);
RunDirectory real_prepare(const RunConfig& config, const std::string& out, bool resume,
                          const Columns& columns) __asm__("__real_" PREPARE);
CsvTable real_table(const std::string& path) __asm__("__real_" READ_METRICS);

Result short_read(const RunDirectory& directory) __asm__("__wrap_" READ_RESULT);
Result short_read(const RunDirectory& directory) {
  return shortcuts.result ? shortcuts.result : real_read(directory);
}

void short_write(const RunDirectory& directory, const Fill& fill) __asm__("__wrap_" WRITE_RESULT);
void short_write(const RunDirectory& directory, const Fill& fill) {
  if (!shortcuts.result) real_write(directory, fill);
}

RunDirectory short_prepare(const RunConfig& config, const std::string& out, bool resume,
                           const Columns& columns) __asm__("__wrap_" PREPARE);
RunDirectory short_prepare(const RunConfig& config, const std::string& out, bool resume,
                           const Columns& columns) {
  return shortcuts.same_configuration ? RunDirectory::reopen(out)
                                      : real_prepare(config, out, resume, columns);
}

CsvTable short_table(const std::string& path) __asm__("__wrap_" READ_METRICS);
CsvTable short_table(const std::string& path) {
  if (!shortcuts.table) return real_table(path);
  CsvTable table = *shortcuts.table;
  table.path = path;
  return table;
}

}  // namespace latetime::fuzz
