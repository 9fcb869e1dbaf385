// The command line: arguments, progress and words. No numerics.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "commands.hpp"
#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "terminal.hpp"

namespace {

using namespace latetime::cli;

int complain(int code, const std::string& line) {
  fmt::print(stderr, "{} {}\n", inked(Ink::bad, "latetime:", stderr), line);
  return code;
}

/// Where what was said could not be written (a full disk), a command that did all else has failed.
int after_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int why = errno;
  std::clearerr(stdout);
  return complain(code == done ? stopped_early : code,
                  fmt::format("standard output: cannot be written ({}); give it a place with room",
                              std::strerror(why)));
}

/// Exit code of a command, whose exceptions become one line.
int carry_out(const Action& action) {
  try {
    return after_output(action());
  } catch (const latetime::InputError& error) {
    return complain(bad_input, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(bad_input, latetime::unusable_path(error).what());
  } catch (const std::bad_alloc&) {
    complain(stopped_early, "not enough memory for arrays of this size");
    std::fflush(nullptr);
    // Threads of OpenBLAS that wait for memory of their own would be waited for at a common end.
    std::_Exit(stopped_early);
  } catch (const std::exception& error) {
    return complain(stopped_early, error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write, in one line
  CLI::App app{
      "Latetime follows gradient descent on two-layer ReLU and leaky ReLU networks, step by step "
      "and "
      "exactly,\nand measures what the theory of its implicit bias speaks of.",
      "latetime"};
  app.set_version_flag("--version", LATETIME_VERSION);
  app.require_subcommand(1);
  app.footer(
      "A first run:\n"
      "  latetime run --out first                 the defaults: 10 samples, 100 neurons a class\n"
      "  latetime run --out relu --set network.slope=0 --set descent.until=1e6\n"
      "  latetime run my.toml --out mine          from a configuration file\n"
      "  latetime run --out late --set descent.until=1e100\n"
      "  latetime limit late                      what does it converge to?\n"
      "  latetime check late                      which claims of the paper hold on it?\n"
      "  latetime prove late                      a theorem about it, with a certificate\n"
      "  latetime report late relu                words and plots, side by side, in one page\n"
      "  latetime sweep map.toml --out map        maps over keys and seeds, opened by xarray\n"
      "  latetime inspect my.toml                 how nearly orthogonal are my samples?\n"
      "  latetime reproduce fig1 --out fig1       Figure 1 of Kou, Chen, Gu (NeurIPS 2023)\n"
      "\n`latetime COMMAND --help` explains each command; `latetime run --help` lists every key.\n"
      "Exit codes: 0 done, 2 bad input, 3 stopped honestly before the end, 130 interrupted.");
  Action action;
  declare_run(app, action);
  declare_train(app, action);
  declare_limit(app, action);
  declare_check(app, action);
  declare_prove(app, action);
  declare_inspect(app, action);
  declare_export(app, action);
  declare_report(app, action);
  declare_reproduce(app, action);
  declare_sweep(app, action);
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::find(names.begin(), names.end(), argv[1]) == names.end()) {
      return complain(bad_input, fmt::format("{}: unknown command; did you mean {}?", argv[1],
                                             latetime::nearest_name(argv[1], names)));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return after_output(app.exit(error));  // --help, --version
    return complain(bad_input, std::string(error.what()) + "; see latetime --help");
  }
  return carry_out(action);
}
