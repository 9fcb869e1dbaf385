#include "latetime/store/problem_seal.hpp"

#include <sstream>

#include "latetime/base/file_seal.hpp"

namespace latetime {

std::string problem_seal(const ArrayReader& arrays) {
  std::string keys;
  std::istringstream config(arrays.read_string("/provenance/config"));
  for (std::string line; std::getline(config, line);) {
    for (const char* key : {"slope = ", "method = ", "learning_rate = ", "batch_size = "}) {
      if (line.rfind(key, 0) == 0) keys += line.substr(0, line.find('#'));
    }
    // The logistic loss goes without saying: there are runs and proofs from before there were
    // others.
    const bool of_loss = line.rfind("loss = ", 0) == 0;
    if (of_loss && line.rfind("loss = \"logistic\"", 0) != 0)
      keys += line.substr(0, line.find('#'));
  }
  std::string seals = seal_of(keys);
  for (const char* name : {"/data/x", "/data/y", "/network/initial_weights"}) {
    seals += seal_of_values(arrays.read_doubles(name));
  }
  return seal_of(seals);
}

}  // namespace latetime
