#include "latetime/experiment/figure1.hpp"

#include <atomic>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

#include "latetime/base/parallel.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

/// Stable ranks of W_{+1}, W_{−1} and the stacked W from one Gram matrix of the neurons.
Figure1Point measure(const TrainingState& state, const Dataset& data, const NetworkShape& shape,
                     const NeuronGram& neuron_gram) {
  const Eigen::MatrixXd gram = neuron_gram.at(state.coefficients);
  const Eigen::Index m = shape.width;
  const Matrix outputs = group_outputs(state.preactivations, shape);
  return {.slope = shape.slope,
          .seed = 0,
          .epoch = 0,
          .stable_rank_pos = stable_rank_from_gram(gram.topLeftCorner(m, m)).value,
          .stable_rank_neg = stable_rank_from_gram(gram.bottomRightCorner(m, m)).value,
          .stable_rank_all = stable_rank_from_gram(gram).value,
          .loss = std::exp(log_mean_loss(outputs, data.classes))};
}

/// One training run; fills epochs + 1 points.
void train(const Figure1Options& options, double slope, std::int64_t seed, Figure1Point* points) {
  const auto root = static_cast<std::uint64_t>(seed);
  const Dataset data =
      gaussian_mixture(options.n, options.d, options.signal_std, options.noise_std, root);
  const NetworkShape shape{.groups = 2, .width = options.width, .dim = options.d, .slope = slope};
  const Network initial = gaussian_network(shape, options.init_std, root);
  const auto batch = static_cast<std::size_t>(std::min(options.batch_size, options.n));
  Descent descent({data, initial, options.learning_rate},
                  {.method = Method::stochastic, .batch_size = batch, .seed = root});
  const std::uint64_t batches = steps_of_epoch(static_cast<std::size_t>(options.n), batch);
  std::vector<LogTime> epoch_ends;
  for (std::int64_t epoch = 0; epoch <= options.epochs; ++epoch) {
    epoch_ends.push_back(static_cast<std::uint64_t>(epoch) * batches);
  }
  const NeuronGram neuron_gram(initial.weights, data.x);
  std::int64_t epoch = 0;
  descent.run(epoch_ends, {.record =
                               [&](const TrainingState& state) {
                                 Figure1Point point = measure(state, data, shape, neuron_gram);
                                 point.seed = seed;
                                 point.epoch = epoch;
                                 points[epoch++] = point;
                               },
                           .pulse = nullptr,
                           .needs_weights = false});
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  Spread spread;
  for (const double value : values) spread.mean += value / count;
  for (const double value : values) spread.std += (value - spread.mean) * (value - spread.mean);
  spread.std = values.size() > 1 ? std::sqrt(spread.std / (count - 1.0)) : 0.0;
  return spread;
}

Figure1Options quick_figure1() {
  Figure1Options options;
  options.slopes = {0.0, 0.1, 0.5, 1.0};
  options.runs = 2;
  return options;
}

std::vector<Figure1Point> run_figure1(
    const Figure1Options& options, unsigned threads,
    const std::function<bool(std::size_t, std::size_t)>& progress) {
  const auto runs = static_cast<std::size_t>(options.runs);
  const auto per_run = static_cast<std::size_t>(options.epochs) + 1;
  const std::size_t total = options.slopes.size() * runs;
  std::vector<Figure1Point> points(total * per_run);
  std::mutex mutex;
  std::size_t done = 0;
  std::atomic<bool> stopped{false};
  run_jobs(total, threads, [&](std::size_t job) {
    if (stopped) return;
    const auto seed = options.first_seed + static_cast<std::int64_t>(job % runs);
    train(options, options.slopes[job / runs], seed, points.data() + job * per_run);
    const std::lock_guard lock(mutex);
    if (!progress(++done, total)) stopped = true;
  });
  if (stopped) points.clear();
  return points;
}

std::vector<Figure1Summary> summarize(const std::vector<Figure1Point>& points) {
  std::vector<Figure1Summary> summary;
  for (std::size_t first = 0; first < points.size();) {
    // Points of one slope: seeds × epochs, epochs running fastest.
    std::size_t last = first;
    while (last < points.size() && points[last].slope == points[first].slope) ++last;
    std::size_t epochs = 1;
    while (first + epochs < last && points[first + epochs].epoch > 0) ++epochs;
    for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
      const auto over_seeds = [&](double Figure1Point::*field) {
        std::vector<double> values;
        for (std::size_t k = first + epoch; k < last; k += epochs)
          values.push_back(points[k].*field);
        return spread_of(values);
      };
      summary.push_back({.slope = points[first].slope,
                         .epoch = points[first + epoch].epoch,
                         .stable_rank_pos = over_seeds(&Figure1Point::stable_rank_pos),
                         .stable_rank_neg = over_seeds(&Figure1Point::stable_rank_neg),
                         .stable_rank_all = over_seeds(&Figure1Point::stable_rank_all),
                         .loss = over_seeds(&Figure1Point::loss)});
    }
    first = last;
  }
  return summary;
}

std::string figure1_csv(const std::vector<Figure1Summary>& summary) {
  std::string text =
      "slope,epoch,stable_rank_pos_mean,stable_rank_pos_std,stable_rank_neg_mean,"
      "stable_rank_neg_std,stable_rank_all_mean,stable_rank_all_std,loss_mean,loss_std\n";
  for (const auto& row : summary) {
    text += fmt::format("{},{}", shortest(row.slope), row.epoch);
    for (const Spread& s :
         {row.stable_rank_pos, row.stable_rank_neg, row.stable_rank_all, row.loss}) {
      text += "," + shortest(s.mean) + "," + shortest(s.std);
    }
    text += "\n";
  }
  return text;
}

std::string figure1_runs_csv(const std::vector<Figure1Point>& points) {
  std::string text = "slope,seed,epoch,stable_rank_pos,stable_rank_neg,stable_rank_all,loss\n";
  for (const auto& p : points) {
    text += fmt::format("{},{},{},{},{},{},{}\n", shortest(p.slope), p.seed, p.epoch,
                        shortest(p.stable_rank_pos), shortest(p.stable_rank_neg),
                        shortest(p.stable_rank_all), shortest(p.loss));
  }
  return text;
}

std::string quick_text(const Figure1Options& options) {
  const Figure1Options whole;
  if (options.slopes.size() >= whole.slopes.size() && options.runs >= whole.runs) return "";
  return fmt::format("{} slopes and {} runs instead of {} and {}", options.slopes.size(),
                     options.runs, whole.slopes.size(), whole.runs);
}

std::string figure1_settings(const Figure1Options& options) {
  const std::string quick = quick_text(options);
  return fmt::format(
      "n = {}\nd = {}\nwidth = {}\nsignal_std = {}\nnoise_std = {}\ninit_std = {}\n"
      "learning_rate = {}\nbatch_size = {}\nepochs = {}\nslopes = [{}]\nruns = {}\nfirst_seed = "
      "{}\n{}",
      options.n, options.d, options.width, options.signal_std, options.noise_std, options.init_std,
      options.learning_rate, options.batch_size, options.epochs, fmt::join(options.slopes, ", "),
      options.runs, options.first_seed, quick.empty() ? "" : "quick = \"" + quick + "\"\n");
}

}  // namespace latetime
