// Times of whole runs in memory, one a line in seconds: run_in_memory COUNT section.key=value…
// benchmarks/python_overhead sets them beside the same runs called from Python.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "latetime/base/error.hpp"
#include "latetime/experiment/run.hpp"

int main(int argc, char** argv) {
  using namespace latetime;
  if (argc < 2) {
    std::fputs("usage: run_in_memory COUNT [section.key=value]...\n", stderr);
    return 2;
  }
  const std::vector<std::string> overrides(argv + 2, argv + argc);
  try {
    for (int i = 0; i < std::atoi(argv[1]); ++i) {
      const auto start = std::chrono::steady_clock::now();
      RunMemory memory;
      carry_out_run(load_problem(parse_config("", "command line", ".", overrides)), memory, {});
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      std::printf("%.6f\n", spent.count());
    }
  } catch (const InputError& error) {
    std::fprintf(stderr, "run_in_memory: %s\n", error.what());
    return 2;
  }
}
