// Feeds changed files to every reader of the product; see scripts/fuzz.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "fuzz/campaign.hpp"

namespace latetime::fuzz {
namespace {

struct Options {
  double seconds = 100.0;
  std::uint64_t inputs = UINT64_MAX, seed = 1;
  std::string seeds, kept = "build/fuzz-faults";
  std::vector<std::string> only;
  bool seeds_only = false, no_heading = false, list = false;
};

std::string row(const Account& a) {
  return fmt::format(
      "{:<14}{:>10}{:>10}{:>10}{:>10}{:>9}{:>7}{:>7}{:>9}{:>7}{:>10.3f}", a.reader, a.inputs,
      static_cast<std::uint64_t>(static_cast<double>(a.inputs) / std::max(a.seconds, 1e-3)), a.read,
      a.refused, a.crashes, a.hangs, a.wrong, a.unclear, a.child_ends, a.slowest);
}

int run(const Options& options) {
  std::vector<Reader> readers = all_readers();
  if (!options.only.empty()) {
    std::erase_if(readers, [&](const Reader& reader) {
      return std::find(options.only.begin(), options.only.end(), reader.name) == options.only.end();
    });
  }
  if (options.list) {
    for (const Reader& reader : readers) fmt::print("{}\n", reader.name);
    return 0;
  }
  if (!options.no_heading)
    fmt::print("{:<14}{:>10}{:>10}{:>10}{:>10}{:>9}{:>7}{:>7}{:>9}{:>7}{:>10}\n", "reader",
               "inputs", "a CPU s", "read", "refused", "crashes", "hangs", "wrong", "unclear",
               "child", "slowest s");
  bool clean = true;
  for (const Reader& reader : readers) {
    Limits limits;
    constexpr double long_enough = 1e6;  // seeds are all read, however slow the machine
    limits.seconds =
        options.seeds_only ? long_enough : options.seconds / static_cast<double>(readers.size());
    limits.inputs = options.seeds_only ? 0 : options.inputs;
    const Account account = try_reader(reader, options.seeds, options.kept, options.seed, limits);
    fmt::print("{}\n", row(account));
    std::fflush(stdout);
    clean = clean && account.clean();
  }
  if (!clean) fmt::print("inputs with faults, one of each kind: {}\n", options.kept);
  return clean ? 0 : 1;
}

}  // namespace
}  // namespace latetime::fuzz

int main(int argc, char** argv) {
  ::setenv("TZ", "UTC0", 1);  // or libzip has the zone's file read again for every archive
  latetime::fuzz::Options options;
  CLI::App app("Feeds changed files to every reader");
  app.add_option("--seeds", options.seeds, "folder with a folder of valid files a reader");
  app.add_option("--seconds", options.seconds, "in all, shared by the readers");
  app.add_option("--inputs", options.inputs, "at most so many a reader");
  app.add_option("--seed", options.seed, "of the random changes");
  app.add_option("--keep", options.kept, "folder for inputs with faults");
  app.add_option("--only", options.only, "readers");
  app.add_flag("--seeds-only", options.seeds_only, "read the seeds as they are, and nothing else");
  app.add_flag("--list", options.list, "name the readers");
  app.add_flag("--no-heading", options.no_heading, "the rows of the table alone");
  CLI11_PARSE(app, argc, argv);
  return latetime::fuzz::run(options);
}
