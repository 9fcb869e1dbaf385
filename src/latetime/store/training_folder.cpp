#include "latetime/store/training_folder.hpp"

#include <filesystem>
#include <fstream>

#include "latetime/base/error.hpp"

namespace latetime {

namespace {

/// The header of metrics.csv alone: a table that is damaged below it can still be mended. Empty
/// where there is none.
std::string table_header(const std::string& folder) {
  std::ifstream table(std::filesystem::path(folder) / "metrics.csv");
  std::string header;
  std::getline(table, header);
  return header;
}

}  // namespace

bool holds_training(const std::string& folder) {
  return (table_header(folder) + ",").find(",group_stable_ranks,") != std::string::npos;
}

void refuse_run(const std::string& folder) {
  if (table_header(folder).empty() || holds_training(folder)) return;
  throw InputError(folder, "holds a run of latetime run; go on with it by latetime run --resume");
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
