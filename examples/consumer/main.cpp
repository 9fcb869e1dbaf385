// Ten samples, followed by gradient descent to t = 10^100 and to the limit t = infinity.
//   consumer [FOLDER]    also saves the run, in the files of `latetime run`

#include <cstdio>
#include <exception>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "latetime/latetime.hpp"

using namespace latetime;

/// Ten normal samples of dimension 200, labels +1 and -1 in turn.
static Dataset ten_samples() {
  std::mt19937_64 numbers(1);
  std::normal_distribution<double> normal;
  Matrix x(10, 200);
  for (double& entry : x.reshaped()) entry = normal(numbers);
  Vector y(10);
  for (Eigen::Index i = 0; i < y.size(); ++i) y[i] = i % 2 == 0 ? 1.0 : -1.0;
  return make_dataset(std::move(x), y, "x", "y", "ten normal samples");
}

int main(int argc, char** argv) try {
  const std::vector<std::string> keys{"network.width=50", "network.slope=0",
                                      "descent.learning_rate=0.1", "descent.until=1e100",
                                      "record.per_decade=1"};
  RunConfig config = parse_config("", "main.cpp", ".", keys);
  config.data.source = DataSource::file;  // a saved run names as its samples those that it holds
  config.data.x = "result.h5:/data/x";
  config.data.y = "result.h5:/data/y";
  config.data.d = 0;  // as they say
  const Dataset data = ten_samples();
  const RunProblem problem{config, data, load_network(config, data)};

  std::puts("t      log loss          stable rank W+    stable rank W-    error estimate  engine");
  RunSettings settings;
  settings.recorded = [records = 0](const TrainingState&, const Record& record) mutable {
    if (records++ % 20 != 1) return;  // t = 1, 10^20, 10^40, ...
    const auto& ranks = record.measures.stable_ranks;
    std::printf("%-6s %-17.12g %-17.12g %-17.12g %-15.2g %s\n", to_string(record.time).c_str(),
                record.measures.log_loss, ranks[0].value, ranks[1].value, record.error_estimate,
                word_of(record.engine).c_str());
  };
  RunMemory memory;
  const RunSummary run = carry_out_run(problem, memory, settings);
  if (argc > 1) write_run(memory, argv[1]);
  if (!run.limit || run.limit->limit.status != LimitStatus::found) {
    std::printf("no limit: %s\n",
                run.limit ? run.limit->limit.message.c_str() : run.outcome.message.c_str());
    return 1;
  }
  const auto& ranks = run.limit->stable_ranks;
  std::printf("limit  stable ranks W+, W-, W %.12g %.12g %.12g  KKT residual %.2g\n",
              ranks[0].value, ranks[1].value, ranks[2].value, run.limit->limit.kkt_residual);
} catch (const std::exception& error) {  // InputError, RunFailure: what() is one line
  std::fprintf(stderr, "consumer: %s\n", error.what());
  return 2;
}
