#include "latetime/store/training_folder.hpp"

#include <algorithm>
#include <filesystem>

#include "latetime/base/error.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {

bool holds_training(const std::string& folder) {
  const auto path = std::filesystem::path(folder) / "metrics.csv";
  if (!std::filesystem::exists(path)) return false;
  const std::vector<std::string> columns = read_metrics(path.string()).columns;
  return std::find(columns.begin(), columns.end(), "group_stable_ranks") != columns.end();
}

void refuse_training(const std::string& folder) {
  if (!holds_training(folder)) return;
  throw InputError(
      folder,
      "holds a training of latetime train, without the state of every (neuron, sample) "
      "pair; latetime report and latetime export show it, latetime train --resume goes "
      "on with it; name the folder of latetime run");
}

}  // namespace latetime
