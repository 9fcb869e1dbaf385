#pragma once

#include "latetime/dynamics/late_flow.hpp"

namespace latetime {

// What proves that a flow never separates its samples (proved_not_separated).

/// Whether every push that own-class pairs can ever get points away from zero. Other-class pairs
/// may be anywhere, unless they are off (slope 0) and nothing can ever push them up.
bool own_pairs_are_final(const LateFlow& flow);

/// Whether the loss of the present modes has a minimum, and own-class pairs are further from zero
/// than three times the way to it. Pairs of a fold that pushes alike on either side there may be
/// nearer: the loss of either side is convex and has its minimum there, so that descent comes no
/// further away from it.
bool minimum_is_near(const LateFlow& flow);

}  // namespace latetime
