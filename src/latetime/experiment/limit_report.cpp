#include "latetime/experiment/limit_report.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "latetime/store/run_schema.hpp"

namespace latetime {
namespace {

std::size_t code(PairVerdict verdict) {
  return static_cast<std::size_t>(verdict);
}

/// In the order of StoredLimit::error_names.
std::vector<double> numbers_of(const Errors& errors) {
  std::vector<double> numbers{errors.train, errors.train_clean, errors.test, errors.test_zero};
  if (errors.population) {
    const PopulationError& population = *errors.population;
    numbers.insert(numbers.end(), {population.value, population.low, population.high,
                                   population.zero, static_cast<double>(population.draws)});
  }
  numbers.resize(StoredLimit::error_names.size(), std::nan(""));
  return numbers;
}

Errors errors_of(const StoredLimit& stored) {
  Errors errors{.train = stored.error("train_error"),
                .train_clean = stored.error("train_error_clean"),
                .test = stored.error("test_error"),
                .test_zero = stored.error("test_zero")};
  const double draws = stored.error("population_draws");
  if (std::isnan(draws)) return errors;
  errors.population = PopulationError{.value = stored.error("population_error"),
                                      .low = stored.error("population_error_low"),
                                      .high = stored.error("population_error_high"),
                                      .zero = stored.error("population_zero"),
                                      .draws = static_cast<std::uint64_t>(draws)};
  return errors;
}

void enter(const LimitOptimality& optimality, StoredLimit& stored) {
  stored.optimum = {optimality.value,
                    optimality.cell_lower,
                    optimality.lower,
                    optimality.upper,
                    optimality.every_slope ? 1.0 : 0.0,
                    optimality.complete ? 1.0 : 0.0};
  stored.global_optimum = optimality.global.verdict;
  stored.global_certainty = optimality.global.certainty;
  stored.global_reason = optimality.global.reason;
  stored.local_optimum = optimality.local.verdict;
  stored.local_certainty = optimality.local.certainty;
  stored.local_reason = optimality.local.reason;
  stored.better = entries_of(optimality.better);
  stored.better_nearby = entries_of(optimality.better_nearby);
}

LimitOptimality optimality_of(const StoredLimit& stored, const NetworkShape& shape,
                              Eigen::Index n) {
  LimitOptimality optimality{stored.norm_bounds()};
  optimality.every_slope = stored.optimum_flag("optimum_every_slope");
  optimality.complete = stored.optimum_flag("optimum_complete");
  optimality.global = {stored.global_optimum, stored.global_certainty, stored.global_reason};
  optimality.local = {stored.local_optimum, stored.local_certainty, stored.local_reason};
  const auto weights = [&](const std::vector<double>& entries) {
    return entries.empty() ? Matrix()
                           : Matrix(Eigen::Map<const Matrix>(entries.data(), shape.neurons(), n));
  };
  optimality.better = weights(stored.better);
  optimality.better_nearby = weights(stored.better_nearby);
  return optimality;
}

Vector vector_of(const std::vector<double>& entries) {
  return Eigen::Map<const Vector>(entries.data(), static_cast<Eigen::Index>(entries.size()));
}

}  // namespace

double LimitReport::log10_followed() const {
  return limit.log_time / std::numbers::ln10;
}

std::vector<StableRank> limit_stable_ranks(const Matrix& coefficients,
                                           const Eigen::Ref<const Matrix>& x, int groups) {
  const Eigen::Index width = coefficients.rows() / groups;
  // V has no part beside the samples: a space whose initial weights are zero.
  const WeightSpace space(Matrix::Zero(1, x.cols()), x);
  Matrix inside = coefficients * space.samples();
  const Vector terms = coefficients.cwiseAbs() * x.rowwise().norm();
  for (Eigen::Index k = 0; k < inside.rows(); ++k) {
    if (zero_to_rounding(inside.row(k).norm(), terms[k])) inside.row(k).setZero();
  }
  const auto rank_of = [](const Matrix& rows) {
    return BorderedSpectrum(Matrix(rows.rows(), 0)).stable_rank(rows);
  };
  std::vector<StableRank> ranks;
  for (Eigen::Index group = 0; group < groups; ++group) {
    ranks.push_back(rank_of(inside.middleRows(group * width, width)));
  }
  ranks.push_back(rank_of(inside));
  return ranks;
}

LimitReport report_limit(LateFlow& flow, const Eigen::Ref<const Matrix>& x,
                         const std::function<bool(double)>& keep_going) {
  constexpr double largest_decade = 1e6;
  LimitReport report{.limit = follow_to_limit(flow, largest_decade, keep_going),
                     .stable_ranks = {}};
  if (report.has_direction()) {
    const FlowProblem& problem = flow.problem();
    const Matrix& coefficients = report.limit.coefficients;
    report.stable_ranks = limit_stable_ranks(coefficients, x, problem.shape.groups);
    if (problem.shape.groups > 2) {
      report.collapse = class_collapse(coefficients * problem.gram, problem.shape, problem.classes);
    }
  } else {
    report.stable_ranks.assign(static_cast<std::size_t>(flow.problem().shape.groups) + 1,
                               {std::nan(""), std::nan("")});
  }
  return report;
}

Eigen::Index PairCounts::own_total() const {
  return std::accumulate(own.begin(), own.end(), Eigen::Index{0});
}

Eigen::Index PairCounts::other_total() const {
  return std::accumulate(other.begin(), other.end(), Eigen::Index{0});
}

Eigen::Index PairCounts::both(PairVerdict verdict) const {
  return own[code(verdict)] + other[code(verdict)];
}

double PairCounts::switching_share() const {
  const auto total = static_cast<double>(other_total());
  return static_cast<double>(other[code(PairVerdict::switches)]) / total;
}

PairCounts count_pairs(const Limit& limit, const std::vector<int>& classes,
                       const NetworkShape& shape) {
  PairCounts counts;
  for (Eigen::Index k = 0; k < limit.coefficients.rows(); ++k) {
    for (Eigen::Index i = 0; i < limit.coefficients.cols(); ++i) {
      const bool own = of_class(classes, shape.group_of(k), i);
      const PairVerdict verdict = limit.verdict(k, i);
      ++(own ? counts.own : counts.other)[code(verdict)];
    }
  }
  return counts;
}

void write_limit(ArrayWriter& file, const LimitReport& report, const NetworkShape& shape,
                 Eigen::Index n) {
  const Limit& limit = report.limit;
  StoredLimit stored{.status = limit.status,
                     .message = limit.message,
                     .log10_followed = report.log10_followed(),
                     .settled = limit.settled ? 1.0 : 0.0,
                     .ray = entries_of(limit.ray)};
  if (report.has_direction()) {
    stored.multipliers = entries_of(limit.multipliers);
    stored.margins = entries_of(limit.margins);
    stored.support.assign(limit.support.begin(), limit.support.end());
    stored.coefficients = entries_of(limit.coefficients);
    stored.slopes = entries_of(limit.slopes);
    for (const PairVerdict verdict : limit.verdicts) {
      stored.verdicts.push_back(static_cast<std::uint8_t>(verdict));
    }
    for (std::size_t part = 0; part < report.stable_ranks.size(); ++part) {
      stored.stable_rank.push_back(report.stable_ranks[part].value);
      stored.stable_rank_excess.push_back(report.stable_ranks[part].excess);
    }
    stored.normalized_margin = limit.normalized_margin;
    stored.kkt_residual = limit.kkt_residual;
    stored.strictness = limit.strictness;
    stored.undecided = static_cast<double>(limit.count(PairVerdict::undecided));
    if (report.collapse) {
      for (const CollapseMeasure& one : collapse_measures) {
        stored.collapse.push_back(*report.collapse.*one.value);
      }
    }
    if (report.errors) stored.errors = numbers_of(*report.errors);
    if (report.optimality) enter(*report.optimality, stored);
  }
  write_group(file, stored, sizes_of(shape, n));
}

LimitReport read_limit(const ArrayReader& file, const std::string& path, const NetworkShape& shape,
                       Eigen::Index n) {
  const auto stored = read_group<StoredLimit>(file, path, sizes_of(shape, n));
  LimitReport report;
  report.stable_ranks.assign(static_cast<std::size_t>(shape.groups) + 1,
                             {std::nan(""), std::nan("")});
  Limit& limit = report.limit;
  limit.status = stored.status;
  limit.message = stored.message;
  limit.log_time = stored.log10_followed * std::numbers::ln10;
  limit.settled = stored.settled != 0.0;
  limit.ray = vector_of(stored.ray);
  if (!stored.has_direction()) return report;
  const auto pairs = [&](const std::vector<double>& entries) {
    return Matrix(Eigen::Map<const Matrix>(entries.data(), shape.neurons(), n));
  };
  limit.multipliers = vector_of(stored.multipliers);
  limit.margins = vector_of(stored.margins);
  limit.support.assign(stored.support.begin(), stored.support.end());
  limit.coefficients = pairs(stored.coefficients);
  limit.slopes = pairs(stored.slopes);
  for (const std::uint8_t verdict : stored.verdicts) {
    limit.verdicts.push_back(static_cast<PairVerdict>(verdict));
  }
  for (std::size_t part = 0; part < report.stable_ranks.size(); ++part) {
    report.stable_ranks[part] = {stored.stable_rank[part], stored.stable_rank_excess[part]};
  }
  limit.normalized_margin = stored.normalized_margin;
  limit.kkt_residual = stored.kkt_residual;
  limit.strictness = stored.strictness;
  if (!stored.collapse.empty()) {
    report.collapse.emplace();
    for (std::size_t i = 0; i < collapse_measures.size(); ++i) {
      *report.collapse.*collapse_measures[i].value = stored.collapse[i];
    }
  }
  if (!stored.errors.empty()) report.errors = errors_of(stored);
  if (!stored.optimum.empty()) report.optimality = optimality_of(stored, shape, n);
  return report;
}

}  // namespace latetime
