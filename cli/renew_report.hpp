#pragma once

#include <string>

namespace latetime::cli {

/// Writes the report of what lies in `folder` anew; its path, or nothing when this program makes no
/// reports.
std::string renew_report(const std::string& folder);

}  // namespace latetime::cli
