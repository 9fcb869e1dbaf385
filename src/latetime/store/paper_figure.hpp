#pragma once

#include <array>

#include "latetime/base/choice.hpp"

namespace latetime {

/// The figures of the paper that `latetime reproduce` makes; the words are the names of their
/// files.
enum class PaperFigure { fig1, fig2, fig3, fig4, fig5 };

template <>
struct ChoiceTable<PaperFigure> {
  static constexpr std::array<ChoiceWord<PaperFigure>, 5> words{{{PaperFigure::fig1, "fig1"},
                                                                 {PaperFigure::fig2, "fig2"},
                                                                 {PaperFigure::fig3, "fig3"},
                                                                 {PaperFigure::fig4, "fig4"},
                                                                 {PaperFigure::fig5, "fig5"}}};
};

}  // namespace latetime
