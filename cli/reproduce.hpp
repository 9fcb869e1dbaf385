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
  bool of_all = false;  ///< one of several figures
  // Of Figures 2 to 5; empty: the figure's own.
  std::string images = "mnist";
  std::string reading;
  std::string output_scale;
  std::string pixels = "unit";
  std::string folder;
};

/// The command that makes this figure again.
std::string command_of(const ReproduceArguments& arguments);

/// What follows the tables of a figure: figN.toml (command and settings), figN.svg (`picture`), a
/// report of every figure in the folder, and pictures by matplotlib. Unless quiet, names them.
void finish_figure(const ReproduceArguments& arguments, const std::string& settings,
                   const std::string& picture, const std::string& tables);

/// Makes one of Figures 2 to 5. Returns the exit code.
int reproduce_images(const ReproduceArguments& arguments);

}  // namespace latetime::cli
