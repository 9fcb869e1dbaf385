#include "latetime/store/run_sink.hpp"

#include "latetime/store/training_folder.hpp"

namespace latetime {

RunSink sink_into(const RunDirectory& directory) {
  return {.append_row =
              [directory](const std::vector<std::string>& fields) { directory.append_row(fields); },
          .write_result =
              [directory](const std::function<void(ArrayWriter&)>& fill) {
                directory.write_result(fill);
              }};
}

RunSink sink_into(RunMemory& memory) {
  return {.append_row =
              [&memory](const std::vector<std::string>& fields) {
                memory.metrics.rows.push_back(fields);
              },
          .write_result =
              [&memory](const std::function<void(ArrayWriter&)>& fill) {
                ArrayArchive arrays;
                fill(arrays);
                memory.arrays = std::move(arrays);
              },
          .lasting = false};
}

RunSink sink_into(CsvTable& metrics, bool measures_all) {
  return {
      .append_row =
          [&metrics](const std::vector<std::string>& fields) { metrics.rows.push_back(fields); },
      .write_result = nullptr,
      .lasting = false,
      .keeps_result = false,
      .measures_all = measures_all};
}

namespace {

/// The arrays of result.h5, which is read from the file or lies in memory already.
ArrayArchive all_of(const ArrayReader& result) {
  if (const auto* file = dynamic_cast<const Hdf5Reader*>(&result)) return file->read_all();
  return dynamic_cast<const ArrayArchive&>(result);
}

RunMemory read_folder(const RunDirectory& directory) {
  RunMemory run{.config = directory.config_text(),
                .metrics = read_metrics(directory.file("metrics.csv")),
                .arrays = {}};
  if (const auto result = directory.read_result()) run.arrays = all_of(*result);
  return run;
}

}  // namespace

RunMemory read_run(const std::string& path) {
  const RunDirectory directory = RunDirectory::open(path);
  refuse_training(path);
  return read_folder(directory);
}

RunMemory read_training(const std::string& path) {
  return read_folder(RunDirectory::open(path));
}

void write_run(const RunMemory& run, const std::string& path) {
  const RunDirectory directory = RunDirectory::create(path, run.config, run.metrics.columns);
  for (const auto& row : run.metrics.rows) directory.append_row(row);
  if (run.arrays.entries().empty()) return;
  directory.write_result([&](ArrayWriter& file) { run.arrays.copy_to(file); });
}

}  // namespace latetime
