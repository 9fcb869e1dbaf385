#include "results_folder.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/report/report_page.hpp"
#include "latetime/store/run_directory.hpp"
#include "terminal.hpp"

namespace latetime::cli {

std::shared_ptr<FolderLock> hold_results_folder(const std::string& folder) {
  auto lock = FolderLock::hold(folder);
  if (!lock->weakness().empty()) {
    fmt::print(stderr, "{} {}: {}\n", inked(Ink::warning, "latetime:", stderr), folder,
               lock->weakness());
  }
  return lock;
}

void draw_finished_results(const std::string& folder, const std::function<void()>& drawing) {
  try {
    drawing();
  } catch (const InputError& error) {
    throw RunFailure(
        fmt::format("{} (only pictures and page are missing; latetime report {} makes "
                    "the page of what is there)",
                    error.what(), shell_word(folder)));
  }
}

std::string renew_report(const std::string& folder) {
  if (!can_make_reports()) return "";
  const std::string page = (std::filesystem::path(folder) / "report.html").string();
  replace_file(page, make_report({folder}, "latetime report " + shell_word(folder)));
  return page;
}

}  // namespace latetime::cli
