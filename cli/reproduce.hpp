#pragma once

#include <string>

#include "commands.hpp"

namespace latetime::cli {

struct ReproduceArguments {
  std::string figure;
  std::string out;
  unsigned threads = default_threads();
  bool quick = false;
  bool quiet = false;
  // Of Figures 2 to 5; empty: the figure's own.
  std::string images = "mnist";
  std::string reading;
  std::string output_scale;
  std::string pixels = "unit";
  std::string folder;
};

/// Makes one of Figures 2 to 5. Returns the exit code.
int reproduce_images(const ReproduceArguments& arguments);

}  // namespace latetime::cli
