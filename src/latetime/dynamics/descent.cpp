#include "latetime/dynamics/descent.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "latetime/base/error.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

using Clock = std::chrono::steady_clock;

// How long a run goes on between two calls of `pulse`.
constexpr std::chrono::milliseconds pulse_period{30};

// Exact steps are affordable up to this many (neuron, sample) pairs stepped, a second or two; what
// a step costs beside is as much as that of so many pairs.
constexpr double affordable_pairs = 3e9;
constexpr double pairs_of_overhead = 500;
constexpr double least_exact_steps = 2e5;

// A flow whose log loss has fallen by less than this is asked at its end whether its samples are
// separated, unless it ends early, when activations may still change.
constexpr double least_flow_fall = 0.5;
constexpr std::uint64_t steps_before_verdict = 100'000;

/// 0: full batch.
std::size_t batch_size(const DescentOptions& options) {
  return options.method == Method::stochastic ? options.batch_size : 0;
}

ExactEngine make_engine(const Dataset& data, const Network& initial, const DescentOptions& options,
                        const EnginePlan& plan) {
  if (!plan.dense) {
    return ExactEngine(std::in_place_type<ExactDescent>, data, initial, options.learning_rate,
                       options.threads, plan.frozen);
  }
  return ExactEngine(std::in_place_type<DenseEngine>, data, initial, options.learning_rate,
                     batch_size(options), options.seed, options.threads);
}

double log_loss_discrepancy(const Matrix&, const Vector& a, const Matrix&, const Vector& b,
                            std::array<bool, 2>) {
  return std::abs(log_mean_loss(a) - log_mean_loss(b));
}

// Steps that do not amplify rounding are still shadowed where a step is so short that this costs
// little: a pre-activation that comes to zero exactly goes where rounding takes it.
constexpr Eigen::Index most_pairs_to_shadow = 400;
// They take the same steps at a learning rate that is larger by this part, and by twice as much.
constexpr double shadow_rate = 0x1.8p-45;
// At these scales products are rounded otherwise, and small whole numbers stay whole.
constexpr double shadow_scales[] = {3.0, 5.0};
// Where such a shadow stays this near, the digits of a row are right.
constexpr double exact_to = 1e-10;
// Directions of samples that differ by so little, but more than by rounding, make a Gram matrix
// blind.
constexpr double blind_below = 1e-6;
constexpr const char* signs_array = "signs_until";

// Signs that rounding decides are looked for at the first steps, where weights are short sums that
// may cancel by the way the samples lie, and for as many steps after each one that was found.
constexpr std::uint64_t steps_to_look_for_signs = 16;
// They are decided with more digits while that takes so many products in all, half a minute.
constexpr double most_fine_products = 3e8;
// Rounding that has come to more than that goes on to grow.
constexpr double more_than_rounding = 2e-10;

HandOver::Discrepancy discrepancy_of(const DescentOptions& options) {
  return options.discrepancy ? options.discrepancy : log_loss_discrepancy;
}

bool shadows_cost_nothing(const DescentOptions& options, Eigen::Index n,
                          const NetworkShape& shape) {
  return options.method == Method::gradient_descent && n * shape.neurons() <= most_pairs_to_shadow;
}

/// Whether a Gram matrix does not know of what samples nearly on one line differ by: its square is
/// in the last digits of the entries or beyond.
bool gram_is_blind(const Samples& x) {
  const Matrix gram = gram_matrix(x);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index l = 0; l < i; ++l) {
      if (!(gram(i, i) > 0.0) || !(gram(l, l) > 0.0)) continue;
      if (on_line_within(blind_below, x, gram, i, l) &&
          !on_line_within(collinear_tolerance, x, gram, i, l)) {
        return true;
      }
    }
  }
  return false;
}

/// Whether pre-activations are zero because terms cancel, which they would not at another scale.
bool cancels_at_start(const Matrix& weights, const Samples& x) {
  const Matrix z = preactivations(weights, x);
  const Vector longest = weights.cwiseAbs().rowwise().maxCoeff();
  const Vector sizes = x.cwiseAbs().rowwise().maxCoeff();
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      if (z(k, i) == 0.0 && longest[k] > 0.0 && sizes[i] > 0.0) return true;
    }
  }
  return false;
}

Outcome failed(FlowStatus status, const LogTime& time) {
  if (status == FlowStatus::interrupted) return {StopReason::interrupted, time, explain(status)};
  return {StopReason::flow_failed, time, explain(status)};
}

}  // namespace

EnginePlan plan_engines(const DescentOptions& options, Eigen::Index n, Eigen::Index d,
                        Eigen::Index neurons) {
  const EngineChoice engine = options.engine;
  const bool automatic = engine == EngineChoice::automatic;
  EnginePlan plan;
  if (options.method == Method::stochastic) {
    if (!automatic && engine != EngineChoice::dense) {
      throw InputError(
          "descent.engine",
          "mini-batches are followed by the dense engine only; use engine = \"dense\" or "
          "method = \"gd\"");
    }
    plan.dense = true;
    return plan;
  }
  if (options.method == Method::flow) {
    if (!automatic && engine != EngineChoice::flow) {
      throw InputError("descent.engine",
                       "gradient flow is followed by the flow engine only; use engine = \"flow\" "
                       "or method = \"gd\"");
    }
    return plan;
  }
  const double pairs = static_cast<double>(neurons) * static_cast<double>(n);
  const double steps = std::max(affordable_pairs / (pairs + pairs_of_overhead), least_exact_steps);
  plan.most_exact_steps = static_cast<std::uint64_t>(steps);
  plan.forced_flow = engine == EngineChoice::flow;
  plan.hand_over =
      plan.forced_flow || (automatic && options.until > LogTime(plan.most_exact_steps));
  plan.dense = engine == EngineChoice::dense || (automatic && !plan.hand_over && n > 2 * d);
  plan.frozen = engine == EngineChoice::frozen || automatic || plan.forced_flow;
  return plan;
}

Descent::Descent(const Dataset& data, const Network& initial, const DescentOptions& options)
    : data_(data),
      initial_(initial),
      options_(options),
      plan_(plan_engines(options, data.size(), data.dim(), initial.shape.neurons())),
      engine_(make_engine(data, initial, options, plan_)),
      signs_until_(steps_to_look_for_signs) {
  sample_norms_ = data.x.rowwise().norm();
  initial_norms_ = initial.weights.rowwise().norm();
  contracts_ = steps_contract(data, initial.shape, options.learning_rate, batch_size(options));
  if (options.method != Method::flow &&
      (!contracts_ || shadows_cost_nothing(options, data.size(), initial.shape))) {
    shadow_.emplace(make_shadows());
  }
  if (!plan_.hand_over && options.method != Method::flow) return;
  problem_.emplace(data, initial.shape, options.learning_rate);
  beyond_ = std::make_shared<const WeightsBeyond>(initial.weights, data.x);
  if (options.method == Method::flow) {
    begin_gradient_flow();
    return;
  }
  // With their shadows, steps take three times as long.
  const std::uint64_t most_exact_steps =
      shadow_ ? std::max<std::uint64_t>(plan_.most_exact_steps / 3,
                                        static_cast<std::uint64_t>(least_exact_steps))
              : plan_.most_exact_steps;
  hand_over_ = std::make_unique<HandOver>(*problem_, preactivations(initial.weights, data.x),
                                          beyond_, discrepancy_of(options),
                                          HandOver::Options{.tolerance = options.tolerance,
                                                            .forced = plan_.forced_flow,
                                                            .most_steps = most_exact_steps});
}

RoundingShadow Descent::make_shadows() const {
  const bool starts_at_zero = contracts_ && cancels_at_start(initial_.weights, data_.x);
  const bool blind = !plan_.dense && gram_is_blind(data_.x);
  const auto make = [&](std::size_t shadow) {
    NearbyStart start{data_, initial_};
    DescentOptions other = options_;
    double scale = 1.0;
    if (contracts_) {  // all that cancels by symmetry still does
      scale = starts_at_zero ? 1.0 : shadow_scales[shadow];
      start.data.x = Samples(Matrix(scale * data_.x));
      start.initial.weights /= scale;
      other.learning_rate *=
          (1.0 + static_cast<double>(shadow + 1) * shadow_rate) / (scale * scale);
    } else {
      start = nearby_start(data_, initial_, shadow);
    }
    std::vector<Eigen::Index> order(static_cast<std::size_t>(data_.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    if (options_.method == Method::gradient_descent) {  // mini-batches are drawn by number
      order = shadow_order(data_.size(), shadow);
      start.data = reordered(start.data, order);
    }
    EnginePlan plan = plan_;
    plan.dense = plan_.dense || (blind && shadow == 0);  // sees the samples themselves
    return Shadow{std::unique_ptr<ExactEngine>(
                      new ExactEngine(make_engine(start.data, start.initial, other, plan))),
                  order, scale};
  };
  return {data_.classes, initial_.shape, make, discrepancy_of(options_)};
}

std::string_view Descent::engine_name() const {
  if (late_) return "flow";
  const auto* exact = std::get_if<ExactDescent>(&engine_);
  return exact ? exact->engine_name() : "dense";
}

LogTime Descent::time() const {
  return late_ ? late_->time() : LogTime(step());
}

std::uint64_t Descent::step() const {
  return std::visit([](const auto& engine) { return engine.step(); }, engine_);
}

TrainingState Descent::state(bool with_weights) const {
  if (late_) return late_->state(with_weights);
  TrainingState state =
      std::visit([&](const auto& engine) { return engine.state(with_weights); }, engine_);
  if (shadow_) state.error_estimate = shadow_->error_estimate(state);
  if (contracts_ && state.error_estimate < exact_to) state.error_estimate = 0.0;
  if (initial_.shape.groups == 2) {
    state.error_estimate += rounding_of_ranks(state, initial_.shape, sample_norms_, initial_norms_);
  }
  return state;
}

/// Exact engines store what they step on with; a flow is followed again from where it began.
EngineMemory Descent::memory() const {
  EngineMemory memory = std::visit([](const auto& engine) { return engine.memory(); }, engine_);
  if (shadow_) shadow_->add_to(memory);
  if (signs_until_ > steps_to_look_for_signs) {
    memory.arrays[signs_array] = Matrix::Constant(1, 1, static_cast<double>(signs_until_));
  }
  if (!hand_over_) return memory;
  memory.arrays["look_steps"] = hand_over_->look_steps();
  memory.arrays["look_coefficients"] = hand_over_->look_coefficients();
  memory.arrays["flow"] = Matrix::Zero(1, 5);
  memory.arrays["flow"] << (late_ ? 1.0 : 0.0), flow_error_, flow_options_.preactivation_error,
      flow_options_.event_error, static_cast<double>(looked_at_);
  return memory;
}

EngineMemory Descent::memory_pattern(const std::function<bool(const std::string&)>& stored) {
  if (!shadow_ && stored(RoundingShadow::first_array)) shadow_.emplace(make_shadows());
  EngineMemory pattern = memory();
  if (stored(signs_array)) pattern.arrays[signs_array] = Matrix::Zero(1, 1);
  return pattern;
}

void Descent::restore(const EngineMemory& memory) {
  std::visit([&](auto& engine) { engine.restore(memory); }, engine_);
  if (shadow_) shadow_->restore(memory);
  if (memory.arrays.contains(signs_array)) {
    signs_until_ = static_cast<std::uint64_t>(memory.arrays.at(signs_array)(0, 0));
  }
  if (step() > 0 && step() <= signs_until_) look_at_signs();
  late_.reset();
  if (options_.method == Method::flow) begin_gradient_flow();
  if (!hand_over_) return;
  hand_over_->restore(memory.arrays.at("look_steps"), memory.arrays.at("look_coefficients"));
  const Matrix& flow = memory.arrays.at("flow");
  looked_at_ = static_cast<std::uint64_t>(flow(0, 4));
  if (flow(0, 0) != 0.0) {
    const FlowStart start = flow_start();
    if (!start.coefficients.allFinite() || !start.preactivations.allFinite()) {
      throw InputError(
          "result.h5",
          "/engine holds numbers that are not finite, where the late-time flow begins; "
          "it is damaged, run anew into another folder");
    }
    begin_flow(start, flow(0, 1), state(false).error_estimate,
               {.preactivation_error = flow(0, 2), .event_error = flow(0, 3)});
  }
}

void Descent::advance(std::uint64_t steps) {
  while (steps > 0) {
    std::uint64_t part = steps;
    if (shadow_) part = std::min(part, RoundingShadow::period - step() % RoundingShadow::period);
    if (step() < signs_until_) part = 1;
    std::visit([&](auto& engine) { engine.advance(part); }, engine_);
    if (!finite()) return;
    if (shadow_) shadow_->advance(part, engine_);
    if (step() <= signs_until_) look_at_signs();
    steps -= part;
  }
}

/// Signs that rounding would decide are decided with more digits.
void Descent::look_at_signs() {
  const TrainingState here = std::visit([](const auto& e) { return e.state(false); }, engine_);
  const auto undecided = undecided_signs(here, data_, initial_.weights);
  if (undecided.empty()) return;
  if (!fine_) {
    fine_.emplace(data_, initial_, options_.learning_rate, batch_size(options_), options_.seed);
  }
  if (fine_->products_per_step() * static_cast<double>(step()) > most_fine_products) {
    signs_until_ = step();
    if (!shadow_) shadow_.emplace(make_shadows());
    return shadow_->lose();
  }
  while (fine_->step() < step()) fine_->take_step();
  std::vector<DecidedSign> signs;
  bool changed = false, hidden = false;  // zeros that are found as such may stay so for ever
  for (const auto& [neuron, sample, z, rounding] : undecided) {
    signs.push_back({neuron, sample, fine_->is_active(neuron, sample), rounding});
    changed |= signs.back().active != (z >= 0.0);
    hidden |= z != 0.0;
  }
  if (changed || hidden) signs_until_ = step() + steps_to_look_for_signs;
  if (changed) {
    const Matrix z = with_signs(here.preactivations, signs);
    std::visit([&](auto& engine) { engine.take_preactivations(z); }, engine_);
  }
  if (shadow_) shadow_->take_signs(signs);
}

bool Descent::finite() const {
  return std::visit([](const auto& engine) { return engine.finite(); }, engine_);
}

void Descent::clear_switched() {
  if (late_) return late_->clear_switched();
  std::visit([](auto& engine) { engine.clear_switched(); }, engine_);
}

FlowStart Descent::flow_start() const {
  return hand_over_->start(step(), std::get<ExactDescent>(engine_).coefficients());
}

/// A flow from the present state of the exact engine, which is off by `exact_error`, part of
/// `error`.
void Descent::begin_flow(const FlowStart& start, double error, double exact_error,
                         const FlowOptions& flow_options) {
  const double rounding = exact_error > more_than_rounding ? exact_error : 0.0;
  flow_error_ = error;
  flow_options_ = flow_options;
  late_ = std::make_unique<LateRun>(
      *problem_, data_, initial_,
      LateRun::Start{start, flow_options, step(), error, rounding, beyond_});
  flow_start_loss_ = log_mean_loss(late_->flow().margins());
}

void Descent::begin_gradient_flow() {
  FlowOptions flow_options;
  flow_options.of_descent = false;
  flow_options.preactivation_error = 1e-10;  // of the integration
  const FlowStart start{0.0, Matrix::Zero(initial_.shape.neurons(), data_.size()),
                        preactivations(initial_.weights, data_.x)};
  late_ =
      std::make_unique<LateRun>(*problem_, data_, initial_,
                                LateRun::Start{start, flow_options, LogTime(), 0.0, 0.0, beyond_});
  flow_start_loss_ = log_mean_loss(late_->flow().margins());
}

LateFlow Descent::flow_from_here() const {
  const TrainingState here = state(false);
  const bool of_descent = options_.method != Method::flow;
  const double log_time = std::max(0.0, flow_log_time(here.time, of_descent));
  const FlowProblem problem(data_, initial_.shape, options_.learning_rate);
  return {problem,
          {log_time, here.coefficients, here.preactivations},
          options_to_limit(problem, of_descent)};
}

/// Exact steps up to `target`, the pulse now and then.
std::optional<Outcome> Descent::step_to(std::uint64_t target, const DescentObservers& observers) {
  while (step() < target) {
    const auto start = Clock::now();
    const std::uint64_t steps = std::min(chunk_, target - step());
    advance(steps);
    const auto spent = Clock::now() - start;
    // Chunks only pace the calls of `pulse`; the engines step alike however they are chunked.
    if (spent < pulse_period / 2 && steps == chunk_) chunk_ *= 2;
    if (spent > pulse_period * 2 && chunk_ > 1) chunk_ /= 2;
    if (!finite()) {
      return Outcome{StopReason::not_finite, time(),
                     "the network's outputs overflowed; the data or the learning rate are far too "
                     "large"};
    }
    if (observers.pulse && !observers.pulse(time())) {
      return Outcome{StopReason::interrupted, time(), "stopped on request"};
    }
  }
  return std::nullopt;
}

/// Whether the flow, at that log loss, has not come far below where it began or no longer falls.
bool Descent::hardly_falls(double log_loss) const {
  return log_loss > flow_start_loss_ - least_flow_fall ||
         -std::log(10.0) * late_->flow().log_loss_speed() < least_fall_of_a_decade;
}

std::optional<Outcome> Descent::flow_to(const LogTime& target, const DescentObservers& observers) {
  auto next_pulse = Clock::now();
  const FlowStatus status = late_->advance_to(target, [&](const LogTime& reached) {
    if (!observers.pulse || Clock::now() < next_pulse) return true;
    next_pulse = Clock::now() + pulse_period;
    return observers.pulse(reached);
  });
  if (status == FlowStatus::reached) return std::nullopt;
  if (status != FlowStatus::interrupted && status != FlowStatus::not_finite) {
    const double loss = log_mean_loss(late_->flow().margins());
    const Outcome outcome = not_separated(late_->flow(), time(), loss);
    if (outcome.reason == StopReason::not_separated) return outcome;
    if (hardly_falls(loss)) {
      return not_separated_so_far(time(), loss, options_.method != Method::flow);
    }
  }
  return failed(status, time());
}

/// Asks at the present step whether the flow may take over.
std::optional<Outcome> Descent::look(const DescentObservers& observers) {
  const std::uint64_t looked_before = std::exchange(looked_at_, step());
  switch (hand_over_->look(step(), std::get<ExactDescent>(engine_).coefficients(),
                           [&] { return !observers.pulse || observers.pulse(time()); })) {
    case HandOver::Decision::go_on:
      break;
    case HandOver::Decision::leave: {
      const double exact_error = state(false).error_estimate;
      begin_flow(flow_start(), hand_over_->error() + exact_error, exact_error,
                 hand_over_->flow_options());
      break;
    }
    case HandOver::Decision::give_up:
      return hand_over_->outcome();
    case HandOver::Decision::interrupted:
      looked_at_ = looked_before;
      return Outcome{StopReason::interrupted, time(), "stopped on request"};
  }
  return std::nullopt;
}

/// An outcome when the run must end before `target`.
std::optional<Outcome> Descent::advance_to(const LogTime& target,
                                           const DescentObservers& observers) {
  while (!late_ && time() < target) {
    std::uint64_t stop = target.step().value_or(LogTime::largest_step);
    if (hand_over_) {
      if (step() > looked_at_ && HandOver::next_look(step() - 1) == step()) {
        if (auto outcome = look(observers)) return outcome;
        continue;
      }
      stop = std::min(stop, HandOver::next_look(step()));
    }
    if (auto outcome = step_to(stop, observers)) return outcome;
  }
  return late_ ? flow_to(target, observers) : std::nullopt;
}

Outcome Descent::run(std::span<const LogTime> record_at, const DescentObservers& observers,
                     std::span<const LogTime> recorded) {
  for (const LogTime& target : recorded) {
    if (!late_ || target <= late_->time()) continue;
    if (const FlowStatus status = late_->advance_to(target); status != FlowStatus::reached) {
      return failed(status, time());
    }
    clear_switched();
  }
  for (const LogTime& target : record_at) {
    if (target < time()) continue;
    if (auto outcome = advance_to(target, observers)) return *outcome;
    const TrainingState here = state(observers.needs_weights);
    clear_switched();  // first, so that a checkpoint written by the observer starts the new
                       // interval
    observers.record(here);
  }
  return end();
}

/// How a run ended that went as far as it should: a flow may have followed samples whose loss
/// stays.
Outcome Descent::end() const {
  if (late_ && time() > LogTime(steps_before_verdict)) {
    const double loss = log_mean_loss(late_->flow().margins());
    if (hardly_falls(loss)) {
      const Outcome outcome = not_separated(late_->flow(), time(), loss);
      if (outcome.reason == StopReason::not_separated) return outcome;
    }
  }
  return {StopReason::reached_end, time(), ""};
}

}  // namespace latetime
