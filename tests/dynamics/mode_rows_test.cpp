// Rows that a flow keeps are those that it would compute.

#include "latetime/dynamics/mode_rows.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// Asks for rows at every moment of a flow with events, in another order each time, and returns how
/// many modes were seen that had changed.
int look_along(const FlowProblem& problem, LateFlow& flow, ModeRows& rows) {
  int changed = 0;
  std::vector<NeuronMode> before;
  for (int moment = 0; moment < 120; ++moment) {
    EXPECT_EQ(flow.advance_to(flow.log_time() + 0.1, {}), FlowStatus::reached);
    const std::vector<NeuronMode> modes = flow.modes();
    for (Eigen::Index k = moment % 2; k < problem.neurons(); ++k) {
      const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
      const int group = problem.group_of(k);
      rows.go_to(problem, group, mode, k);
      for (Eigen::Index i = moment % 3; i < problem.samples(); i += 1 + moment % 4) {
        EXPECT_EQ(rows.row(i), preactivation_row(problem, group, mode, i))
            << "neuron " << k << ", sample " << i << ", moment " << moment;
      }
    }
    for (std::size_t k = 0; k < before.size(); ++k) changed += before[k].is_like(modes[k]) ? 0 : 1;
    before = modes;
  }
  return changed;
}

TEST(ModeRows, AreThoseOfTheModesOfNow) {
  int changed = 0;
  for (std::uint64_t seed = 16; seed < 16 + fewer_if_sanitized(4u); ++seed) {
    for (const double slope : {0.0, 0.2}) {
      const TestProblem p =
          problem_on("rows", gaussian_mixture(10, 12, 0.3, 1.0, seed), 4, slope, 1e-2);
      const FlowProblem problem = flow_problem(p);
      LateFlow flow(problem, exact_start(p, 300), {});
      ModeRows rows;
      changed += look_along(problem, flow, rows);
    }
  }
  EXPECT_GT(changed, fewer_if_sanitized(10));
}

}  // namespace
}  // namespace latetime
