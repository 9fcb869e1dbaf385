#pragma once

// Calls of the program as a user makes them.

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

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

}  // namespace latetime
