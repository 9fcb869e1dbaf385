#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "latetime/base/choice.hpp"
#include "latetime/data/dataset.hpp"

namespace latetime {

enum class ImageSetName { mnist, fashion_mnist };

template <>
struct ChoiceTable<ImageSetName> {
  static constexpr std::array<ChoiceWord<ImageSetName>, 2> words{
      {{ImageSetName::mnist, "mnist"}, {ImageSetName::fashion_mnist, "fashion-mnist"}}};
};

/// What becomes of a pixel's byte v.
enum class PixelScaling {
  unit,          ///< v / 255
  standardized,  ///< (v / 255 − mean) / std, over all pixels of the whole training split
};

template <>
struct ChoiceTable<PixelScaling> {
  static constexpr std::array<ChoiceWord<PixelScaling>, 2> words{
      {{PixelScaling::unit, "unit"}, {PixelScaling::standardized, "standardized"}}};
};

/// Which part of an image set.
enum class ImageSplit { train, test };

template <>
struct ChoiceTable<ImageSplit> {
  static constexpr std::array<ChoiceWord<ImageSplit>, 2> words{
      {{ImageSplit::train, "train"}, {ImageSplit::test, "test"}}};
};

struct ImageSetOptions {
  ImageSetName name = ImageSetName::mnist;
  std::string folder;  ///< of the four IDX files, raw or .gz; empty: the cache
  ImageSplit split = ImageSplit::train;
  std::string classes = "even-odd";  ///< see `parse_classes`
  std::size_t n = 0;                 ///< samples; 0: all that the classes leave
  PixelScaling pixels = PixelScaling::unit;
  bool center = false;     ///< subtract the mean image of the chosen samples
  Vector mean = {};        ///< with `center`: subtract this instead, the mean of others
  bool normalize = false;  ///< scale every sample to unit Euclidean norm, after centring
  std::uint64_t seed = 0;  ///< of the choice of the n samples
};

/// Where scripts/fetch-data puts the image sets: $LATETIME_DATA, else $XDG_CACHE_HOME/latetime,
/// else $HOME/.cache/latetime. A set lies in the folder of its name there. Throws InputError when
/// none of the three variables is set.
std::string image_cache_folder();

/// Loads images as samples of rows × cols features in file order, classes as `options.classes`
/// says. A subset is uniformly random without replacement; it depends on the seed and the eligible
/// images alone. Throws InputError that names the config key (data.n, data.classes, …) or the file.
Dataset load_image_set(const ImageSetOptions& options);

}  // namespace latetime
