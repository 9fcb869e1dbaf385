#pragma once

#include <optional>
#include <string>

#include "commands.hpp"
#include "latetime/experiment/image_figure.hpp"

namespace latetime::cli {

struct ReproduceArguments {
  PaperFigure figure = PaperFigure::fig1;
  bool all = false;  ///< every figure, one after another
  std::string out;
  unsigned threads = default_threads();
  bool quick = false;
  bool quiet = false;
  bool of_all = false;  ///< one of several figures
  // Of Figures 2 to 5; empty: the figure's own.
  ImageSetName images = ImageSetName::mnist;
  std::optional<FigureReading> reading;
  OutputScale output_scale = OutputScale::automatic;
  PixelScaling pixels = PixelScaling::unit;
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
