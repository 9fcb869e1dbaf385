#include "latetime/experiment/image_figure.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/file_seal.hpp"
#include "latetime/base/parallel.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/results_place.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

constexpr const char* run_columns =
    "init_std,width,seed,step,epoch,running_loss,running_error,test_loss,test_error,train_loss,"
    "train_error,stable_rank_all,stable_rank_proved_error,group_stable_ranks";

constexpr const char* settings_name = "settings.toml";  // in the folder of the finished runs

Head head_of(const ImageFigureOptions& options) {
  return options.reading == FigureReading::trained ? Head::trained : Head::groups;
}

ImageTrainingOptions training_options(const ImageFigureOptions& options, const ImageRun& run) {
  return {.head = head_of(options),
          .width = run.width,
          .slope = options.slope,
          .init_std = run.init_std,
          .output_scale = settled(options.output_scale, head_of(options)),
          .learning_rate = options.learning_rate,
          .batch_size = options.batch_size,
          .epochs = options.epochs,
          .seed = static_cast<std::uint64_t>(run.seed)};
}

ImageData load(const ImageFigureOptions& options) {
  ImageSetOptions set;
  set.name = options.images;
  set.folder = options.folder;
  set.classes = options.reading == FigureReading::two_class ? "even-odd" : "all";
  set.pixels = options.pixels;
  set.n = static_cast<std::size_t>(options.n);
  set.seed = static_cast<std::uint64_t>(options.first_seed);
  return load_image_data(set, static_cast<std::size_t>(options.test_n));
}

std::string records_text(const ImageRun& run) {
  std::string text;
  for (const TrainingRecord& r : run.records) {
    std::vector<std::string> groups;
    for (const double rank : r.group_stable_ranks) groups.push_back(shortest(rank));
    text += fmt::format("{},{},{},{},{}", shortest(run.init_std), run.width, run.seed, r.step,
                        shortest(r.epoch));
    for (const double value : {r.running_loss, r.running_error, r.test_loss, r.test_error,
                               r.train_loss, r.train_error, r.stable_rank, r.proved_error}) {
      text += "," + (std::isnan(value) ? std::string() : shortest(value));
    }
    text += "," + join(groups, " ") + "\n";
  }
  return text;
}

std::vector<TrainingRecord> read_records(const std::string& path) {
  const CsvTable table = read_metrics(path);
  const auto number = [&](const std::vector<std::string>& row, const char* column) {
    const std::string& text = row[table.index_of(column)];
    return text.empty() ? std::nan("") : std::strtod(text.c_str(), nullptr);
  };
  std::vector<TrainingRecord> records;
  for (const auto& row : table.rows) {
    TrainingRecord record{.step = static_cast<std::uint64_t>(number(row, "step")),
                          .epoch = number(row, "epoch"),
                          .running_loss = number(row, "running_loss"),
                          .running_error = number(row, "running_error"),
                          .test_loss = number(row, "test_loss"),
                          .test_error = number(row, "test_error"),
                          .train_loss = number(row, "train_loss"),
                          .train_error = number(row, "train_error"),
                          .stable_rank = number(row, "stable_rank_all"),
                          .proved_error = number(row, "stable_rank_proved_error")};
    const char* text = row[table.index_of("group_stable_ranks")].c_str();
    for (char* end = nullptr;; text = end) {
      const double rank = std::strtod(text, &end);
      if (end == text) break;
      record.group_stable_ranks.push_back(rank);
    }
    records.push_back(std::move(record));
  }
  return records;
}

/// True when a run was finished in this folder.
bool holds_runs(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".csv") return true;
  }
  return false;
}

/// Removes the folder of the finished runs unless there are any; whether it stays.
bool keep_finished_runs(const fs::path& runs) {
  std::error_code ignored;
  if (fs::is_directory(runs, ignored) && holds_runs(runs)) return true;
  for (const auto& entry : fs::directory_iterator(runs, ignored)) {
    const fs::path& path = entry.path();
    if (path.filename() == settings_name || path.extension() == ".partial") {
      fs::remove(path, ignored);
    }
  }
  ::rmdir(runs.c_str());
  return false;
}

/// Files may change under their name: a line for settings.toml with checksums of all images and
/// classes.
std::string checksum_line(const ImageData& data) {
  static_assert(sizeof(SparseEntry<float>) == sizeof(float) + sizeof(std::uint32_t));
  std::string seals;
  for (const SparseSamples<float>* split : {&data.train, &data.test}) {
    seals += seal_of_values(split->starts) + seal_of_values(split->entries) +
             seal_of_values(split->classes);
  }
  std::string seal = seal_of(seals);
  seal.erase(0, seal.find_first_not_of('\n'));
  seal.resize(seal.find_last_not_of(" \n") + 1);
  return "checksums = " + toml_string(seal) + "\n";
}

/// Throws InputError when the folder of the finished runs was begun with other settings.
void require_same_settings(const ImageFigureOptions& options, const fs::path& runs) {
  const fs::path settings = runs / settings_name;
  if (fs::exists(settings) && holds_runs(runs) &&
      !read_file_bytes(settings.string()).starts_with(image_figure_settings(options))) {
    throw InputError(runs.string(),
                     "holds runs of other settings (settings.toml there says which); name another "
                     "folder, or remove it");
  }
}

/// Makes the folder of the finished runs, with the settings. Throws InputError when runs were
/// finished there with other images.
void prepare_runs_folder(const ImageFigureOptions& options, const ImageData& data,
                         const fs::path& runs) {
  make_results_folder(runs.parent_path().string());
  make_results_folder(runs.string());
  const fs::path settings = runs / settings_name;
  const std::string own = image_figure_settings(options), now = own + checksum_line(data);
  if (fs::exists(settings) && holds_runs(runs)) {
    const std::string earlier = read_file_bytes(settings.string());
    if (earlier == now) return;
    if (earlier != own) {  // of a version that knew no checksums
      throw InputError(runs.string(),
                       "was begun with other images, whose files have changed since; name another "
                       "folder, or remove it");
    }
  }
  replace_file(settings.string(), now);
}

/// Throws InputError unless each run has the records that all others have: a stored table may have
/// been cut.
void require_alike(const std::vector<ImageRun>& runs,
                   const std::function<std::string(const ImageRun&)>& file_of) {
  const auto longest = std::max_element(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return a.records.size() < b.records.size();
  });
  for (const ImageRun& run : runs) {
    bool same = run.records.size() == longest->records.size();
    for (std::size_t k = 0; same && k < run.records.size(); ++k) {
      same = run.records[k].step == longest->records[k].step;
    }
    if (!same) {
      throw InputError(file_of(run),
                       "lacks records that the other runs have; remove it, and the "
                       "same command makes it again");
    }
  }
}

/// All runs without their records: variants, then seeds.
std::vector<ImageRun> planned_runs(const ImageFigureOptions& options) {
  std::vector<ImageRun> runs;
  for (const double init_std : options.init_stds) {
    for (const std::int64_t width : options.widths) {
      for (std::int64_t r = 0; r < options.runs; ++r) {
        runs.push_back({init_std, width, options.first_seed + r, {}});
      }
    }
  }
  return runs;
}

Spread spread_over(const std::vector<const TrainingRecord*>& records,
                   const std::function<double(const TrainingRecord&)>& value) {
  std::vector<double> values;
  for (const TrainingRecord* record : records) values.push_back(value(*record));
  return spread_of(values);
}

double mean_group_rank(const TrainingRecord& record) {
  double sum = 0.0;
  for (const double rank : record.group_stable_ranks) sum += rank;
  return sum / static_cast<double>(record.group_stable_ranks.size());
}

}  // namespace

ImageFigureOptions image_figure(PaperFigure figure, bool quick) {
  ImageFigureOptions options{.figure = figure};
  switch (figure) {
    case PaperFigure::fig1:
      throw InputError("FIGURE", "fig1 is no figure of images; choose fig2, fig3, fig4 or fig5");
    case PaperFigure::fig2:
    case PaperFigure::fig3:
      options.init_stds = {1e-5, 5e-5, 1e-4, 5e-4, 1e-3};
      break;
    case PaperFigure::fig4:
    case PaperFigure::fig5:
      options.widths = {10, 50, 100, 500, 1000};
      options.reading = FigureReading::trained;
      break;
  }
  if (figure == PaperFigure::fig3 || figure == PaperFigure::fig5) options.slope = 0.1;
  if (quick) {
    options.epochs = 2;
    options.runs = 2;
    options.n = 6000;
    options.test_n = 2000;
  }
  return options;
}

std::string image_figure_settings(const ImageFigureOptions& o) {
  const bool own_scale = o.output_scale == OutputScale::automatic;
  const std::string_view scale = own_scale ? "" : text_of(o.output_scale);
  return fmt::format(
      "figure = \"{}\"\nimages = \"{}\"\nfolder = {}\nreading = \"{}\"\noutput_scale = "
      "\"{}\"\npixels = "
      "\"{}\"\nslope = {}\ninit_std = [{}]\nwidth = [{}]\nn = {}\ntest_n = {}\nlearning_rate = "
      "{}\nbatch_size = {}\nepochs = {}\nruns = {}\nfirst_seed = {}\n",
      text_of(o.figure), text_of(o.images),
      toml_string(o.folder.empty() ? "" : fs::absolute(o.folder).lexically_normal().string()),
      text_of(o.reading), scale, text_of(o.pixels), o.slope, fmt::join(o.init_stds, ", "),
      fmt::join(o.widths, ", "), o.n, o.test_n, o.learning_rate, o.batch_size, o.epochs, o.runs,
      o.first_seed);
}

std::string quick_text(const ImageFigureOptions& options) {
  const ImageFigureOptions whole = image_figure(options.figure, false);
  if (options.runs >= whole.runs && options.epochs >= whole.epochs && options.n == 0) return "";
  const auto images = [](std::int64_t n) { return n == 0 ? "all" : fmt::format("{}", n); };
  return fmt::format(
      "{} epochs, {} runs, {} training and {} test images instead of {} epochs, {} runs and all "
      "images; every run takes the same images",
      options.epochs, options.runs, images(options.n), images(options.test_n), whole.epochs,
      whole.runs);
}

std::string image_figure_toml(const ImageFigureOptions& options) {
  const std::string quick = quick_text(options);
  return image_figure_settings(options) + (quick.empty() ? "" : "quick = \"" + quick + "\"\n");
}

namespace {

/// Reads those runs that are stored. The numbers of the others, the longest first, so that no
/// thread is left with a long one at the end.
std::vector<std::size_t> runs_left(std::vector<ImageRun>& runs,
                                   const std::function<std::string(const ImageRun&)>& file_of) {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (fs::exists(file_of(runs[i]))) {
      runs[i].records = read_records(file_of(runs[i]));
    } else {
      left.push_back(i);
    }
  }
  std::stable_sort(left.begin(), left.end(),
                   [&](std::size_t a, std::size_t b) { return runs[a].width > runs[b].width; });
  return left;
}

}  // namespace

std::vector<ImageRun> run_image_figure(const ImageFigureOptions& options, const std::string& folder,
                                       unsigned threads,
                                       const std::function<bool(double, double)>& progress) {
  require_no_run(folder);
  const fs::path store = fs::path(folder) / (word_of(options.figure) + "_runs");
  require_same_settings(options, store);
  std::vector<ImageRun> runs = planned_runs(options);
  const auto file_of = [&](const ImageRun& run) {
    return (store /
            fmt::format("std_{}_width_{}_seed_{}.csv", shortest(run.init_std), run.width, run.seed))
        .string();
  };
  const std::vector<std::size_t> left = runs_left(runs, file_of);
  if (left.empty()) {
    require_alike(runs, file_of);
    return runs;
  }
  double total = 0.0;
  for (const std::size_t i : left) total += static_cast<double>(runs[i].width);
  const ImageData data = load(options);
  prepare_runs_folder(options, data, store);  // not before the images were found to be sound
  const std::uint64_t steps_an_epoch =
      steps_of_epoch(data.train.size(), static_cast<std::size_t>(options.batch_size));
  const double steps = static_cast<double>(steps_an_epoch) * static_cast<double>(options.epochs);
  const auto inner_threads = static_cast<unsigned>(std::max<std::size_t>(1, threads / left.size()));
  std::mutex mutex;
  double done = 0.0;
  std::atomic<bool> stopped{false};
  const auto train_all = [&] {
    run_jobs(left.size(), threads, [&](std::size_t job) {
      ImageRun& run = runs[left[job]];
      if (stopped) return;
      double counted = 0.0;
      run.records = train_on_images(
          data, training_options(options, run), inner_threads, [&](std::uint64_t step) {
            const std::lock_guard lock(mutex);
            const double now = static_cast<double>(run.width) * static_cast<double>(step) / steps;
            done += now - counted;
            counted = now;
            if (!progress(done, total)) stopped = true;
            return !stopped;
          });
      if (run.records.empty()) return;
      replace_file(file_of(run), fmt::format("{}\n{}", run_columns, records_text(run)));
    });
  };
  follow_to_honest_end(train_all, [&] { return keep_finished_runs(store); });
  if (stopped) {
    runs.clear();
  } else {
    require_alike(runs, file_of);
  }
  return runs;
}

std::vector<ImageFigureRow> summarize(const std::vector<ImageRun>& runs) {
  std::vector<ImageFigureRow> rows;
  for (std::size_t first = 0; first < runs.size();) {
    std::size_t last = first;
    while (last < runs.size() && runs[last].init_std == runs[first].init_std &&
           runs[last].width == runs[first].width) {
      ++last;
    }
    for (std::size_t k = 0; k < runs[first].records.size(); ++k) {
      std::vector<const TrainingRecord*> at;
      for (std::size_t i = first; i < last; ++i) at.push_back(&runs[i].records[k]);
      const auto over = [&](double TrainingRecord::*field) {
        return spread_over(at, [field](const TrainingRecord& record) { return record.*field; });
      };
      rows.push_back({.init_std = runs[first].init_std,
                      .width = runs[first].width,
                      .step = at.front()->step,
                      .epoch = at.front()->epoch,
                      .stable_rank = over(&TrainingRecord::stable_rank),
                      .group_stable_rank = spread_over(at, mean_group_rank),
                      .test_error = over(&TrainingRecord::test_error),
                      .test_loss = over(&TrainingRecord::test_loss),
                      .running_error = over(&TrainingRecord::running_error),
                      .running_loss = over(&TrainingRecord::running_loss)});
    }
    first = last;
  }
  return rows;
}

std::string image_figure_csv(const std::vector<ImageFigureRow>& rows) {
  std::string text = "init_std,width,step,epoch";
  for (const char* name : {"stable_rank_all", "group_stable_rank", "test_error", "test_loss",
                           "running_error", "running_loss"}) {
    text += fmt::format(",{0}_mean,{0}_std", name);
  }
  text += "\n";
  for (const ImageFigureRow& row : rows) {
    text += fmt::format("{},{},{},{}", shortest(row.init_std), row.width, row.step,
                        shortest(row.epoch));
    for (const Spread& s : {row.stable_rank, row.group_stable_rank, row.test_error, row.test_loss,
                            row.running_error, row.running_loss}) {
      text += std::isnan(s.mean) ? ",," : "," + shortest(s.mean) + "," + shortest(s.std);
    }
    text += "\n";
  }
  return text;
}

std::string image_runs_csv(const std::vector<ImageRun>& runs) {
  std::string text = std::string(run_columns) + "\n";
  for (const ImageRun& run : runs) text += records_text(run);
  return text;
}

}  // namespace latetime
