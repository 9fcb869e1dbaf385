#include "latetime/dynamics/exact_run.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <variant>
#include <vector>

#include "latetime/data/gram.hpp"
#include "latetime/dynamics/flow_problem.hpp"

namespace latetime {
namespace {

// Steps that do not amplify rounding are still shadowed where a step is so short that this costs
// little: a pre-activation that comes to zero exactly goes where rounding takes it.
constexpr Eigen::Index most_pairs_to_shadow = 400;
// They take the same steps at a learning rate that is larger by this part, or smaller: where a
// pre-activation comes within rounding of zero one of them goes to the other side of it.
constexpr double shadow_rates[] = {0x1.8p-45, -0x1.8p-44};
// At these scales products are rounded otherwise, and small whole numbers stay whole.
constexpr double shadow_scales[] = {3.0, 5.0};
// Where such a shadow stays this near, the digits of a row are right.
constexpr double exact_to = 1e-10;
// Directions of samples that differ by so little, but more than by rounding, make a Gram matrix
// blind.
constexpr double blind_below = 1e-6;
constexpr const char* signs_array = "signs_until";
constexpr const char* amplifies_array = "steps_amplify";

/// Multipliers without bound, those of the exponential loss, are looked at after each of the first
/// steps, in which margins may fall, and 32 to 64 times while steps double.
std::uint64_t steps_to_look_at_multipliers(std::uint64_t step) {
  constexpr std::uint64_t looks = 32;
  const std::uint64_t period = std::max<std::uint64_t>(1, std::bit_floor(step) / looks);
  return period - step % period;
}

// Signs that rounding decides are looked for at the first steps, where weights are short sums that
// may cancel by the way the samples lie, and for as many steps after each one that was found.
constexpr std::uint64_t steps_to_look_for_signs = 16;
// They are decided with more digits while that takes so many products in all, some seconds.
constexpr double most_fine_products = 5e7;

ExactEngine make_engine(const Problem& problem, const DescentOptions& options,
                        const EnginePlan& plan) {
  if (!plan.dense) {
    return ExactEngine(std::in_place_type<ExactDescent>, problem, options.threads, plan.frozen,
                       plan.switching);
  }
  return ExactEngine(std::in_place_type<DenseEngine>, problem, batch_size(options), options.seed,
                     options.threads);
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

}  // namespace

ExactRun::ExactRun(const Problem& problem, const DescentOptions& options, const EnginePlan& plan)
    : problem_(problem),
      options_(options),
      plan_(plan),
      sample_norms_(problem.data.x.rowwise().norm()),
      initial_norms_(problem.initial.weights.rowwise().norm()),
      contracting_multiplier_(problem.loss == logistic
                                  ? std::numeric_limits<double>::infinity()
                                  : contracting_multiplier(problem, batch_size(options))),
      contracts_(steps_contract(problem, batch_size(options))),
      engine_(make_engine(problem, options, plan)),
      signs_until_(problem.shape().smoothing > 0.0 ? 0 : steps_to_look_for_signs) {
  if (options.method == Method::flow) return;
  if (!contracts_ || shadows_cost_nothing(options, problem.samples(), problem.shape())) {
    shadow_.emplace(make_shadows());
  }
}

RoundingShadow ExactRun::make_shadows() const {
  const bool starts_at_zero =
      contracts_ && cancels_at_start(problem_.initial.weights, problem_.data.x);
  const bool blind = !plan_.dense && gram_is_blind(problem_.data.x);
  const auto make = [&](std::size_t shadow) {
    Problem start = problem_;
    double scale = 1.0;
    if (contracts_) {  // all that cancels by symmetry still does
      scale = starts_at_zero ? 1.0 : shadow_scales[shadow];
      start.data.x = Samples(Matrix(scale * problem_.data.x));
      start.initial.weights /= scale;
      start.learning_rate *= (1.0 + shadow_rates[shadow]) / (scale * scale);
    } else {
      start = nearby_start(problem_, shadow);
    }
    std::vector<Eigen::Index> order(static_cast<std::size_t>(problem_.samples()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    if (options_.method == Method::gradient_descent) {  // mini-batches are drawn by number
      order = shadow_order(problem_.samples(), shadow);
      start.data = reordered(start.data, order);
    }
    EnginePlan plan = plan_;
    plan.dense = plan_.dense || (blind && shadow == 0);  // sees the samples themselves
    return Shadow{std::unique_ptr<ExactEngine>(new ExactEngine(make_engine(start, options_, plan))),
                  order, scale};
  };
  return {problem_.data.classes, problem_.shape(), make, discrepancy_of(options_, problem_)};
}

EngineKind ExactRun::engine() const {
  const auto* exact = std::get_if<ExactDescent>(&engine_);
  return exact ? exact->engine() : EngineKind::dense;
}

std::uint64_t ExactRun::step() const {
  return std::visit([](const auto& engine) { return engine.step(); }, engine_);
}

TrainingState ExactRun::state(bool with_weights) const {
  TrainingState state =
      std::visit([&](const auto& engine) { return engine.state(with_weights); }, engine_);
  if (shadow_) state.error_estimate = shadow_->error_estimate(state);
  if (contracts_ && state.error_estimate < exact_to) state.error_estimate = 0.0;
  state.error_estimate += rounding_of_ranks(state, problem_.shape(), sample_norms_, initial_norms_);
  return state;
}

EngineMemory ExactRun::memory() const {
  EngineMemory memory = std::visit([](const auto& engine) { return engine.memory(); }, engine_);
  if (shadow_) shadow_->add_to(memory);
  if (signs_until_ > steps_to_look_for_signs) {
    memory.arrays[signs_array] = Matrix::Constant(1, 1, static_cast<double>(signs_until_));
  }
  if (amplifies_) memory.arrays[amplifies_array] = Matrix::Constant(1, 1, 1.0);
  return memory;
}

EngineMemory ExactRun::memory_pattern(const std::function<bool(const std::string&)>& stored) {
  if (stored(amplifies_array) && !amplifies_) {
    amplifies_ = true;
    contracts_ = false;
    shadow_.emplace(make_shadows());
  }
  if (!shadow_ && stored(RoundingShadow::first_array)) shadow_.emplace(make_shadows());
  EngineMemory pattern = memory();
  if (stored(signs_array)) pattern.arrays[signs_array] = Matrix::Zero(1, 1);
  return pattern;
}

void ExactRun::restore(const EngineMemory& memory) {
  std::visit([&](auto& engine) { engine.restore(memory); }, engine_);
  if (shadow_) shadow_->restore(memory);
  if (memory.arrays.contains(signs_array)) {
    signs_until_ = static_cast<std::uint64_t>(memory.arrays.at(signs_array)(0, 0));
  }
  if (step() > 0 && step() <= signs_until_) look_at_signs();
}

void ExactRun::advance(std::uint64_t steps) {
  while (steps > 0) {
    std::uint64_t part = steps;
    if (shadow_) part = std::min(part, RoundingShadow::period - step() % RoundingShadow::period);
    if (watches_multipliers()) part = std::min(part, steps_to_look_at_multipliers(step()));
    if (step() < signs_until_) part = 1;
    std::visit([&](auto& engine) { engine.advance(part); }, engine_);
    if (!finite()) return;
    if (shadow_) shadow_->advance(part, engine_);
    if (step() <= signs_until_) look_at_signs();
    if (watches_multipliers()) look_at_multipliers();
    steps -= part;
  }
}

/// Where a multiplier is too large for steps that contract, shadows follow the run from its start.
void ExactRun::look_at_multipliers() {
  if (steps_to_look_at_multipliers(step() - 1) > 1) return;
  const TrainingState here = std::visit([](const auto& e) { return e.state(false); }, engine_);
  const Rivals rivals(problem_.data.classes, problem_.shape().groups);
  const Vector u = rivals.margins(group_outputs(here.preactivations, problem_.shape()));
  if (rivals.largest_pull(u, problem_.loss) <= contracting_multiplier_) return;
  // Signs that were decided with more digits are not decided for shadows that come after them.
  const bool lost = (shadow_ && shadow_->lost()) || signs_until_ > steps_to_look_for_signs;
  contracts_ = false;
  amplifies_ = true;
  shadow_.emplace(make_shadows());
  lost ? shadow_->lose() : shadow_->catch_up(step());
}

/// Signs that rounding would decide are decided with more digits.
void ExactRun::look_at_signs() {
  const TrainingState here = std::visit([](const auto& e) { return e.state(false); }, engine_);
  auto signs = undecided_signs(here, neuron_terms(here, sample_norms_, initial_norms_),
                               sample_norms_, problem_.data.dim());
  if (signs.empty()) return;
  if (!fine_) {
    fine_.emplace(problem_, batch_size(options_), options_.seed);
  }
  if (fine_->products_per_step() * static_cast<double>(step()) > most_fine_products) {
    signs_until_ = step();
    if (!shadow_) shadow_.emplace(make_shadows());
    return shadow_->lose();
  }
  while (fine_->step() < step()) fine_->take_step();
  bool changed = false, hidden = false;  // zeros that are found as such may stay so for ever
  for (UndecidedSign& sign : signs) {
    const bool active = fine_->is_active(sign.neuron, sign.sample);
    changed |= std::exchange(sign.active, active) != active;
    hidden |= here.preactivations(sign.neuron, sign.sample) != 0.0;
  }
  if (changed || hidden) signs_until_ = step() + steps_to_look_for_signs;
  if (changed) {
    const Matrix z = with_signs(here.preactivations, signs);
    std::visit([&](auto& engine) { engine.take_preactivations(z); }, engine_);
  }
  if (shadow_) shadow_->take_signs(signs);
}

bool ExactRun::finite() const {
  return std::visit([](const auto& engine) { return engine.finite(); }, engine_);
}

void ExactRun::clear_switched() {
  std::visit([](auto& engine) { engine.clear_switched(); }, engine_);
}

}  // namespace latetime
