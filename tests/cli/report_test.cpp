// Reports, colours and widths, as a user meets them.

#include <filesystem>

#include <pty.h>
#include <unistd.h>

#include "cli/program.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string small = " --set data.d=20 --set network.width=4 --set descent.until=1000 ";

/// Characters of the longest line of UTF-8 text.
std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0, width = 0;
  for (const char c : text) {
    if ((c & 0xC0) != 0x80) ++width;
    if (c == '\n') width = 0;
    widest = std::max(widest, width);
  }
  return widest;
}

TEST(ReportCommand, EveryRunEndsInAReport) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const Output run = call("run --out " + folder / "a" + small);
  EXPECT_THAT(run.out, HasSubstr("report.html"));
  EXPECT_THAT(bytes_of(folder / "a/report.html"), HasSubstr("</html>"));
  call("run -q --out " + folder / "b" + small);
  EXPECT_TRUE(std::filesystem::exists(folder / "b/report.html"));
  const Output both =
      call("report " + folder / "a" + " " + folder / "b" + " --out " + folder / "c.html");
  EXPECT_EQ(both.code, 0);
  EXPECT_THAT(both.out, HasSubstr("c.html"));
  EXPECT_THAT(bytes_of(folder / "c.html"),
              AllOf(HasSubstr("\"name\":\"a\""), HasSubstr("\"name\":\"b\"")));
  const std::string before = bytes_of(folder / "a/report.html");
  std::filesystem::remove(folder / "a/report.html");
  EXPECT_EQ(call("report " + folder / "a").code, 0);
  EXPECT_EQ(bytes_of(folder / "a/report.html"), before);
}

TEST(ReportCommand, Figure1EndsInAReport) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const Output output = call("reproduce fig1 --quick --out " + folder / "f");
  EXPECT_EQ(output.code, 0);
  EXPECT_THAT(bytes_of(folder / "f/report.html"), HasSubstr("\"figures\":[{\"figure\":\"fig1\""));
  EXPECT_THAT(bytes_of(folder / "f/fig1.toml"),
              AllOf(HasSubstr("--quick"), HasSubstr("slopes = [0, 0.1, 0.5, 1]")));
}

TEST(ReportCommand, RefusesInOneLine) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  expect_refusal("report", "DIR");
  expect_refusal("report " + folder / "nowhere", "nowhere");
  expect_refusal("report " + folder.path(), "holds no run");
  call("run -q --out " + folder / "a" + small);
  expect_refusal("report " + folder / "a" + " --out /proc/latetime.html", "/proc/latetime.html");
}

TEST(Terminal, SlowSummariesFitEightyColumns) {
  const TemporaryFolder folder;
  const std::string build = std::filesystem::path(LATETIME_PROGRAM).parent_path().string();
  const auto without_paths = [&](std::string text) {
    for (const std::string& path : {folder.path(), build}) {
      for (std::size_t at; (at = text.find(path)) != std::string::npos;)
        text.erase(at, path.size());
    }
    return text;
  };
  const std::string late =
      " --set data.n=10 --set data.d=30 --set network.width=20 --set network.slope=0"
      " --set descent.until=1e100";
  EXPECT_LE(widest_line(without_paths(call("run --out " + folder / "a" + late).out)), 80u);
  EXPECT_LE(widest_line(without_paths(call("check --steps 500 " + folder / "a").out)), 80u);
  EXPECT_LE(widest_line(without_paths(call("reproduce fig1 --quick --out " + folder / "f").out)),
            80u);
}

/// Everything that the program writes to a terminal of its own.
std::string in_terminal(const std::vector<std::string>& arguments, const std::string& no_color) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", no_color.c_str(), 1);
    std::vector<char*> argv{const_cast<char*>(LATETIME_PROGRAM)};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(LATETIME_PROGRAM, argv.data());
    _exit(99);
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size; (size = read(terminal, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(terminal);
  return text;
}

TEST(Terminal, ColoursAreForTerminalsThatWantThem) {
  const TemporaryFolder folder;
  const auto arguments = [&](const char* name) {
    return std::vector<std::string>{"run",
                                    "--out",
                                    folder / name,
                                    "--set",
                                    "data.d=20",
                                    "--set",
                                    "network.width=4",
                                    "--set",
                                    "descent.until=1000"};
  };
  const std::string colour = "\x1b[1m";
  EXPECT_THAT(in_terminal(arguments("a"), ""), HasSubstr(colour));
  EXPECT_THAT(in_terminal(arguments("b"), "1"),
              AllOf(HasSubstr("step 1000"), Not(HasSubstr(colour))));
  EXPECT_THAT(call("run --out " + folder / "c" + small).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(in_terminal({"walk"}, ""), HasSubstr("\x1b[31m"));
}

TEST(Terminal, ShowsEngineRateAndTimeLeftWhileItRuns) {
  const TemporaryFolder folder;
  // Long enough for a line, whatever the machine: dense steps of a large network.
  const std::string text =
      in_terminal({"run", "--out", folder / "a", "--set", "descent.engine=dense", "--set",
                   "data.n=50", "--set", "descent.until=2000"},
                  "1");
  EXPECT_THAT(text, AllOf(HasSubstr("dense  step "), HasSubstr(" of 2000  "), HasSubstr("/s  "),
                          HasSubstr(" left")));
  const std::string quiet =
      in_terminal({"run", "--quiet", "--out", folder / "b", "--set", "descent.engine=dense",
                   "--set", "data.n=50", "--set", "descent.until=2000"},
                  "1");
  EXPECT_EQ(quiet, "");
}

}  // namespace
}  // namespace latetime
