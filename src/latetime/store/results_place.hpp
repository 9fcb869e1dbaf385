#pragma once

#include <functional>
#include <string>

namespace latetime {

/// Makes a folder for results, unless it is there. Throws InputError when a file is in its place,
/// or when it may not be made.
void make_results_folder(const std::string& path);

/// Throws InputError when `folder` holds files but neither a run, figures nor a sweep of this
/// program: results do not go among the files of others. What carries nothing is passed over: files
/// of no bytes, those that the command prints into, what a kill left of this program, and the notes
/// that systems leave in folders.
void refuse_foreign_folder(const std::string& folder);

/// The same of a new run, which does not go among figures either.
void refuse_all_but_empty(const std::string& folder);

/// Throws InputError when a file of bytes stands at `path` that `is_ours` does not know for one
/// that this program made, or a folder: nothing of others is replaced. `what` is what would be
/// written, "a report".
void refuse_foreign_file(const std::string& path, const std::string& what,
                         const std::function<bool(const std::string& path)>& is_ours);

}  // namespace latetime
