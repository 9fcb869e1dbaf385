// The truth of a problem by every real step, as tests/data/hard/NAME/truth.csv holds it:
//
//   build/release/tests/real_truth FOLDER [--until 1e7] [--digits] [--resolution 1e-5]
//
// FOLDER: config.toml with its arrays. Descent is followed in long double, and in double for the
// uncertainty (--digits: in 150 and in 100 decimal digits, where steps amplify rounding); gradient
// flow by small steps at three resolutions.

#include <cstdio>
#include <cstdlib>
#include <string>

#include <boost/multiprecision/cpp_bin_float.hpp>

#include "latetime/experiment/run.hpp"
#include "support/real_steps.hpp"

namespace {

using namespace latetime;

void print(const real_steps::Truth& truth) {
  const auto& [time, answer, uncertainty] = truth;
  std::printf("%.17g,%.17g,%.17g,%.17g,%.17g,%.2g\n", time, answer.log_loss, answer.ranks[0],
              answer.ranks[1], answer.ranks[2], uncertainty);
  std::fflush(stdout);
}

template <class T, class Check>
void print_descent(const real_steps::Problem& problem, double until) {
  real_steps::Descent<T> descent(problem);
  real_steps::Descent<Check> check(problem);
  std::uint64_t last = 0;
  for (int quarter = 0;; ++quarter) {
    const auto step = static_cast<std::uint64_t>(std::llround(std::pow(10.0, quarter / 4.0)));
    if (static_cast<double>(step) > until) return;
    if (step == last) continue;
    last = step;
    descent.advance_to(step);
    check.advance_to(step);
    const real_steps::Answer answer = descent.answer();
    print({std::log10(static_cast<double>(step)), answer, answer.difference(check.answer())});
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  double until = 1e7, resolution = 1e-5;
  bool digits = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--digits") {
      digits = true;
    } else if (word == "--until" && i + 1 < argc) {
      until = std::strtod(argv[++i], nullptr);
    } else if (word == "--resolution" && i + 1 < argc) {
      resolution = std::strtod(argv[++i], nullptr);
    } else {
      folder = word;
    }
  }
  const RunProblem run = load_problem(read_config(folder + "/config.toml"));
  const real_steps::Problem problem = real_steps::problem_of(run);
  until = std::min(until, std::pow(10.0, last_time(run.config, run.data.size()).log10()));
  std::printf("log10_t,log_loss,stable_rank_pos,stable_rank_neg,stable_rank_all,uncertainty\n");
  if (run.config.descent.method == Method::flow) {
    std::vector<double> times;
    for (int quarter = 0; quarter <= 4 * std::log10(until) + 1e-9; ++quarter) {
      const double time = quarter / 4.0;  // records are made at whole steps
      times.push_back(time < 15.0 ? std::log10(std::round(std::pow(10.0, time))) : time);
    }
    for (const auto& truth : real_steps::flow_truth(problem, times, resolution)) print(truth);
  } else if (digits) {
    namespace mp = boost::multiprecision;
    using Digits150 = mp::number<mp::cpp_bin_float<150>, mp::et_off>;
    using Digits100 = mp::number<mp::cpp_bin_float<100>, mp::et_off>;
    print_descent<Digits150, Digits100>(problem, until);
  } else {
    print_descent<long double, double>(problem, until);
  }
}
