#include "latetime/store/record.hpp"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "latetime/store/result_file.hpp"

namespace latetime {
namespace {

Record sample_record(const LogTime& time) {
  Record record;
  record.time = time;
  record.engine = "coefficient";
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

}  // namespace
}  // namespace latetime
