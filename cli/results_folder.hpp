#pragma once

#include <functional>
#include <memory>
#include <string>

#include "latetime/store/folder_lock.hpp"

namespace latetime::cli {

/// The lock of the folder that a command writes to, made when it is missing; says on standard error
/// where locks are not to be had. Throws InputError as FolderLock::hold does.
std::shared_ptr<FolderLock> hold_results_folder(const std::string& folder);

/// Does `drawing`, which makes pictures and pages of results that are complete without them; its
/// InputError becomes a RunFailure that says so.
void draw_finished_results(const std::string& folder, const std::function<void()>& drawing);

/// Writes the report of what lies in `folder` anew; its path, or nothing when this program makes no
/// reports.
std::string renew_report(const std::string& folder);

}  // namespace latetime::cli
