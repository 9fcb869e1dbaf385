#pragma once

#include <cstddef>
#include <vector>

namespace latetime {

/// Equal parts of log t, and of log log t, that a curve is thinned to; about two on each pixel.
inline constexpr std::size_t drawn_time_parts = 300;

/// Which records to draw of many: time is cut into `parts` equal parts of log t and as many of
/// log log t; of each part stay the first and the last record, and those at which a curve has its
/// least or greatest value. Records listed in `always` stay, too. Nothing is left out when there
/// are at most 4 · parts records.
///
/// log10_t, and each curve, has an entry a record, in order of time; NaN where there is none. The
/// result ascends.
std::vector<std::size_t> records_to_draw(const std::vector<double>& log10_t,
                                         const std::vector<std::vector<double>>& curves,
                                         const std::vector<std::size_t>& always, std::size_t parts);

/// At most `most` entries of `chosen`, evenly spaced, the first and the last among them.
std::vector<std::size_t> evenly(const std::vector<std::size_t>& chosen, std::size_t most);

}  // namespace latetime
