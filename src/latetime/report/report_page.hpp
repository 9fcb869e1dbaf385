#pragma once

#include <string>
#include <vector>

namespace latetime {

/// Whether this program was built with what draws reports; `report_refusal()` says how to mend it.
bool can_make_reports();
std::string report_refusal();

/// One self-contained page (report.html) on the runs, trainings and the paper's figures (fig1.csv,
/// …) in `folders`; several stand side by side. It needs no network. `command` is the line that
/// makes it again. Throws InputError for a folder that holds none, for damaged files, and when the
/// program was built without Vega.
std::string make_report(const std::vector<std::string>& folders, const std::string& command);

/// Whether the file at `path` is such a page, of this version or another.
bool is_report(const std::string& path);

}  // namespace latetime
