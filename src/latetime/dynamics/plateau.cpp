#include "latetime/dynamics/plateau.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/data/symmetric_solve.hpp"
#include "latetime/dynamics/flow_problem.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// log of t g_i κ_ii that is worth a look: at late times it is of order one where margins still
// move.
constexpr double large_multiplier = 5.7;

// Eigenvalues of κ_PP below this part of the largest are none.
constexpr double rank_tolerance = 1e-10;

// Margins have come to rest when they are nearer than this to their minimum, beyond the lag.
constexpr double farthest_from_rest = 1e-3;
constexpr double minimum_tolerance = 1e-13;

// What the others push margins off their rest is linear in that push while it is less than this;
// beyond, those of P are too slow to be at rest, or others belong to P.
constexpr double largest_lag = 0.25;

// No margin at rest is beyond this: a loss below e^-15 is not a minimum but a ray.
constexpr double largest_margin_at_rest = 15.0;

/// Samples that take part in a ray: e_i + r for some r ≥ 0 leaves nothing of their features but
/// rounding. Samples that contradict each other but for a little more (1e-7 apart, say) drift on.
std::vector<Eigen::Index> samples_of_rays(const Eigen::MatrixXd& kernel,
                                          const std::vector<Eigen::Index>& awake) {
  const auto count = static_cast<Eigen::Index>(awake.size());
  const Eigen::MatrixXd block = kernel(awake, awake);
  const Vector lengths = block.diagonal().cwiseMax(0.0).cwiseSqrt();
  std::vector<char> touched(awake.size(), 0);
  for (Eigen::Index i = 0; i < count; ++i) {
    if (touched[static_cast<std::size_t>(i)]) continue;
    const NonnegativeQpResult rest = solve_nonnegative_qp(block, Vector(-block.col(i)));
    if (!rest.solved) continue;
    Vector ray = rest.x;
    ray[i] += 1.0;
    const Vector left = (block * ray).cwiseAbs();
    const double size = lengths.dot(ray);
    if ((left.array() > kernel_rounding(kernel.rows()) * size * lengths.array().max(1e-300)).any())
      continue;
    for (Eigen::Index l = 0; l < count; ++l) {
      if (ray[l] > 1e-9 * ray.maxCoeff()) touched[static_cast<std::size_t>(l)] = 1;
    }
  }
  std::vector<Eigen::Index> result;
  for (std::size_t r = 0; r < awake.size(); ++r) {
    if (touched[r]) result.push_back(awake[r]);
  }
  return result;
}

bool moves_nothing(const Eigen::MatrixXd& kernel, const Vector& ray) {
  const Vector lengths = kernel.diagonal().cwiseMax(0.0).cwiseSqrt();
  const Vector left = (kernel * ray).cwiseAbs();
  return (left.array() <=
          10.0 * kernel_rounding(kernel.rows()) * lengths.dot(ray) * lengths.array().max(1e-300))
      .all();
}

/// The eigenvectors of κ_PP with eigenvalues that are not zero, and these.
struct Range {
  Eigen::MatrixXd basis;
  Vector values;
};
Range range_of(const Eigen::MatrixXd& block, double top) {
  const SymmetricEigen spectrum = symmetric_eigen(block);
  Eigen::Index null = 0;
  while (null < block.rows() && spectrum.values[null] <= rank_tolerance * top) ++null;
  const Eigen::Index rank = block.rows() - null;
  return {spectrum.vectors.rightCols(rank), spectrum.values.tail(rank)};
}

/// The minimum of the loss of P over u + range(κ_PP).
struct Minimum {
  Vector y;  ///< in the basis: the margins are u + basis · y
  Vector multipliers;
  Eigen::MatrixXd hessian;
};

/// By Newton steps: the loss is strictly convex there. Nothing where they do not find it.
std::optional<Minimum> least_loss(const Loss& loss, const Vector& u, const Eigen::MatrixXd& basis) {
  const Eigen::Index rank = basis.cols();
  Minimum at{Vector::Zero(rank), multipliers(u, loss), Eigen::MatrixXd::Zero(rank, rank)};
  if (rank == 0) return at;
  for (int round = 0; round < 60; ++round) {
    Vector& g = at.multipliers;
    g = multipliers(Vector(u + basis * at.y), loss);
    const Vector slope = basis.transpose() * g;
    at.hessian = basis.transpose() * curvatures(g, loss).asDiagonal() * basis;
    if (slope.cwiseAbs().maxCoeff() <= minimum_tolerance * g.maxCoeff()) return at;
    Vector step = unchecked_symmetric_solution(at.hessian, slope);
    if (!step.allFinite()) return std::nullopt;
    const double largest = step.cwiseAbs().maxCoeff();
    if (largest > 1.0) step /= largest;
    at.y += step;
  }
  return std::nullopt;
}

/// How samples at rest answer to the others: false where that cannot be solved for.
bool find_response(const Loss& loss, const Range& range, const Minimum& minimum,
                   const Eigen::MatrixXd& columns, Plateau& plateau) {
  const Eigen::Index size = columns.cols(), n = columns.rows();
  const auto& [basis, values] = range;
  Eigen::MatrixXd shares = Eigen::MatrixXd::Zero(size, n);  // λ̃_P
  Eigen::MatrixXd lag = Eigen::MatrixXd::Zero(size, n);
  Vector approach = Vector::Zero(size);
  if (basis.cols() > 0) {
    // κ_PP D δ = κ_PS λ_S with δ = U e: Λ (Uᵀ D U) e = Uᵀ κ_PS λ_S.
    const Vector inverse = values.cwiseInverse();
    const Eigen::MatrixXd pull = inverse.asDiagonal() * (basis.transpose() * columns.transpose());
    const auto solved = symmetric_solution(minimum.hessian, pull);
    if (!solved) return false;
    const Eigen::MatrixXd& e = *solved;
    const Vector bend = curvatures(minimum.multipliers, loss);
    shares = -(bend.asDiagonal() * (basis * e));
    lag = basis * (inverse.asDiagonal() * e);
    approach = basis * (inverse.asDiagonal() * minimum.y);
    const Vector roots = values.cwiseMax(0.0).cwiseSqrt();
    plateau.relaxation = std::max(
        0.0, symmetric_eigenvalues(roots.asDiagonal() * minimum.hessian * roots.asDiagonal())[0]);
  }
  plateau.rest = Vector::Zero(n);
  plateau.approach = Vector::Zero(n);
  plateau.response = Eigen::MatrixXd::Identity(n, n);
  plateau.lag = Eigen::MatrixXd::Zero(n, n);
  plateau.rest(plateau.samples) = minimum.multipliers;
  plateau.approach(plateau.samples) = approach;
  plateau.response(plateau.samples, Eigen::all) = shares;
  plateau.lag(plateau.samples, Eigen::all) = lag;
  plateau.response(Eigen::all, plateau.samples).setZero();
  plateau.lag(Eigen::all, plateau.samples).setZero();
  return true;
}

}  // namespace

std::optional<Plateau> find_plateau(const Loss& loss, const Eigen::MatrixXd& kernel,
                                    const Vector& margins, double log_time,
                                    const std::vector<std::uint8_t>& sleeps,
                                    const std::optional<Plateau>& before) {
  const Eigen::Index n = margins.size();
  std::vector<Eigen::Index> awake;
  bool large = false;
  const double top = kernel.diagonal().maxCoeff();
  for (Eigen::Index i = 0; i < n; ++i) {
    if (sleeps[static_cast<std::size_t>(i)]) continue;
    awake.push_back(i);
    large = large || log_time + loss.log_multiplier(margins[i]) + std::log(top) > large_multiplier;
  }
  if (!(top > 0.0) || !large || !margins.allFinite()) return std::nullopt;

  Plateau plateau;
  const bool stays = before && moves_nothing(kernel, before->rest);
  plateau.samples = stays ? before->samples : samples_of_rays(kernel, awake);
  const auto size = static_cast<Eigen::Index>(plateau.samples.size());
  if (size == 0) return std::nullopt;
  plateau.rests.assign(static_cast<std::size_t>(n), 0);
  for (const Eigen::Index i : plateau.samples) plateau.rests[static_cast<std::size_t>(i)] = 1;
  const Eigen::MatrixXd columns = kernel(Eigen::all, plateau.samples),
                        block = kernel(plateau.samples, plateau.samples);
  const Vector u = margins(plateau.samples);
  const Range range = range_of(block, top);
  const auto minimum = least_loss(loss, u, range.basis);
  if (!minimum) return std::nullopt;
  const Vector rest_margins = u + range.basis * minimum->y;
  if (rest_margins.maxCoeff() > largest_margin_at_rest) return std::nullopt;
  if (!find_response(loss, range, *minimum, columns, plateau)) return std::nullopt;
  // Where they are, as of descent (with the lag that belongs to λ_S) or of its slow part.
  Vector others = multipliers(margins, loss);
  for (const Eigen::Index i : plateau.samples) others[i] = 0.0;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (sleeps[static_cast<std::size_t>(i)]) others[i] = 0.0;
  }
  const Vector off = rest_margins - u;
  const Vector lags = kernel * (plateau.lag * others);
  for (const Eigen::Index i : awake) {
    if (!(std::abs(lags[i]) <= largest_lag)) return std::nullopt;
  }
  const Vector delta = lags(plateau.samples);
  plateau.distance = std::min(off.cwiseAbs().maxCoeff(), (off + delta).cwiseAbs().maxCoeff());
  if (plateau.distance > farthest_from_rest) return std::nullopt;
  return plateau;
}

}  // namespace latetime
