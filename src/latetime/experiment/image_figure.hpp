#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "latetime/experiment/figure1.hpp"
#include "latetime/experiment/image_training.hpp"
#include "latetime/store/paper_figure.hpp"

namespace latetime {

/// How the network of a figure tells the ten classes of images, which the paper does not say.
enum class FigureReading {
  groups,     ///< ten groups of m neurons, softmax cross-entropy: the paper's model for K classes
  two_class,  ///< even against odd digits with the paper's network itself
  trained,    ///< m hidden neurons and a trained linear output layer
};

template <>
struct ChoiceTable<FigureReading> {
  static constexpr std::array<ChoiceWord<FigureReading>, 3> words{
      {{FigureReading::groups, "groups"},
       {FigureReading::two_class, "two-class"},
       {FigureReading::trained, "trained"}}};
};

/// Figures 2 to 5 of the paper: SGD on all images of a set, five runs of each variant. Figures 2
/// (ReLU) and 3 (leaky ReLU, slope 0.1) vary the standard deviation of the initial weights, Figures
/// 4 (ReLU) and 5 (leaky) the width.
struct ImageFigureOptions {
  PaperFigure figure = PaperFigure::fig2;
  ImageSetName images = ImageSetName::mnist;
  FigureReading reading = FigureReading::groups;
  OutputScale output_scale = OutputScale::automatic;  ///< 1/m, or 1 for FigureReading::trained
  PixelScaling pixels = PixelScaling::unit;
  std::string folder;  ///< of the IDX files; empty: the cache
  double slope = 0.0;
  std::vector<double> init_stds{1e-5};
  std::vector<std::int64_t> widths{1000};
  std::int64_t n = 0;       ///< training images, chosen by first_seed for all runs; 0: all
  std::int64_t test_n = 0;  ///< test images, the same
  double learning_rate = 0.1;
  std::int64_t batch_size = 64;
  std::int64_t epochs = 10;
  std::int64_t runs = 5;  ///< seeds first_seed, first_seed + 1, …: weights and batches
  std::int64_t first_seed = 1;
};

/// The figure as the paper describes it, with the reading that shows what it describes: groups
/// for Figures 2 and 3, a trained layer for Figures 4 and 5. `quick`: 2 epochs, 2 runs, 6000
/// training and 2000 test images. Throws InputError for Figure 1, which is not of images.
ImageFigureOptions image_figure(PaperFigure figure, bool quick);

/// Every setting that results depend on, as TOML.
std::string image_figure_settings(const ImageFigureOptions& options);

/// What a quick look leaves out, in words ("2 epochs, … instead of 10, …"); empty: nothing.
std::string quick_text(const ImageFigureOptions& options);

/// figN.toml without its command: the settings, and, of a quick look, the key `quick` that says so.
std::string image_figure_toml(const ImageFigureOptions& options);

/// One run: a variant and a seed.
struct ImageRun {
  double init_std;
  std::int64_t width;
  std::int64_t seed;
  std::vector<TrainingRecord> records;
};

/// All runs of the figure in their order: variants, then seeds. Those whose results lie in `folder`
/// already (FIGURE_runs/) are read, the others are carried out, as many at a time as there are
/// threads, and each is stored there when it is finished: a killed reproduction loses only runs
/// that were under way. `progress(done, total)` counts work (steps times neurons); never called by
/// two threads at once; returning false stops (the result is then empty). Results do not depend on
/// `threads`.
/// Throws InputError when the folder holds runs of other settings, and for bad input.
std::vector<ImageRun> run_image_figure(const ImageFigureOptions& options, const std::string& folder,
                                       unsigned threads,
                                       const std::function<bool(double, double)>& progress);

/// Means and standard deviations over the seeds at one step of a variant.
struct ImageFigureRow {
  double init_std;
  std::int64_t width;
  std::uint64_t step;
  double epoch;
  /// Of the stacked weights, and of the groups' mean.
  Spread stable_rank, group_stable_rank;
  Spread test_error, test_loss, running_error, running_loss;
};
std::vector<ImageFigureRow> summarize(const std::vector<ImageRun>& runs);

/// Tidy CSV texts with a header line: a row a (variant, step), and a row a (variant, seed, step).
std::string image_figure_csv(const std::vector<ImageFigureRow>& rows);
std::string image_runs_csv(const std::vector<ImageRun>& runs);

}  // namespace latetime
