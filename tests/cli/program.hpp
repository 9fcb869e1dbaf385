#pragma once

// Calls of the program as a user makes them.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace latetime {

struct Output {
  int code = -1;
  std::string out;
  std::string err;
};

/// Runs the program through the shell with standard output and error caught.
inline Output call(const std::string& arguments) {
  const TemporaryFolder folder;
  const std::string err_file = folder / "err";
  const std::string command = std::string(LATETIME_PROGRAM) + " " + arguments + " 2>" + err_file;
  Output output;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.out.append(buffer.data(), size);
  }
  output.code = WEXITSTATUS(pclose(pipe));
  output.err = bytes_of(err_file);
  return output;
}

inline void expect_refusal(const std::string& arguments, const std::string& part) {
  const Output output = call(arguments);
  EXPECT_EQ(output.code, 2) << arguments;
  EXPECT_THAT(output.err, testing::HasSubstr(part)) << arguments;
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  EXPECT_EQ(output.out, "") << arguments;
}

/// Whether the program draws no reports; tests of them are skipped then.
inline bool without_vega() {
  return call("report /").err.find("without Vega") != std::string::npos;
}

/// Starts the program, sends `signal` once `ready` says so, and returns the exit status.
inline int start_and_stop(const std::vector<std::string>& arguments,
                          const std::function<bool()>& ready, int signal) {
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> argv;
    std::vector<std::string> all{LATETIME_PROGRAM};
    all.insert(all.end(), arguments.begin(), arguments.end());
    for (auto& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    freopen("/dev/null", "w", stdout);
    freopen("/dev/null", "w", stderr);
    execv(LATETIME_PROGRAM, argv.data());
    _exit(99);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline && !ready()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace latetime
