#include "latetime/sweep/point_run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <new>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;

/// The folder of a run, whole or not there.
void keep_run(const RunMemory& memory, const std::string& runs, const std::string& key) {
  const fs::path place = fs::path(runs) / key, partial = fs::path(runs) / (key + ".partial");
  fs::remove_all(partial);
  fs::remove_all(place);
  write_run(memory, partial.string());
  fs::rename(partial, place);
}

/// Which records the wanted numbers need: only curves look at more than the last one and losses.
MeasuredRecords measured_for(const WantedQuantities& wanted) {
  const bool curves =
      std::any_of(wanted.arrays.begin(), wanted.arrays.end(),
                  [](const std::string& name) { return name.starts_with("curve_"); });
  return curves ? MeasuredRecords::every : MeasuredRecords::last;
}

/// The run without result.h5, its last row as `latetime run` writes it.
RunSummary carry_out(const RunProblem& problem, const WantedQuantities& wanted, CsvTable& metrics,
                     const RunSettings& settings) {
  RunSummary summary = carry_out_run(problem, metrics, settings, measured_for(wanted));
  // A flow that stopped before the end is followed once more, to know its last record's error.
  const bool interrupted = summary.outcome.reason == StopReason::interrupted;
  if (interrupted || !std::isnan(summary.last.error_estimate)) return summary;
  return carry_out_run(problem, metrics, settings, MeasuredRecords::every);
}

/// Enters what a finished run says into `record`; false where it was interrupted.
bool follow(const RunConfig& config, const WantedQuantities& wanted, const std::string& runs,
            const std::function<bool()>& keep_going, PointRecord& record) {
  const RunProblem problem = load_problem(config);
  require_two_classes(problem.data, "data", "sweeps are");
  const RunSettings settings{.threads = 1,
                             .pulse = [&](const LogTime&) { return !keep_going || keep_going(); }};
  RunMemory memory;
  const bool whole = !runs.empty() || !wanted.proofs.empty() || !wanted.claims.empty();
  const RunSummary summary = !whole ? carry_out(problem, wanted, memory.metrics, settings)
                                    : carry_out_run(problem, memory, settings);
  if (summary.outcome.reason == StopReason::interrupted) return false;
  record.outcome = word_of(summary.outcome.reason);
  record.message = summary.outcome.message;
  record.values = quantities_of(problem, summary, memory.metrics);
  for (const std::string& name : wanted.arrays) {
    record.extras[name] = array_of(name, summary, memory.metrics);
  }
  // Those that are made from the whole run, each set by its own function.
  const auto enter = [&](const std::vector<std::string>& names, const auto& values_of) {
    if (names.empty()) return true;
    const auto values = values_of(names, memory.arrays, keep_going);
    if (!values) return false;
    for (std::size_t i = 0; i < names.size(); ++i) record.extras[names[i]] = {(*values)[i]};
    return true;
  };
  if (!enter(wanted.claims, claim_values) || !enter(wanted.proofs, proof_values)) return false;
  if (!runs.empty()) keep_run(memory, runs, record.key);
  return true;
}

}  // namespace

std::optional<PointRecord> run_point(const std::string& key, const RunConfig& config,
                                     const WantedQuantities& wanted, const std::string& runs,
                                     const std::function<bool()>& keep_going) {
  const auto start = std::chrono::steady_clock::now();
  PointRecord record{.key = key};
  try {
    if (!follow(config, wanted, runs, keep_going, record)) return std::nullopt;
  } catch (const InputError& error) {
    record.outcome = "refused";
    record.message = error.what();
  } catch (const std::bad_alloc&) {
    record.outcome = "failed";
    record.message = "not enough memory for arrays of this size";
  } catch (const std::exception& error) {
    record.outcome = "failed";
    record.message = error.what();
  }
  record.values.resize(all_quantities().size(), std::nan(""));
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return record;
}

}  // namespace latetime
