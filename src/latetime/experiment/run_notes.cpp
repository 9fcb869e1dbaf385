#include <fmt/format.h>

#include "latetime/base/text.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime {
namespace {

/// "3, 5, 8, ...".
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t most_shown = 3;
  if (names.size() <= most_shown) return join(names);
  return join(std::span(names).first(most_shown)) + ", ...";
}

}  // namespace

std::vector<std::string> notes_on(const RunProblem& problem) {
  std::vector<std::string> zero, beyond, notes;
  const Dataset& data = problem.data;
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    if ((data.x.row(i).array() == 0.0).all()) zero.push_back(fmt::format("{}", i));
  }
  if (!zero.empty()) {
    notes.push_back(
        fmt::format("{} of {} samples {} all zeros ({} {}): the network gives 0 "
                    "there at all times, and the loss stays above {} / n; leave "
                    "such samples out",
                    zero.size(), data.size(), zero.size() == 1 ? "is" : "are",
                    zero.size() == 1 ? "sample" : "samples", some_of(zero),
                    problem.config.descent.loss == LossName::logistic
                        ? fmt::format("log({})", data.class_count)
                        : fmt::format("{}", data.class_count - 1)));
  }
  const LogTime end = last_time(problem.config, data.size());
  for (const std::string& time : problem.config.record.at) {
    if (LogTime::parse(time, "record.at") > end) beyond.push_back(time);
  }
  if (!beyond.empty()) {
    const bool one = beyond.size() == 1;
    notes.push_back(fmt::format(
        "record.at: {} {} beyond the end of the run, {}, and {} not recorded; raise descent.{} to "
        "have {}",
        some_of(beyond), one ? "is" : "are", to_string(end), one ? "is" : "are",
        problem.config.descent.epochs > 0 ? "epochs" : "until", one ? "it" : "them"));
  }
  return notes;
}

}  // namespace latetime
