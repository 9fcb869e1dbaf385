#pragma once

#include <vector>

#include "latetime/base/thread_team.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/tiled_weights.hpp"

namespace latetime {

/// Stable ranks of the weights of each group and of all of them stacked.
struct GroupRanks {
  std::vector<StableRank> groups;
  StableRank stacked;
  double squared_norm = 0.0;  ///< ‖W‖_F²
  /// Largest proved relative error of a value: the top squared singular value lies within this of
  /// the one used, whatever the spectrum.
  double proved_error = 0.0;
};

/// By Lanczos iterations on W_kᵀW_k and WᵀW side by side, one pass over the weights each, to a
/// proved relative error of 1e-6 (ProvedLanczos). Where too much of the spectrum lies in the bulk
/// for a proof, the Gram matrix is formed: its Frobenius norm, or else a Cholesky factorisation,
/// shows that λ_1 ≤ θ_1 (1 + 1e-6); where that fails too, all eigenvalues are computed.
/// NaN for weights that are all zero or not finite. Does not depend on the number of threads.
template <class Real>
GroupRanks stable_ranks(const TiledWeights<Real>& weights, ThreadTeam& team,
                        const tile::Kernels<Real>& kernels);

}  // namespace latetime
