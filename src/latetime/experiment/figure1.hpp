#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace latetime {

/// The paper's Figure 1: stable rank and training loss for slopes from 0 to 1 on the Gaussian
/// mixture of its section 6. What the paper states is fixed by default; what it leaves open (σ0) is
/// named.
struct Figure1Options {
  std::int64_t n = 10;
  std::int64_t d = 784;
  std::int64_t width = 100;
  double signal_std = 0.01;
  double noise_std = 1.0;
  double init_std = 1e-3;  ///< not stated in the paper
  double learning_rate = 0.1;
  std::int64_t batch_size = 64;
  std::int64_t epochs = 50;
  std::vector<double> slopes{0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
  std::int64_t runs = 5;  ///< seeds first_seed, first_seed + 1, …: data, weights and batches
  std::int64_t first_seed = 1;
};

/// What a quick look leaves out, in words; empty: nothing.
std::string quick_text(const Figure1Options& options);

/// A quick look at it: fewer slopes, two runs.
Figure1Options quick_figure1();

/// One run at one epoch.
struct Figure1Point {
  double slope;
  std::int64_t seed;
  std::int64_t epoch;
  double stable_rank_pos, stable_rank_neg, stable_rank_all;
  double loss;
};

/// Mean and sample standard deviation (divisor runs − 1) over the runs.
struct Spread {
  double mean = 0.0;
  double std = 0.0;
};
/// The spread of these values; NaN when one of them is.
Spread spread_of(const std::vector<double>& values);

struct Figure1Summary {
  double slope;
  std::int64_t epoch;
  Spread stable_rank_pos, stable_rank_neg, stable_rank_all, loss;
};

/// Trains every (slope, seed) on up to `threads` threads. `progress(done, total)` is called after
/// each run, from any thread but never twice at once; returning false stops (the result is then
/// empty). Points are ordered by slope, seed, epoch, whatever the number of threads.
std::vector<Figure1Point> run_figure1(
    const Figure1Options& options, unsigned threads,
    const std::function<bool(std::size_t, std::size_t)>& progress);

/// Means and standard deviations over the seeds, ordered by slope and epoch.
std::vector<Figure1Summary> summarize(const std::vector<Figure1Point>& points);

/// Tidy CSV texts with a header line: a row a (slope, epoch), and a row a (slope, seed, epoch).
std::string figure1_csv(const std::vector<Figure1Summary>& summary);
std::string figure1_runs_csv(const std::vector<Figure1Point>& points);

/// The options as TOML. A quick look has the key `quick`, which says what it leaves out.
std::string figure1_settings(const Figure1Options& options);

}  // namespace latetime
