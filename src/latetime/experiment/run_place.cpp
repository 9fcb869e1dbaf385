#include "latetime/experiment/run_place.hpp"

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/store/folder_kind.hpp"

namespace latetime {

void require_same_configuration(const RunConfig& earlier, const RunConfig& now,
                                const std::string& where) {
  const std::string key = first_difference(earlier, now);
  if (key.empty()) return;
  throw InputError(where, fmt::format("was begun with another {}; resume with the same "
                                      "configuration, or name another folder",
                                      key));
}

RunPlace place_in_directory(const RunConfig& config, const std::string& out, bool resume,
                            const std::vector<std::string>& columns) {
  const RunDirectory directory = prepare_directory(config, out, resume, columns);
  return {.name = out,
          .sink = sink_into(directory),
          .earlier = resume ? directory.read_result() : nullptr,
          .stored_rows = [directory](std::size_t rows) { return directory.first_rows(rows).rows; },
          .begin =
              [directory, &config, &columns](const MetricsRows& rows) {
                // Whatever has become of the table, it is whole again.
                std::vector<std::string> lines;
                for (const auto& row : rows) lines.push_back(join(row, ","));
                directory.replace_table(columns, lines);
                directory.write_config(to_toml(config));
              },
          .give_up =
              [directory, out] {
                directory.discard_unless_recorded();
                return holds_run(out);
              }};
}

RunPlace place_in_memory(const RunConfig& config, RunMemory& memory, bool resume,
                         const std::vector<std::string>& columns) {
  RunPlace place{.name = "memory", .sink = sink_into(memory)};
  if (resume && !memory.arrays.entries().empty()) {
    require_same_configuration(parse_config(memory.config, "the earlier part", "."),
                               parse_config(to_toml(config), "this part", "."), "the run");
    place.earlier = std::make_shared<ArrayArchive>(std::move(memory.arrays));
  }
  place.stored_rows = [&memory](std::size_t rows) {
    if (memory.metrics.rows.size() < rows) {
      throw InputError(
          "memory", fmt::format("has {} rows of {}; run anew", memory.metrics.rows.size(), rows));
    }
    return MetricsRows(memory.metrics.rows.begin(),
                       memory.metrics.rows.begin() + static_cast<std::ptrdiff_t>(rows));
  };
  place.begin = [&memory, &config, &columns](const MetricsRows& rows) {
    memory.metrics.rows = rows;
    memory.config = to_toml(config);
    memory.metrics.columns = columns;
  };
  place.give_up = [] { return false; };
  return place;
}

RunPlace place_in_table(CsvTable& metrics, const std::vector<std::string>& columns,
                        bool measures_all) {
  return {.name = "memory",
          .sink = sink_into(metrics, measures_all),
          .stored_rows = [](std::size_t) { return MetricsRows(); },
          .begin =
              [&metrics, &columns](const MetricsRows&) {
                metrics.columns = columns;
                metrics.rows.clear();
              },
          .give_up = [] { return false; }};
}

}  // namespace latetime
