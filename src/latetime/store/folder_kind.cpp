#include "latetime/store/folder_kind.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

/// Whether a metrics.csv is one of a run or training, which begin alike; an empty one may be what a
/// loss of power left.
bool is_own_table(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string header;
  std::error_code error;
  if (!file || !fs::is_regular_file(path, error)) return false;
  return !std::getline(file, header) || header.substr(0, header.find(',')) == "log10_t";
}

}  // namespace

bool holds_run(const std::string& folder) {
  const auto file = [&](const char* name) { return (fs::path(folder) / name).string(); };
  std::error_code error;
  return is_own_table(file(metrics_name)) ||
         (fs::exists(file(config_name), error) && fs::exists(file(result_name), error));
}

std::vector<PaperFigure> paper_figures_in(const std::string& folder) {
  std::vector<PaperFigure> figures;
  for (const auto& [figure, name] : ChoiceTable<PaperFigure>::words) {
    std::error_code error;
    if (fs::exists(fs::path(folder) / (std::string(name) + ".csv"), error)) {
      figures.push_back(figure);
    }
  }
  return figures;
}

bool holds_figures(const std::string& folder) {
  for (const std::string& figure : words_of<PaperFigure>()) {
    for (const char* rest : {".csv", ".toml", "_runs"}) {
      std::error_code error;
      if (fs::exists(fs::path(folder) / (figure + rest), error)) return true;
    }
  }
  return false;
}

bool is_shard_name(const std::string& name) {
  int index = 0, count = 0, end = 0;
  return std::sscanf(name.c_str(), "shard-%d-of-%d%n", &index, &count, &end) == 2 &&
         static_cast<std::size_t>(end) == name.size();
}

bool holds_sweep(const std::string& folder) {
  std::error_code error;
  if (fs::exists(fs::path(folder) / points_name, error)) return true;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_shard_name(entry->path().filename().string())) return true;
  }
  return false;
}

void require_no_run(const std::string& folder) {
  if (holds_run(folder)) {
    throw InputError(folder, "holds a run, whose report would be lost; name another folder");
  }
}

}  // namespace latetime
