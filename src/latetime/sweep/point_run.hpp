#pragma once

#include <functional>
#include <optional>
#include <string>

#include "latetime/experiment/config.hpp"
#include "latetime/sweep/point_record.hpp"
#include "latetime/sweep/quantities.hpp"

namespace latetime {

/// Carries out the run of a point in memory, on the calling thread alone, and keeps what is wanted
/// of it. The numbers are those of `latetime run`, to the last bit. Bad input becomes the outcome
/// "refused", what no check could foresee "failed". `runs`: a folder that gets the whole folder of
/// the run, under the point's key; empty: none. Nothing comes back where `keep_going`, which is
/// asked every few dozen milliseconds, said no.
std::optional<PointRecord> run_point(const std::string& key, const RunConfig& config,
                                     const WantedQuantities& wanted, const std::string& runs,
                                     const std::function<bool()>& keep_going);

}  // namespace latetime
