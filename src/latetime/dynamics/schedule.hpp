#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "latetime/base/log_time.hpp"

namespace latetime {

/// Most records of one run: a row takes about half a kilobyte in metrics.csv, and more in
/// result.h5.
constexpr std::uint64_t most_records = 10'000'000;

/// Times at which a run is recorded, ascending and without repeats: 0; the steps nearest to
/// 10^(k/per_decade) for k = 0, 1, …, up to 10^100; from there on evenly in log log t, as densely
/// as at 10^100 (each log t is the one before times 1 + 1/(100 per_decade)); the times in `at` up
/// to `until`; every multiple of `every` (0: none); and `until` itself. Beyond 2^53, where times
/// are known by their logarithm, those that differ by rounding alone count as one.
///
/// Throws InputError, naming record.every or record.per_decade, when these make more than
/// `most_records`.
std::vector<LogTime> record_steps(const LogTime& until, unsigned per_decade,
                                  std::span<const LogTime> at, std::uint64_t every = 0);

}  // namespace latetime
