#include "latetime/dynamics/late_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/dynamics/hand_over.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// Over all times after a trial, over what it saw within a decade.
constexpr double adds_up = 4.0;

// Beside samples at rest exact steps go on to push to and fro for ever, and what rounding does to
// them grows like t^{5/2}: √t of sums that grow like t, in weights that they leave ever less of.
constexpr double rounding_growth = 3.0;

// Log losses and ranks that are off by more have no digit.
constexpr double no_digit = 10.0;

double telling(double error) {
  return error <= no_digit ? error : std::numeric_limits<double>::infinity();
}

}  // namespace

LateRun::LateRun(const FlowProblem& problem, const Dataset& data, const Network& initial,
                 const Start& start)
    : flow_(problem, start.flow, start.options),
      start_(start),
      x_(data.x),
      initial_weights_(initial.weights),
      initial_preactivations_(preactivations(initial.weights, data.x)),
      time_(start.time),
      switched_(problem.neurons(), problem.samples()) {
  flow_.on_event = [this](const FlowEvent& event) {
    switched_.row(event.neuron)[event.sample / 64] |= std::uint64_t{1} << (event.sample % 64);
    events_.push_back(event);
    events_.back().log_time = step_log_time(event.log_time);
  };
}

double flow_log_time(const LogTime& time, bool of_descent) {
  const auto step = time.step();
  return of_descent || !step ? time.log() : std::log1p(static_cast<double>(*step));
}

FlowStatus LateRun::advance_to(const LogTime& time,
                               const std::function<bool(const LogTime&)>& keep_going) {
  const FlowStatus status =
      flow_.advance_to(flow_log_time(time, start_.options.of_descent), [&](double log_time) {
        time_ = LogTime::from_log(std::min(step_log_time(log_time), time.log()));
        return !keep_going || keep_going(time_);
      });
  if (status == FlowStatus::reached) time_ = time;
  return status;
}

/// log t at the flow's own coordinate.
double LateRun::step_log_time(double flow_time) const {
  if (start_.options.of_descent) return flow_time;
  // Where e^θ overflows, the 1 of log(1 + t) has long been nothing.
  return flow_time > 40.0 ? flow_time : std::log(std::max(0.0, std::expm1(flow_time)));
}

double LateRun::error_estimate(const FlowStart& state, const std::vector<bool>& only_hops) const {
  if (flow_.undecided() > 0) return std::numeric_limits<double>::infinity();
  const double steps = static_cast<double>(flow_.steps()) * start_.options.step_tolerance;
  Unrest unrest = flow_.unrest();
  const Unrest drift = flow_.drift_of_rest();
  unrest.margins += drift.margins;
  unrest.weights += drift.weights;
  std::vector<RankSense> senses =
      rank_senses(flow_.problem(), initial_weights_, initial_preactivations_, state);
  const Eigen::Index width = flow_.problem().shape.width;
  std::erase_if(senses, [&](const RankSense& sense) {
    return sense.slopes.rows() == width && only_hops[static_cast<std::size_t>(sense.first / width)];
  });
  double most = 0.0;
  for (const RankSense& sense : senses) most = std::max(most, sense.factor);
  // Beside samples at rest, or asleep, what hopping and the next order of the lag do to the others
  // adds up, and does not die away.
  bool stays = flow_.plateau().has_value();
  for (Eigen::Index c = 0; c < flow_.problem().margins(); ++c) stays = stays || flow_.asleep(c);
  const double events = std::max(flow_.event_loss_error(!stays) + unrest.margins,
                                 flow_.event_rank_error(senses) + most * unrest.weights);
  if (!start_.options.of_descent) return telling(steps + events);
  const double passed = flow_.log_time() - start_.flow.log_time;
  const double rounding =
      stays && start_.rounding > 0.0 ? start_.rounding * std::expm1(rounding_growth * passed) : 0.0;
  const double decayed = stays ? adds_up * start_.error + rounding
                               : start_.error * error_decay(flow_.log_time(), start_.flow.log_time);
  return telling(decayed + flow_.switching_error(senses) + events + steps);
}

TrainingState LateRun::state(bool with_weights, bool with_error) const {
  FlowStart here = flow_.state();
  const auto only_hops = flow_.only_hops(here.preactivations, *start_.beyond);
  const double error =
      with_error ? error_estimate(here, only_hops) : std::numeric_limits<double>::quiet_NaN();
  TrainingState state{.time = time_,
                      .weights = with_weights ? initial_weights_ : Matrix(),
                      .preactivations = std::move(here.preactivations),
                      .coefficients = std::move(here.coefficients),
                      .switches = {},
                      .switched_since_record = switched_,
                      .sliding_pairs = flow_.sliding_pairs(),
                      .error_estimate = error,
                      .undecided_events = flow_.undecided(),
                      .only_hops = only_hops};
  if (with_weights) add_product(state.coefficients, x_, state.weights);
  const FlowProblem& problem = flow_.problem();
  if (state.sliding_pairs > 0) {
    state.slopes = flow_.slopes();
    for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
      for (const auto* pairs : {&flow_.mode(k).sliding, &flow_.mode(k).riding}) {
        for (const Eigen::Index i : *pairs) {
          state.switched_since_record.row(k)[i / 64] |= std::uint64_t{1} << (i % 64);
        }
      }
    }
  }
  state.margin_offset =
      flow_.margins() - problem.rivals.margins(group_outputs(state.preactivations, problem.shape));
  return state;
}

void LateRun::clear_switched() {
  std::fill(switched_.words.begin(), switched_.words.end(), 0);
}

}  // namespace latetime
