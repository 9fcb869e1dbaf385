#include "latetime/experiment/limit_report.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <fmt/format.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

constexpr LimitStatus all_statuses[] = {LimitStatus::found, LimitStatus::not_separated,
                                        LimitStatus::pattern_moves, LimitStatus::not_solved,
                                        LimitStatus::not_separated_so_far};

/// Whether the limit is a ray of samples to blame, and no direction.
bool is_ray(const Limit& limit) {
  return limit.status == LimitStatus::not_separated ||
         limit.status == LimitStatus::not_separated_so_far;
}

std::size_t size_of(Eigen::Index count) {
  return static_cast<std::size_t>(count);
}

std::size_t code(PairVerdict verdict) {
  return static_cast<std::size_t>(verdict);
}

void write_number(ArrayWriter& file, const std::string& name, double value) {
  file.write("/limit/" + name, {1}, std::span<const double>(&value, 1));
}

void write_bytes(ArrayWriter& file, const std::string& name, const ArrayShape& shape,
                 const std::vector<std::uint8_t>& values) {
  file.write("/limit/" + name, shape, std::span<const std::uint8_t>(values));
}

template <class Array>
std::span<const double> view(const Array& array) {
  return {array.data(), size_of(array.size())};
}

/// Reads the arrays of /limit and holds them to the sizes that they must have.
class LimitReader {
 public:
  LimitReader(const ArrayReader& file, const std::string& path) : file_(file), path_(path) {}

  double number(const std::string& name) const { return numbers(name, 1)[0]; }

  Vector numbers(const std::string& name, Eigen::Index count) const {
    const auto values = file_.read_doubles("/limit/" + name);
    if (values.size() != size_of(count)) {
      fail(fmt::format("/limit/{} has {} entries where {} are needed", name, values.size(), count));
    }
    return Eigen::Map<const Vector>(values.data(), count);
  }

  Matrix pairs(const std::string& name, Eigen::Index neurons, Eigen::Index n) const {
    const Vector values = numbers(name, neurons * n);
    return Eigen::Map<const Matrix>(values.data(), neurons, n);
  }

  std::vector<std::uint8_t> codes(const std::string& name, Eigen::Index count,
                                  std::uint8_t largest) const {
    auto values = file_.read_uint8("/limit/" + name);
    if (values.size() != size_of(count)) {
      fail(fmt::format("/limit/{} has {} entries where {} are needed", name, values.size(), count));
    }
    if (std::any_of(values.begin(), values.end(), [&](auto value) { return value > largest; })) {
      fail(fmt::format("/limit/{} has a code above {}", name, largest));
    }
    return values;
  }

  LimitStatus status() const {
    const std::string text = file_.read_string("/limit/status");
    for (const LimitStatus status : all_statuses) {
      if (to_string(status) == text) return status;
    }
    fail(fmt::format("/limit/status is \"{}\"", text));
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(path_, problem + "; the file is damaged, run again into another folder");
  }

 private:
  const ArrayReader& file_;
  const std::string& path_;
};

}  // namespace

double LimitReport::log10_followed() const {
  return limit.log_time / std::numbers::ln10;
}

std::array<StableRank, 3> limit_stable_ranks(const Matrix& coefficients,
                                             const Eigen::Ref<const Matrix>& x) {
  const Eigen::Index width = coefficients.rows() / 2;
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
  return {rank_of(inside.topRows(width)), rank_of(inside.bottomRows(width)), rank_of(inside)};
}

LimitReport report_limit(LateFlow& flow, const Eigen::Ref<const Matrix>& x,
                         const std::function<bool(double)>& keep_going) {
  constexpr double largest_decade = 1e6;
  LimitReport report{.limit = follow_to_limit(flow, largest_decade, keep_going),
                     .stable_ranks = {}};
  if (report.has_direction()) {
    report.stable_ranks = limit_stable_ranks(report.limit.coefficients, x);
  } else {
    report.stable_ranks.fill({std::nan(""), std::nan("")});
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
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const bool own = k / shape.width == classes[i];
      const PairVerdict verdict = limit.verdict(k, static_cast<Eigen::Index>(i));
      ++(own ? counts.own : counts.other)[code(verdict)];
    }
  }
  return counts;
}

void write_limit(ArrayWriter& file, const LimitReport& report, const NetworkShape& shape) {
  const Limit& limit = report.limit;
  file.write("/limit/status", to_string(limit.status));
  file.write("/limit/message", limit.message);
  write_number(file, "log10_followed", report.log10_followed());
  write_number(file, "settled", limit.settled ? 1.0 : 0.0);
  if (is_ray(limit)) {
    file.write("/limit/ray", {size_of(limit.ray.size())}, view(limit.ray));
  }
  if (!report.has_direction()) return;
  const ArrayShape samples{size_of(limit.margins.size())};
  const ArrayShape pairs{2, size_of(shape.width), samples[0]};
  file.write("/limit/multipliers", samples, view(limit.multipliers));
  file.write("/limit/margins", samples, view(limit.margins));
  write_bytes(file, "support", samples, {limit.support.begin(), limit.support.end()});
  file.write("/limit/coefficients", pairs, view(limit.coefficients));
  file.write("/limit/slopes", pairs, view(limit.slopes));
  std::vector<std::uint8_t> verdicts;
  for (const PairVerdict verdict : limit.verdicts) {
    verdicts.push_back(static_cast<std::uint8_t>(verdict));
  }
  write_bytes(file, "verdicts", pairs, verdicts);
  std::vector<double> ranks, excesses;
  for (const StableRank& rank : report.stable_ranks) {
    ranks.push_back(rank.value);
    excesses.push_back(rank.excess);
  }
  file.write("/limit/stable_rank", {3}, std::span<const double>(ranks));
  file.write("/limit/stable_rank_excess", {3}, std::span<const double>(excesses));
  write_number(file, "normalized_margin", limit.normalized_margin);
  write_number(file, "kkt_residual", limit.kkt_residual);
  write_number(file, "strictness", limit.strictness);
  write_number(file, "undecided", static_cast<double>(limit.count(PairVerdict::undecided)));
}

LimitReport read_limit(const ArrayReader& file, const std::string& path, const NetworkShape& shape,
                       Eigen::Index n) {
  const LimitReader reader(file, path);
  LimitReport report;
  Limit& limit = report.limit;
  limit.status = reader.status();
  limit.message = file.read_string("/limit/message");
  limit.log_time = reader.number("log10_followed") * std::numbers::ln10;
  limit.settled = reader.number("settled") != 0.0;
  if (is_ray(limit)) {
    limit.ray = reader.numbers("ray", n);
    report.stable_ranks.fill({std::nan(""), std::nan("")});
    return report;
  }
  const Eigen::Index neurons = shape.neurons();
  limit.multipliers = reader.numbers("multipliers", n);
  limit.margins = reader.numbers("margins", n);
  for (const std::uint8_t supports : reader.codes("support", n, 1)) {
    limit.support.push_back(supports != 0);
  }
  limit.coefficients = reader.pairs("coefficients", neurons, n);
  limit.slopes = reader.pairs("slopes", neurons, n);
  const auto largest = static_cast<std::uint8_t>(PairVerdict::undecided);
  for (const std::uint8_t verdict : reader.codes("verdicts", neurons * n, largest)) {
    limit.verdicts.push_back(static_cast<PairVerdict>(verdict));
  }
  const Vector ranks = reader.numbers("stable_rank", 3);
  const Vector excesses = reader.numbers("stable_rank_excess", 3);
  for (Eigen::Index part = 0; part < 3; ++part) {
    report.stable_ranks[size_of(part)] = {ranks[part], excesses[part]};
  }
  limit.normalized_margin = reader.number("normalized_margin");
  limit.kkt_residual = reader.number("kkt_residual");
  limit.strictness = reader.number("strictness");
  return report;
}

}  // namespace latetime
