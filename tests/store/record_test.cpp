#include "latetime/store/record.hpp"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "latetime/data/generators.hpp"
#include "latetime/store/result_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

Record sample_record(const LogTime& time) {
  Record record;
  record.time = time;
  record.engine = EngineKind::coefficient;
  record.switches = {
      .counted = true, .own = 3, .other = 4, .last_own_step = 2, .last_other_step = 5};
  record.switching_pairs = 6;
  Measures& m = record.measures;
  m.log_loss = -0.1;
  m.kkt = {std::nan(""), std::nan(""), std::nan("")};
  m.active_own = Eigen::VectorXi{{1, 2, 0}};
  m.rho_own_mean = Vector{{0.1, 0.2, 0.3}};
  m.rho_other_mean = Vector{{-0.1, 0.0, -0.3}};
  return record;
}

std::string field(const Record& record, const std::string& name) {
  const auto& columns = metrics_columns();
  const auto at = std::find(columns.begin(), columns.end(), name) - columns.begin();
  return metrics_fields(record).at(static_cast<std::size_t>(at));
}

TEST(MetricsColumns, BeginWithTheContract) {
  const std::vector<std::string> contract{"log10_t",         "step",
                                          "engine",          "log_loss",
                                          "min_margin",      "normalized_margin",
                                          "stable_rank_pos", "stable_rank_neg",
                                          "stable_rank_all", "norm_w",
                                          "kkt_residual",    "switches",
                                          "sliding_pairs",   "error_estimate"};
  const auto& columns = metrics_columns();
  ASSERT_GE(columns.size(), contract.size());
  EXPECT_EQ(std::vector<std::string>(columns.begin(), columns.begin() + 14), contract);
}

TEST(MetricsFields, AreEmptyWhereAValueDoesNotExist) {
  Record record = sample_record(0);
  EXPECT_EQ(field(record, "log10_t"), "");
  EXPECT_EQ(field(record, "kkt_residual"), "");
  EXPECT_EQ(field(record, "switches"), "7");
  record.switches.counted = false;
  EXPECT_EQ(field(record, "switches"), "");
  EXPECT_EQ(field(sample_record(1000), "log10_t"), "3");
  EXPECT_EQ(field(sample_record(9007199254740992), "step"), "9007199254740992");
}

TEST(MetricsFields, BeyondTwoToThe53HaveALogarithmButNoStep) {
  Record record = sample_record(LogTime::parse("1e100", ""));
  EXPECT_EQ(field(record, "log10_t"), "100");
  EXPECT_EQ(field(record, "step"), "");
  EXPECT_EQ(field(sample_record(9007199254740993), "step"), "");
  EXPECT_EQ(metrics_fields(record).size(), metrics_columns().size());
}

TEST(MetricsFields, SayHowFarOffTheyCanBe) {
  Record record = sample_record(5);
  EXPECT_EQ(field(record, "sliding_pairs"), "0");
  EXPECT_EQ(field(record, "error_estimate"), "0");
  EXPECT_EQ(field(record, "undecided_events"), "0");
  record.sliding_pairs = 102;
  record.error_estimate = 2.5e-9;
  record.undecided_events = 1;
  EXPECT_EQ(field(record, "sliding_pairs"), "102");
  EXPECT_EQ(field(record, "error_estimate"), "2.5e-09");
  EXPECT_EQ(field(record, "undecided_events"), "1");
  record.error_estimate = HUGE_VAL;
  EXPECT_EQ(field(record, "error_estimate"), "inf");
}

TEST(RecordArrays, ReadBackWhatWasWritten) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("latetime-records-" + std::to_string(getpid()) + ".h5");
  TrainingState state;
  state.coefficients = Matrix::Constant(4, 3, 0.25);
  const NetworkShape shape{.groups = 2, .width = 2, .dim = 9, .slope = 0.0};
  RecordArrays arrays;
  EXPECT_TRUE(arrays.times().empty());
  arrays.append(sample_record(0), state, shape, true);
  arrays.append(sample_record(7), state, shape, true);
  for (int record = 0; record < 2; ++record) {
    arrays.append_spectra({Vector{{2.0, 1.0}}, Vector{{3.0, 0.5}}, Vector{{3.5, 2.0}}});
  }
  {
    Hdf5Writer file(path.string());
    arrays.write(file);
    file.close();
  }
  const Hdf5Reader file(path.string());
  EXPECT_EQ(file.shape("/records/coefficients"), (ArrayShape{2, 2, 2, 3}));
  EXPECT_EQ(file.shape("/records/singular_values_pos"), (ArrayShape{2, 2}));
  EXPECT_EQ(file.read_doubles("/records/step"), (std::vector<double>{0, 7}));
  EXPECT_TRUE(std::isnan(file.read_doubles("/records/kkt_residual")[1]));
  RecordArrays again = RecordArrays::read(file);
  EXPECT_EQ(again.size(), 2u);
  EXPECT_EQ(again.times(), arrays.times());
  again.append(sample_record(9), state, shape, true);
  EXPECT_EQ(again.times().back(), 9);
  std::filesystem::remove(path);
}

TEST(RecordArrays, KeepTimesToTheBit) {
  const TemporaryFolder folder;
  const std::vector<LogTime> times{0,
                                   7,
                                   LogTime::largest_step,
                                   LogTime::largest_step + 1,
                                   LogTime::parse("3.2e57", ""),
                                   LogTime::parse("1e100000", "")};
  TrainingState state;
  state.coefficients = Matrix::Constant(4, 3, 0.25);
  RecordArrays arrays;
  for (const LogTime& time : times) {
    arrays.append(sample_record(time), state, {.groups = 2, .width = 2, .dim = 9}, false);
  }
  Hdf5Writer file(folder / "records.h5");
  arrays.write(file);
  file.close();
  const Hdf5Reader reader(folder / "records.h5");
  EXPECT_EQ(RecordArrays::read(reader).times(), times);
  EXPECT_TRUE(std::isnan(reader.read_doubles("/records/step").back()));
  EXPECT_EQ(reader.read_doubles("/records/log10_t").back(), 100000.0);
}

TEST(RecordArrays, OfAnEngineThatThereIsNotAreRefused) {
  ArrayArchive file;
  file.write("/records/engine", std::vector<std::string>{"dense", "densest"});
  EXPECT_THAT(error_of([&] { RecordArrays::read(file); }), testing::HasSubstr("\"densest\""));
}

// What stands under /records is what a reader of metrics.csv finds there, to the last bit.
TEST(MetricsFields, ReadBackToTheValues) {
  const Record record = sample_record(7);
  const auto fields = metrics_fields(record);
  const auto values = metrics_values(record);
  ASSERT_EQ(values.size(), fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (metrics_columns()[i] == engine_column) continue;
    const double read = fields[i].empty() ? std::nan("") : std::strtod(fields[i].c_str(), nullptr);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(values[i]))
        << metrics_columns()[i];
  }
}

TEST(WriteRun, NamesTheTimeReachedBeyondTwoToThe53) {
  const TemporaryFolder folder;
  const Dataset data = orthogonal_data(2, 2, 1.0);
  const Network initial{{.groups = 2, .width = 1, .dim = 2, .slope = 0.0}, Matrix::Identity(2, 2)};
  TrainingState state;
  state.time = LogTime::parse("1e100", "");
  state.weights = state.preactivations = state.coefficients = Matrix::Identity(2, 2);
  Hdf5Writer file(folder / "result.h5");
  write_run(file, data, initial, state, {}, {StopReason::reached_end, state.time, ""}, {});
  file.close();
  const Hdf5Reader reader(folder / "result.h5");
  for (const std::string group : {"/final", "/outcome"}) {
    EXPECT_EQ(reader.read_doubles(group + "/log10_t"), std::vector<double>{100.0});
    EXPECT_TRUE(std::isnan(reader.read_doubles(group + "/step").at(0)));
  }
}

}  // namespace
}  // namespace latetime
