#pragma once

#include <string>

#include <CLI/CLI.hpp>

// One function a subcommand: it declares the command's arguments on the parser and stores in
// `action` what to do once they are read. An action returns the exit code.

namespace latetime::cli {

/// Exit codes of the program; scripts depend on them.
enum ExitCode : int {
  done = 0,
  bad_input = 2,      ///< one line on standard error names the file, the key and the mend
  stopped_early = 3,  ///< an honest end before the requested one; what was reached is kept
  interrupted = 130,  ///< Ctrl-C or SIGTERM; resumable
};

using Action = std::function<int()>;

void declare_run(CLI::App& app, Action& action);
void declare_train(CLI::App& app, Action& action);
void declare_limit(CLI::App& app, Action& action);
void declare_check(CLI::App& app, Action& action);
void declare_prove(CLI::App& app, Action& action);
void declare_inspect(CLI::App& app, Action& action);
void declare_export(CLI::App& app, Action& action);
void declare_report(CLI::App& app, Action& action);
void declare_reproduce(CLI::App& app, Action& action);
void declare_sweep(CLI::App& app, Action& action);

/// Refuses an empty name of a file or folder.
inline CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& name) {
        return name.empty() ? std::string("is empty; name a place to write to") : std::string();
      },
      "");
}

/// Threads to use when the user does not say: one a core.
unsigned default_threads();

/// "run.toml" style text of every configuration key with default and meaning.
std::string config_help();

}  // namespace latetime::cli
