#include "latetime/measure/tiled_rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/measure/lanczos.hpp"
#include "latetime/measure/lapack.hpp"
#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

constexpr double tolerance = 1e-6;
// Of sums of some ten thousand squares in double precision.
constexpr double rounding = 1e-12;

/// Some tiles whose neurons form one matrix: those of a group, or all.
struct TileRange {
  std::size_t begin, end;
};

template <class Real>
double squared_norm(const TiledWeights<Real>& weights, std::size_t index) {
  const Real* values = weights.tile(index);
  const std::size_t lanes = weights.lanes(index);
  double sum = 0.0;
  for (std::size_t p = 0; p < weights.dim(); ++p) {
    double row = 0.0;
    for (std::size_t r = 0; r < lanes; ++r) {
      const auto w = static_cast<double>(values[p * tile::width + r]);
      row += w * w;
    }
    sum += row;
  }
  return sum;
}

/// WᵀW of the tiles of a range, with zeros past the last feature. Its upper triangle by rows; the
/// rest is unspecified.
template <class Real>
void form_gram(const TiledWeights<Real>& weights, TileRange range,
               const tile::Kernels<Real>& kernels, AlignedVector& gram) {
  const std::size_t stride = tile::gram_stride(weights.dim());
  thread_local AlignedVector scratch;
  scratch.resize(tile::width * stride);
  gram.assign(stride * stride, 0.0);
  for (std::size_t t = range.begin; t < range.end; ++t) {
    kernels.add_gram({.weights = weights.tile(t),
                      .features = weights.dim(),
                      .lanes = weights.lanes(t),
                      .scratch = scratch.data(),
                      .gram = gram.data(),
                      .stride = stride});
  }
}

/// By columns a lower triangle.
using GramView = Eigen::Map<const Eigen::MatrixXd>;

/// True when bound · I − gram (its lower triangle) is positive definite, so that every eigenvalue
/// of gram lies below the bound.
bool all_below(const GramView& gram, double bound) {
  thread_local Eigen::MatrixXd shifted;
  shifted = -gram;
  shifted.diagonal().array() += bound;
  return lapack::is_positive_definite(shifted.data(), gram.rows());
}

struct TopEigenvalue {
  double value = 0.0;
  double error = std::numeric_limits<double>::infinity();  ///< proved
};

TopEigenvalue of(const ProvedLanczos& iteration) {
  return {iteration.top(), iteration.error()};
}

/// ‖G‖_F², from the lower triangle.
double squared_norm(const GramView& gram) {
  double sum = gram.diagonal().squaredNorm();
  for (Eigen::Index j = 0; j < gram.cols(); ++j) {
    sum += 2.0 * gram.col(j).tail(gram.rows() - j - 1).squaredNorm();
  }
  return sum;
}

/// Goes on with an iteration that could not prove its result on passes over the weights.
TopEigenvalue prove(const AlignedVector& entries, ProvedLanczos& iteration) {
  const auto stride = static_cast<Eigen::Index>(std::lround(std::sqrt(entries.size())));
  const GramView gram(entries.data(), stride, stride);
  const auto d = iteration.direction().size();
  while (!iteration.settled()) {
    const Vector product =
        gram.topLeftCorner(d, d).selfadjointView<Eigen::Lower>() * iteration.direction();
    iteration.take_product(product);
  }
  iteration.take_squared_norm(squared_norm(gram));
  if (iteration.proved()) return of(iteration);
  if (all_below(gram, iteration.top() * (1.0 + tolerance))) return {iteration.top(), tolerance};
  const Eigen::MatrixXd full = gram.selfadjointView<Eigen::Lower>();
  return {symmetric_eigenvalues(full)[full.rows() - 1], rounding};
}

StableRank rank_of(double trace, double top) {
  const double excess = std::max(0.0, (trace - top) / top);
  return {1.0 + excess, excess};
}

/// One run of stable_ranks: the groups' matrices and, last, the stacked one.
template <class Real>
class RankComputation {
 public:
  RankComputation(const TiledWeights<Real>& weights, ThreadTeam& team,
                  const tile::Kernels<Real>& kernels)
      : weights_(weights), team_(team), kernels_(kernels) {
    for (std::size_t k = 0; k < weights.groups(); ++k) {
      ranges_.push_back({k * weights.tiles_per_group(), (k + 1) * weights.tiles_per_group()});
    }
    if (weights.groups() > 1) ranges_.push_back({0, weights.tiles()});
    measure_norms();
  }

  GroupRanks run() {
    iterate();
    form_grams();
    GroupRanks result;
    bool any = false;
    for (std::size_t c = 0; c < ranges_.size(); ++c) {
      const bool sound = std::isfinite(traces_[c]) && traces_[c] > 0.0;
      const StableRank rank =
          sound ? rank_of(traces_[c], tops_[c].value) : StableRank{std::nan(""), std::nan("")};
      if (sound) result.proved_error = std::max(result.proved_error, tops_[c].error);
      any = any || sound;
      if (c < weights_.groups()) result.groups.push_back(rank);
      result.stacked = rank;
    }
    if (!any) result.proved_error = std::nan("");
    result.squared_norm = traces_.back();
    return result;
  }

 private:
  void measure_norms() {
    std::vector<double> of_tile(weights_.tiles());
    team_.for_each_block(of_tile.size(),
                         [&](std::size_t t) { of_tile[t] = squared_norm(weights_, t); });
    for (const TileRange& range : ranges_) {
      double sum = 0.0;
      for (std::size_t t = range.begin; t < range.end; ++t) sum += of_tile[t];
      traces_.push_back(sum);
      tops_.emplace_back();
      iterations_.push_back(std::isfinite(sum) && sum > 0.0
                                ? std::make_unique<ProvedLanczos>(
                                      static_cast<Eigen::Index>(weights_.dim()), sum, tolerance)
                                : nullptr);
    }
  }

  /// The matrices that a tile is part of and whose iteration goes on.
  std::vector<std::size_t> wanted(std::size_t tile) const {
    std::vector<std::size_t> list;
    for (std::size_t c = 0; c < ranges_.size(); ++c) {
      if (goes_on(c) && ranges_[c].begin <= tile && tile < ranges_[c].end) list.push_back(c);
    }
    return list;
  }

  void iterate() {
    const std::size_t d = weights_.dim();
    std::vector<Matrix> products(weights_.tiles());  // wanted(tile) × d
    const auto any_goes_on = [this] {
      for (std::size_t c = 0; c < ranges_.size(); ++c) {
        if (goes_on(c)) return true;
      }
      return false;
    };
    while (any_goes_on()) {
      team_.for_each_block(weights_.tiles(), [&](std::size_t t) {
        const auto list = wanted(t);
        const auto count = static_cast<Eigen::Index>(list.size());
        Matrix vectors(count, static_cast<Eigen::Index>(d));
        for (Eigen::Index v = 0; v < count; ++v) {
          vectors.row(v) = iterations_[list[static_cast<std::size_t>(v)]]->direction().transpose();
        }
        products[t].setZero(count, static_cast<Eigen::Index>(d));
        kernels_.normal_product({.weights = weights_.tile(t),
                                 .features = d,
                                 .lanes = weights_.lanes(t),
                                 .count = list.size(),
                                 .vectors = vectors.data(),
                                 .results = products[t].data()});
      });
      take_products(products);
    }
  }

  void take_products(const std::vector<Matrix>& products) {
    std::vector<Vector> sums(ranges_.size(),
                             Vector::Zero(static_cast<Eigen::Index>(weights_.dim())));
    for (std::size_t t = 0; t < weights_.tiles(); ++t) {
      const auto list = wanted(t);
      for (std::size_t v = 0; v < list.size(); ++v) {
        sums[list[v]] += products[t].row(static_cast<Eigen::Index>(v)).transpose();
      }
    }
    for (std::size_t c = 0; c < ranges_.size(); ++c) {
      if (goes_on(c)) iterations_[c]->take_product(sums[c]);
    }
  }

  /// Whether more passes over the weights promise a proof.
  bool goes_on(std::size_t c) const {
    constexpr std::size_t least_steps = 6;
    constexpr double promising = 1.0;
    const auto& iteration = iterations_[c];
    return iteration && !iteration->settled() &&
           (iteration->steps() < least_steps || iteration->error() < promising);
  }
  bool open(std::size_t c) const { return iterations_[c] && !iterations_[c]->proved(); }

  /// Gram matrices where the iteration proved nothing.
  void form_grams() {
    use_single_threaded_blas();
    for (std::size_t c = 0; c < ranges_.size(); ++c) {
      if (iterations_[c]) tops_[c] = of(*iterations_[c]);
    }
    const std::size_t groups = weights_.groups();
    const bool stacked = ranges_.size() > groups && open(groups);
    // Kept between calls: fresh memory costs more than what is done with it.
    thread_local std::vector<AlignedVector> kept;
    std::vector<AlignedVector>& grams = kept;
    grams.resize(groups);
    team_.for_each_block(groups, [&](std::size_t k) {
      if (!open(k) && !stacked) return;
      form_gram(weights_, ranges_[k], kernels_, grams[k]);
      if (open(k)) tops_[k] = prove(grams[k], *iterations_[k]);
    });
    if (!stacked) return;
    for (std::size_t k = 1; k < groups; ++k) {
      for (std::size_t i = 0; i < grams[0].size(); ++i) grams[0][i] += grams[k][i];
    }
    tops_[groups] = prove(grams[0], *iterations_[groups]);
  }

  const TiledWeights<Real>& weights_;
  ThreadTeam& team_;
  const tile::Kernels<Real>& kernels_;
  std::vector<TileRange> ranges_;
  std::vector<double> traces_;
  std::vector<TopEigenvalue> tops_;
  std::vector<std::unique_ptr<ProvedLanczos>> iterations_;
};

}  // namespace

template <class Real>
GroupRanks stable_ranks(const TiledWeights<Real>& weights, ThreadTeam& team,
                        const tile::Kernels<Real>& kernels) {
  return RankComputation<Real>(weights, team, kernels).run();
}

template GroupRanks stable_ranks(const TiledWeights<float>&, ThreadTeam&,
                                 const tile::Kernels<float>&);
template GroupRanks stable_ranks(const TiledWeights<double>&, ThreadTeam&,
                                 const tile::Kernels<double>&);

}  // namespace latetime
