#include "latetime/dynamics/late_flow.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "latetime/base/log_domain.hpp"
#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/dynamics/features.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// The sum of hops of independent phases is below this many times the root of their squares.
constexpr double many_hops = 2.0;

// Weights of so many times their hops at most have no stable rank of their own.
constexpr double hops_hide = 2.0;

// Beyond so many, the least eigenvalue of the tangent kernel is not looked for at every record.
constexpr Eigen::Index most_margins_of_spectrum = 200;

// Largest step of the integrator in θ. Longer ones are taken only once λ is where it goes, to this
// part of the largest multiplier (times θ, the size of the margins).
constexpr double longest_curved_step = 8.0;
constexpr double steady_tolerance = 1e-13;
constexpr double time_of_no_corrections = 40.0;

constexpr std::uint64_t most_steps_per_unit = 5'000;

// Log loss jumps by the size of hops where an event ends or begins some, by far less than this.
constexpr double most_of_a_change = 1e-2;

// log t until which a drift is told of; by then it is one of anything.
constexpr double longest_drift = 600.0;

// After so many steps in one unit of log time, samples that have come to rest are looked for.
constexpr std::uint64_t steps_before_rest = 250;

/// Most that log L changes by when no margin moves by more than `most`, which is `first_order` as
/// the slopes are: those change by a factor e^{2 most} at most.
double loss_change(double first_order, double most) {
  return std::min(most, first_order * std::exp(2.0 * most));
}

}  // namespace

std::string explain(FlowStatus status) {
  switch (status) {
    case FlowStatus::reached:
      return "";
    case FlowStatus::interrupted:
      return "stopped on request";
    case FlowStatus::too_many_events:
      return "activations change more often in log t than the late-time flow resolves";
    case FlowStatus::too_stiff:
      return "the margins move too fast in log t for the late-time flow; the samples may not be "
             "separable";
    case FlowStatus::too_long:
      return "following activations in log t takes longer than exact steps";
    case FlowStatus::not_finite:
      return "the late-time flow left the range of floating-point numbers";
  }
  return "";
}

LateFlow::LateFlow(const FlowProblem& problem, const FlowStart& start, const FlowOptions& options)
    : now_(std::make_shared<const FlowProblem>(problem), start, options),
      stepper_(
          problem.margins(), [this](double delta, const Vector& x) { return now_.rates(delta, x); },
          [this](const Vector& error) {
            return now_.pushed_margins(error).cwiseAbs().maxCoeff() / now_.options.step_tolerance;
          }) {
  stepper_.restart();
}

/// Whether λ has arrived where it goes: kernel · λ = 1 on the support, more elsewhere.
bool LateFlow::steady() {
  if (now_.theta < time_of_no_corrections) return false;
  const Vector lambda = this->lambda();
  const Vector speed = now_.pushed_margins(lambda);
  const double top = lambda.maxCoeff();
  for (Eigen::Index i = 0; i < lambda.size(); ++i) {
    if (asleep(i) || now_.at_rest(i)) return false;
    const bool vanishing = lambda[i] <= steady_tolerance * top && speed[i] > 1.0;
    if (!vanishing && std::abs(1.0 - speed[i]) > 1e3 * steady_tolerance) return false;
  }
  if (steady_lambda_.size() == 0 && !problem().rivals.two_classes()) {
    steady_lambda_ = nearby_solution(now_.kernel, lambda, steady_tolerance * top);
    if (steady_lambda_.size() == 0) return false;
  }
  if (steady_lambda_.size() == 0) {
    const NonnegativeQpResult limit =
        solve_nonnegative_qp(now_.kernel, Vector::Ones(now_.margins()));
    if (!limit.solved) return false;
    steady_lambda_ = limit.x;
  }
  return (lambda - steady_lambda_).cwiseAbs().maxCoeff() <= steady_tolerance * now_.theta * top;
}

/// Kernel or rates have changed by more than a step.
void LateFlow::begin_step_anew() {
  steady_lambda_.resize(0);
  stepper_.restart();
}

/// One step of the integrator.
bool LateFlow::attempt_step() {
  if (!steady()) return stepper_.attempt(longest_curved_step);
  stepper_.attempt_straight(now_.theta, steady_lambda_);
  return true;
}

/// Events, and samples that come to rest, change how the flow goes on, not where it is: a loss that
/// jumps says that the change does not belong there.
template <class Change>
void LateFlow::change_where_it_is(const Change& change) {
  const double before = log_loss();
  change();
  begin_step_anew();
  if (!(std::abs(log_loss() - before) <= most_of_a_change)) ++now_.undecided;
}

/// Goes to the event inside the step just taken, and through it.
void LateFlow::carry_out(const FlowSearch& search) {
  const FoundEvent& event = *search.first;
  if (event.delta > 0.0) {
    stepper_.shorten(event.delta);
    now_ = after(std::move(now_), stepper_.dense(), search.wander);
    stepper_.accept();
  }
  std::vector<FlowEvent> events;
  change_where_it_is([&] { now_ = transition(std::move(now_), event, events); });
  event_count_ += events.size();
  for (const FlowEvent& one : events) {
    if (on_event) on_event(one);
  }
}

/// Goes to the end of the step just taken, in which nothing happens.
void LateFlow::go_on(const FlowSearch& search) {
  now_ = after(std::move(now_), stepper_.dense(), search.wander);
  stepper_.accept();
  now_.lambda_variation = search.lambda_variation;
  now_.last_lambda = now_.rates_now();
  if (now_.offset_due()) {
    now_.refresh_offset();
    stepper_.restart();
  }
  now_.renew_bounds(search.looked_at, rows_);
}

/// What is looked at between steps: whether this unit of log time takes too many, and whether
/// samples have come to rest.
FlowStatus LateFlow::begin_step() {
  if (step_counted_ && unit_steps_ % steps_before_rest == 0 && !now_.plateau) {
    change_where_it_is([&] { now_.rebase(); });
    if (unit_steps_ >= 16 * steps_before_rest && now_.stiff()) return FlowStatus::too_stiff;
  }
  step_counted_ = false;
  if (now_.theta > unit_start_ + 1.0) {
    unit_start_ = now_.theta;
    unit_steps_ = unit_events_ = 0;
    if (!now_.plateau && now_.stiff()) {  // at rest to the last bit, such margins need few steps
      change_where_it_is([&] { now_.rebase(); });
    }
  }
  const auto pairs = static_cast<std::uint64_t>(problem().neurons() * problem().samples());
  if (unit_events_ > 10 * pairs + 1000) return FlowStatus::too_many_events;
  if (unit_steps_ >= most_steps_per_unit + 8 * unit_events_) return FlowStatus::too_stiff;
  if (step_count_ >= now_.options.most_steps) return FlowStatus::too_long;
  if (!attempt_step()) return FlowStatus::too_stiff;
  ++step_count_;
  if (!stepper_.dense().end().allFinite()) return FlowStatus::not_finite;
  ahead_ = first_event(now_, stepper_.dense(), rows_);
  return FlowStatus::reached;
}

/// Goes to the end of the step ahead, or to the event in it and through that.
void LateFlow::finish_step() {
  const FlowSearch search = std::move(*ahead_);
  ahead_.reset();
  shown_.reset();
  now_.undecided += search.undecided.size();
  ++unit_steps_;
  step_counted_ = true;
  if (search.first) {
    ++unit_events_;
    carry_out(search);
  } else {
    go_on(search);
  }
  now_.looks += search.looks;
  if (now_.foresight_due()) now_.foresee();
}

/// Shows a moment inside the step ahead, before its event. The step stays as it is.
void LateFlow::show(double log_time) {
  const double delta = log_time - now_.theta;
  shown_ = after(FlowState(now_), stepper_.part(delta), delta, ahead_->wander);
  shown_->theta = log_time;
  shown_->undecided += ahead_->undecided.size();
  shown_->last_lambda = shown_->rates_now();
  if (shown_->offset_due()) shown_->refresh_offset();
}

FlowStatus LateFlow::advance_to(double log_time, const std::function<bool(double)>& keep_going) {
  if (keep_going && !keep_going(this->log_time())) return FlowStatus::interrupted;
  while (now_.theta < log_time) {
    if (keep_going && step_count_ % 64 == 63 && !keep_going(this->log_time())) {
      return FlowStatus::interrupted;
    }
    if (!ahead_) {
      const FlowStatus status = begin_step();
      if (status != FlowStatus::reached) return status;
    }
    const double length = ahead_->first ? ahead_->first->delta : stepper_.dense().size();
    if (now_.theta + length > log_time) {
      show(log_time);
      return FlowStatus::reached;
    }
    finish_step();
  }
  return FlowStatus::reached;
}

Vector LateFlow::margins() const {
  return here().gaps_at(0.0, Vector::Zero(here().margins())).array() + here().theta;
}

Vector LateFlow::lambda() const {
  return here().lambda_at(0.0, Vector::Zero(here().margins()));
}

double LateFlow::log_loss() const {
  return problem().rivals.log_mean_loss(margins(), problem().loss);
}

double LateFlow::log_loss_speed() const {
  return -problem()
              .rivals.log_loss_slopes(margins(), problem().loss)
              .dot(here().pushed_margins(here().rates_now()));
}

FlowStart LateFlow::state() const {
  FlowStart result{here().theta, here().coefficients, here().z};
  Matrix gains(problem().neurons(), problem().samples());
  for (Eigen::Index k = 0; k < gains.rows(); ++k) {
    gains.row(k) = here().moved(here().neuron(k)).transpose();
  }
  if (const auto lag = here().lag_now()) {
    for (Eigen::Index k = 0; k < gains.rows(); ++k) {
      gains.row(k) += here().gain_of(here().neuron(k), *lag).transpose();
    }
  }
  result.coefficients += gains;
  add_product(gains, problem().gram, result.preactivations);
  for (Eigen::Index k = 0; k < gains.rows(); ++k) {
    const FlowNeuron& neuron = here().neuron(k);
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) result.preactivations(k, i) = 0.0;
    if (neuron.mean.preactivation.size() == 0) continue;
    const Vector move = std::exp(-here().theta) * (neuron.mode.inverse * neuron.mean.preactivation);
    for (std::size_t s = 0; s < neuron.mode.sliding.size(); ++s) {
      const double shift = move[static_cast<Eigen::Index>(s)];
      result.coefficients(k, neuron.mode.sliding[s]) += shift;
      result.preactivations.row(k) += shift * problem().gram.row(neuron.mode.sliding[s]);
    }
  }
  return result;
}

Matrix LateFlow::without_switching(Matrix preactivations) const {
  for (Eigen::Index k = 0; k < preactivations.rows(); ++k) {
    const NeuronMode& mode = this->mode(k);
    if (!mode.slides()) continue;
    const Vector move = to_zero(mode, preactivations.row(k));
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      preactivations.row(k) +=
          move[static_cast<Eigen::Index>(s)] * problem().gram.row(mode.sliding[s]);
    }
    for (const Eigen::Index i : mode.pairs_at_zero()) preactivations(k, i) = 0.0;
  }
  return preactivations;
}

Matrix LateFlow::slopes() const {
  const Vector all = here().driven(this->lambda());
  Matrix result(problem().neurons(), problem().samples());
  for (Eigen::Index k = 0; k < result.rows(); ++k) {
    const NeuronMode& mode = this->mode(k);
    const Vector lambda = here().felt(problem().group_of(k), all);
    for (Eigen::Index i = 0; i < result.cols(); ++i) {
      result(k, i) = problem().slope(mode.is_active(i));
    }
    const Vector above = times_above(problem(), problem().group_of(k), mode, lambda);
    for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
      for (const Eigen::Index l : problem().members[static_cast<std::size_t>(mode.sliding[r])]) {
        const double time = above[static_cast<Eigen::Index>(r)];
        const double active =
            problem().ratio[static_cast<std::size_t>(l)] > 0.0 ? time : 1.0 - time;
        result(k, l) = problem().shape.slope + (1.0 - problem().shape.slope) * active;
      }
    }
  }
  return result;
}

bool LateFlow::at_zero(Eigen::Index neuron, Eigen::Index sample) const {
  return mode(neuron).at_zero(sample);
}

double LateFlow::event_loss_error(bool dies_away) const {
  const EventErrors& errors = here().event_errors;
  const double fresh = (1.0 - lasting_error) * std::exp(errors.fresh_time - here().theta);
  const Vector left =
      dies_away ? Vector(lasting_error * errors.margins + fresh * errors.fresh) : errors.margins;
  return loss_change(left.dot(problem().rivals.log_loss_slopes(margins(), problem().loss)),
                     left.maxCoeff()) +
         here().series_error;
}

double LateFlow::event_rank_error(const std::vector<RankSense>& senses) const {
  const EventErrors& errors = here().event_errors;
  if (!(errors.weights > 0.0)) return 0.0;
  // Descent makes up for what margins are off by, and that moves W by as much as the part of the
  // error that lies among the gradients of margins: ‖ΔW‖² = q m Δuᵀ κ⁻¹ Δu.
  double made_up = 0.0;
  if (!errors.unanswered.isZero(0.0)) {
    made_up = errors.weights;
    const double least = problem().margins() <= most_margins_of_spectrum
                             ? symmetric_eigenvalues(here().kernel)[0]
                             : 0.0;
    const double scale = problem().rate * static_cast<double>(problem().shape.width);
    if (least > 0.0) {
      made_up = std::min(made_up, std::sqrt(scale / least) * errors.unanswered.norm());
    }
  }
  Vector squares = Vector::Zero(problem().neurons());
  const Matrix reach = problem().gram.cwiseAbs();
  for (Eigen::Index k = 0; k < squares.size(); ++k) {
    const auto moved = errors.coefficients.row(k);
    if (!moved.isZero(0.0)) squares[k] = moved.dot(moved * reach);
  }
  double worst = 0.0;
  for (const RankSense& sense : senses) {
    const Eigen::Index first = sense.first, count = sense.slopes.rows();
    const double along =
        sense.slopes.cwiseProduct(errors.coefficients.middleRows(first, count)).sum();
    const double change = sense.change(along, std::sqrt(squares.segment(first, count).sum()));
    worst = std::max(
        worst, std::min(sense.factor * errors.weights, change + 2.0 * sense.factor * made_up));
  }
  return worst;
}

namespace {

/// What hopping moves a neuron by at most.
struct Hops {
  Vector coefficients;  ///< times t, those of its sliding samples
  double weights;       ///< t² ‖Δw‖²
};

/// Nothing where it does not hop.
std::optional<Hops> hops_of(const FlowNeuron& neuron) {
  const Vector& spread = neuron.mean.spread;
  if (!neuron.mode.slides() || spread.size() == 0) return std::nullopt;
  const Vector move = neuron.mode.inverse.cwiseAbs() * spread;
  return Hops{move, std::max(0.0, spread.dot(move))};
}

/// Neurons of one mode, which hop at the same rates and may do so in step.
struct HoppingAlike {
  const FlowNeuron* first = nullptr;
  Vector margins;                ///< what hopping moves them by
  std::vector<double> of_ranks;  ///< the same to first order, for each RankSense
  double weights = 0.0;          ///< ‖ΔW‖_F at most

  bool holds(const FlowNeuron& other) const {
    return first->group == other.group && first->mode.is_like(other.mode);
  }
};

/// Adds neuron k, whose pairs at zero hop.
void add_hops(const FlowProblem& problem, const FlowNeuron& neuron, Eigen::Index k,
              const Hops& hops, const std::vector<RankSense>& senses, HoppingAlike& alike) {
  const Vector& move = hops.coefficients;
  const std::vector<Eigen::Index>& sliding = neuron.mode.sliding;
  const auto width = static_cast<double>(problem.shape.width);
  Vector at_samples(problem.samples());
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    const auto own =
        std::find(sliding.begin(), sliding.end(), problem.fold[static_cast<std::size_t>(i)]);
    if (own != sliding.end()) {
      const double ratio = problem.ratio[static_cast<std::size_t>(i)];
      const Vector& spread =
          ratio > 0.0 ? neuron.mean.activation_spread : neuron.mean.mirrored_spread;
      at_samples[i] = std::abs(ratio) * spread[own - sliding.begin()] / width;
      continue;
    }
    double shift = 0.0;
    for (std::size_t s = 0; s < sliding.size(); ++s) {
      shift += std::abs(problem.gram(i, sliding[s])) * move[static_cast<Eigen::Index>(s)];
    }
    const bool rides =
        std::find(neuron.mean.riders.begin(), neuron.mean.riders.end(),
                  problem.fold[static_cast<std::size_t>(i)]) != neuron.mean.riders.end();
    at_samples[i] = problem.slope(rides || neuron.mode.is_active(i)) * shift / width;
  }
  problem.rivals.add(neuron.group, at_samples, alike.margins);
  for (std::size_t r = 0; r < senses.size(); ++r) {
    const Eigen::Index row = k - senses[r].first;
    if (row < 0 || row >= senses[r].slopes.rows()) continue;
    for (std::size_t s = 0; s < sliding.size(); ++s) {
      alike.of_ranks[r] += senses[r].slopes(row, sliding[s]) * move[static_cast<Eigen::Index>(s)];
    }
  }
  alike.weights += std::sqrt(hops.weights);
}

}  // namespace

double LateFlow::switching_error(const std::vector<RankSense>& senses) const {
  if (!here().options.of_descent) return 0.0;
  std::vector<HoppingAlike> groups;
  for (std::size_t k = 0; k < here().neurons.size(); ++k) {
    const FlowNeuron& neuron = here().neurons[k];
    const auto hops = hops_of(neuron);
    if (!hops) continue;
    auto alike = std::find_if(groups.begin(), groups.end(),
                              [&](const HoppingAlike& group) { return group.holds(neuron); });
    if (alike == groups.end()) {
      groups.push_back({&neuron, Vector::Zero(problem().margins()),
                        std::vector<double>(senses.size(), 0.0), 0.0});
      alike = groups.end() - 1;
    }
    add_hops(problem(), neuron, static_cast<Eigen::Index>(k), *hops, senses, *alike);
  }
  const Vector of_loss = problem().rivals.log_loss_slopes(margins(), problem().loss);
  double loss_squares = 0.0, margin_squares = 0.0, weight_squares = 0.0;
  std::vector<double> rank_squares(senses.size(), 0.0);
  for (const HoppingAlike& group : groups) {
    loss_squares += std::pow(group.margins.dot(of_loss), 2);
    margin_squares += std::pow(group.margins.maxCoeff(), 2);
    weight_squares += std::pow(group.weights, 2);
    for (std::size_t r = 0; r < senses.size(); ++r) {
      rank_squares[r] += std::pow(group.of_ranks[r], 2);
    }
  }
  // Those of different modes add up as independent ones do.
  const auto sum = [this](double squares) {
    return many_hops * std::exp(-here().theta) * std::sqrt(squares);
  };
  double worst = loss_change(sum(loss_squares), sum(margin_squares));
  for (std::size_t r = 0; r < senses.size(); ++r) {
    worst = std::max(worst, senses[r].change(sum(rank_squares[r]), sum(weight_squares)));
  }
  return worst;
}

std::vector<bool> LateFlow::only_hops(const Matrix& preactivations,
                                      const WeightsBeyond& beyond) const {
  const Eigen::Index groups = problem().shape.groups;
  Vector hops = Vector::Zero(groups);  // squares, as all these
  Vector longest = Vector::Zero(preactivations.rows());
  for (Eigen::Index k = 0; k < longest.size(); ++k) {
    for (Eigen::Index i = 0; i < preactivations.cols(); ++i) {
      const double square = problem().gram(i, i);
      const double z = preactivations(k, i);
      if (square > 0.0) longest[k] = std::max(longest[k], z * z / square);
    }
    const FlowNeuron& neuron = here().neuron(k);
    const auto own = hops_of(neuron);
    if (own) hops[neuron.group] += std::exp(-2.0 * here().theta) * own->weights;
  }
  const auto hidden = [&] {
    Vector left = Vector::Zero(groups);
    for (Eigen::Index k = 0; k < longest.size(); ++k) left[here().neuron(k).group] += longest[k];
    std::vector<bool> only;
    for (Eigen::Index group = 0; group < groups; ++group) {
      only.push_back(hops[group] > 0.0 && left[group] <= hops_hide * hops_hide * hops[group]);
    }
    return only;
  };
  const std::vector<bool> within = hidden();
  if (std::find(within.begin(), within.end(), true) == within.end())
    return within;  // what lies beyond only adds to the weights
  const Vector& norms = beyond.norms();
  for (Eigen::Index k = 0; k < longest.size(); ++k) {
    longest[k] = std::max(longest[k], norms[k] * norms[k]);
  }
  return hidden();
}

std::vector<NeuronMode> LateFlow::modes() const {
  std::vector<NeuronMode> result;
  for (const FlowNeuron& neuron : here().neurons) result.push_back(neuron.mode);
  return result;
}

Unrest LateFlow::drift_of_rest() const {
  if (!here().plateau) return {};
  // λ = t g of samples at rest is what it has been adding up to.
  const double time = std::exp(std::min(here().theta, longest_drift));
  const Vector moved = problem().rate * time * pushes(problem(), modes(), here().plateau->rest);
  const double longest = std::sqrt(problem().gram.diagonal().maxCoeff());
  return {moved.sum() * longest / static_cast<double>(problem().shape.width), moved.norm()};
}

std::vector<std::vector<Eigen::Index>> LateFlow::sliding() const {
  std::vector<std::vector<Eigen::Index>> result;
  for (const FlowNeuron& neuron : here().neurons) result.push_back(neuron.mode.sliding);
  return result;
}

Eigen::Index LateFlow::sliding_pairs() const {
  Eigen::Index count = 0;
  for (const FlowNeuron& neuron : here().neurons) {
    count += static_cast<Eigen::Index>(neuron.mode.sliding.size() + neuron.mode.riding.size());
  }
  return count;
}

}  // namespace latetime
