#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {

/// Samples whose margins have come to rest although their loss is not small: they contradict each
/// other with the activations of now, some g* > 0 of them having Σ_P g*_l p_l = 0, p_l the features
/// y_l (a_k σ'_{k,l} x_l)_k with Gram matrix κ. The other samples go on, and what they move
/// of the margins at rest is taken back at once (within O(1) steps, nothing in log time).
///
/// With u_P = u*_P + δ/t + O(1/t²) and g_P = g* − D δ/t, D = diag(−g'(u*)), the rest is held by
/// κ_PP D δ = κ_PS λ_S, that is by deviations λ̃_P = −D δ of t g_P from t g* that depend on λ_S
/// linearly. Everything that moves follows from those: t g* alone would grow without bound and
/// moves nothing.
struct Plateau {
  std::vector<Eigen::Index> samples;  ///< P, ascending
  std::vector<std::uint8_t> rests;    ///< n flags
  Vector rest;                        ///< g* of P, 0 elsewhere, n
  /// n × n: λ with λ̃_P in the places of P, from λ_S (what λ has at P does not matter).
  Eigen::MatrixXd response;
  /// n × n: what s is beyond its slow part, times t, from λ_S: κ lag λ_S is δ at P.
  Eigen::MatrixXd lag;
  Vector approach;  ///< n: s that takes margins from where they are to where they rest
  /// How far that is, in margins, and how fast descent goes there by itself, e^−(relaxation · t):
  /// what is left out when samples are taken to be at rest already.
  double distance = 0.0, relaxation = 0.0;
};

/// The plateau of a flow at margins u (n) and log time θ with that tangent kernel (n × n, what
/// `sleeps` flags left out): all samples that a ray r ≥ 0, κ r = 0, touches, where their loss has
/// a minimum and they have come to it. Empty where no sample's t g_i is large against what moves
/// the margins, or where they are still on their way.
/// `before`: the plateau until now; while its g* still moves nothing, its samples are taken for
/// all, without looking for rays.
std::optional<Plateau> find_plateau(const Loss& loss, const Eigen::MatrixXd& kernel,
                                    const Vector& margins, double log_time,
                                    const std::vector<std::uint8_t>& sleeps,
                                    const std::optional<Plateau>& before = std::nullopt);

}  // namespace latetime
