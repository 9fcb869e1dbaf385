#include <filesystem>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/names.hpp"
#include "latetime/report/report_page.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/results_place.hpp"
#include "latetime/store/run_directory.hpp"
#include "results_folder.hpp"
#include "terminal.hpp"

namespace latetime::cli {
namespace {

struct ReportArguments {
  std::vector<std::string> folders;
  std::string out;
  bool quiet = false;
};

/// The lock of the folder that the page goes to, if that is one of results.
std::shared_ptr<FolderLock> hold_if_results(const std::string& folder) {
  const std::string named = folder.empty() ? "." : folder;
  const bool of_results =
      holds_run(named) || holds_sweep(named) || !paper_figures_in(named).empty();
  return of_results ? hold_results_folder(named) : nullptr;
}

int report(const ReportArguments& arguments) {
  const std::string out =
      !arguments.out.empty() ? arguments.out
                             : (std::filesystem::path(arguments.folders.front()) /
                                (arguments.folders.size() == 1 ? "report.html" : "comparison.html"))
                                   .string();
  const auto lock = hold_if_results(std::filesystem::path(out).parent_path().string());
  refuse_foreign_file(out, "a report", is_report);
  std::string command = "latetime report";
  for (const std::string& folder : arguments.folders) command += " " + shell_word(folder);
  if (!arguments.out.empty()) command += " --out " + shell_word(arguments.out);
  replace_file(out, make_report(arguments.folders, command));
  if (!arguments.quiet) fmt::print("{}\n", out);
  return done;
}

}  // namespace

void declare_report(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand(
      "report", "Make a page of words and interactive plots from stored results");
  command
      ->add_option("DIR", arguments->folders,
                   "folders of runs, of latetime reproduce or sweep; several stand side by side")
      ->required();
  command
      ->add_option("--out,-o", arguments->out,
                   "file to write (DIR/report.html, of several the first DIR/comparison.html)")
      ->check(not_empty());
  command->add_flag("--quiet,-q", arguments->quiet, "print nothing but errors");
  command->footer(
      "The page is one file and needs no network. Every run ends by writing one, and latetime\n"
      "check adds its verdicts to it. While a run goes on in DIR, name another place by --out. An\n"
      "earlier report is replaced, no other file.");
  command->callback([arguments, &action] { action = [arguments] { return report(*arguments); }; });
}

}  // namespace latetime::cli
