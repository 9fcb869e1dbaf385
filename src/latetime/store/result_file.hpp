#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/outcome.hpp"
#include "latetime/store/record.hpp"
#include "latetime/store/run_schema.hpp"

namespace latetime {

/// The arrays of all records so far, as they stand under /records of result.h5. A name keeps one
/// shape; a record adds one entry to each.
class RecordArrays {
 public:
  /// `keep_coefficients`: also store C of every record (record × 2 × m × n).
  void append(const Record& record, const TrainingState& state, const NetworkShape& shape,
              bool keep_coefficients);
  /// Spectra of the next record that has none yet. Every record needs them before write().
  void append_spectra(const Spectra& spectra);
  std::size_t size() const { return engines_.size(); }
  /// Times of the records.
  const std::vector<LogTime>& times() const { return times_; }

  /// The rows of metrics.csv, to the last bit as they were appended. Throws InputError where a
  /// column of it is missing: another version made the arrays.
  std::vector<std::vector<std::string>> rows() const;

  void write(ArrayWriter& file) const;
  static RecordArrays read(const ArrayReader& file);

  /// To be called before records are appended to arrays that were read. Throws InputError unless
  /// they are, by name and shape, those that a run of this network and `samples` appends to.
  /// Coefficients of earlier records are dropped where they are not kept any more: a later end asks
  /// for more records. `errors`: whether the run measures them.
  void go_on_with(const NetworkShape& shape, Eigen::Index samples, bool keep_coefficients,
                  bool errors = false);
  /// Classes of the network that the records are of.
  int groups() const;
  /// Whether the records hold errors.
  bool measures_errors() const;

 private:
  struct Array {
    std::vector<std::size_t> entry_shape;  // empty: a number a record
    std::vector<double> values;
  };
  void add(const std::string& name, std::vector<std::size_t> entry_shape, const double* values,
           std::size_t count);

  std::map<std::string, Array> arrays_;
  std::vector<EngineKind> engines_;
  std::vector<LogTime> times_;
};

/// Fills Provenance::machine from the system.
std::string describe_machine();

/// Throws InputError where `earlier` (write_run) began with other samples, labels, initial weights
/// or test samples: configurations only name files, which may have changed since.
void require_same_beginning(const ArrayReader& earlier, const Dataset& data, const Network& initial,
                            const HeldOut& held_out = {});

/// Writes RunBeginning, FinalState, RunEnd and Provenance. `last_switch_record` (2, m, n): of
/// FinalState, empty where switches are not counted.
void write_run(ArrayWriter& file, const Dataset& data, const Network& initial,
               const TrainingState& latest, std::vector<std::uint64_t> last_switch_record,
               const Outcome& outcome, const Provenance& provenance, const HeldOut& held_out = {});

}  // namespace latetime
