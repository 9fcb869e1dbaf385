#include "latetime/report/summary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "latetime/base/outcome.hpp"

namespace latetime {
namespace {

constexpr const char* part_names[] = {"W\u208a", "W\u208b", "W"};
constexpr const char* part_columns[] = {"pos", "neg", "all"};

/// "1 + 1.06e-05" where a stable rank is near 1, else six digits.
std::string rank_text(double value, double excess) {
  if (excess < 1e-12) return "1";
  return excess < 1e-3 ? fmt::format("1 + {:.3g}", excess) : fmt::format("{:.6g}", value);
}

/// "a, b and c".
std::string enumerated(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  }
  return text;
}

/// "1.2 of W₊, 1 of W₋ and 1.3 of W"; a part without a stable rank is left out.
std::string ranks_text(std::span<const double> values, std::span<const double> excesses) {
  std::vector<std::string> items;
  for (std::size_t part = 0; part < 3; ++part) {
    if (std::isnan(values[part])) continue;
    items.push_back(rank_text(values[part], excesses[part]) + " of " + part_names[part]);
  }
  return enumerated(items);
}

/// What is to be said of classes whose weights do not grow like log t.
std::string behind_text(std::span<const double> limits) {
  std::string text;
  for (std::size_t part = 0; part < 2; ++part) {
    if (std::isnan(limits[part])) {
      text += fmt::format(" (the weights {} of one class stay behind)", part_names[part]);
    }
  }
  return text;
}

double last_of(const RunResults& run, const std::string& column) {
  const auto& values = run.column(column);
  return values.empty() ? std::nan("") : values.back();
}

std::array<double, 3> last_ranks(const RunResults& run, const std::string& quantity) {
  std::array<double, 3> values{};
  for (std::size_t part = 0; part < 3; ++part) {
    values[part] = last_of(run, quantity + "_" + part_columns[part]);
  }
  return values;
}

std::string activation_text(const Activation& activation) {
  const double slope = activation.slope;
  if (activation.smoothing > 0.0) {
    return fmt::format("leaky ReLU of slope {:.6g}, smoothed where |z| < {:.6g}", slope,
                       activation.smoothing);
  }
  if (slope == 0.0) return "ReLU";
  if (slope == 1.0) return "linear activation";
  return fmt::format("leaky ReLU of slope {:.6g}", slope);
}

std::string method_text(const RunResults& run) {
  if (run.method == Method::flow) return "Gradient flow";
  if (run.method != Method::stochastic) return "Full-batch gradient descent";
  return run.batch_size < run.n
             ? fmt::format("Mini-batch gradient descent (batches of {})", run.batch_size)
             : "Gradient descent in batches of all samples";
}

Paragraph what_was_run(const RunResults& run) {
  std::vector<std::string_view> engines;
  for (const EngineKind engine : run.engines) {
    if (std::ranges::find(engines, text_of(engine)) == engines.end()) {
      engines.push_back(text_of(engine));
    }
  }
  std::string text = fmt::format(
      "{}{} with learning rate {:.6g} trained {} neurons of each class ({}) on {} samples in {} "
      "dimensions ({}) up to t = {} steps, recorded at {} times; engines: {}. It took {:.3g} s.",
      method_text(run),
      run.loss == LossName::logistic ? "" : fmt::format(" on the {} loss", text_of(run.loss)),
      run.learning_rate, run.width, activation_text(run.activation), run.n, run.d,
      run.provenance.data_origin, reached_text(run), run.records(), fmt::join(engines, ", "),
      run.provenance.wall_seconds);
  if (run.end.reason != StopReason::reached_end) {
    text += fmt::format(" It stopped before its end ({}){}{}.", text_of(run.end.reason),
                        run.end.message.empty() ? "" : ": ", run.end.message);
  }
  return {"What was run", text};
}

std::string pairs_text(const PairMaps& maps) {
  const auto total = std::accumulate(maps.total.begin(), maps.total.end(), std::size_t{0});
  std::string text = fmt::format(
      "Of {} (neuron, sample) pairs {} stay active, {} stay inactive and "
      "{} switch for ever",
      total, maps.total[1], maps.total[0], maps.total[2]);
  return text + (maps.total[3] ? fmt::format("; {} are undecided.", maps.total[3])
                               : "; none is undecided.");
}

/// How far the limit is from the least norm; empty where that is not stored.
std::string optimum_text(const StoredLimit& limit) {
  if (limit.optimum.empty()) return "";
  const LeastNormBounds bounds = limit.norm_bounds();
  std::string text;
  if (!bounds.known()) {
    text = fmt::format(" How far V is from the least norm is undecided: {}.", limit.global_reason);
  } else if (limit.global_optimum == Optimality::optimal) {
    text = " Of all weights with margins of at least 1, V is proved to have the least norm.";
  } else {
    const double excess = bounds.excess();
    text = fmt::format(
        " \u00bd\u2016V\u2016\u00b2 is proved to be within {:.3g} % of the least of all weights "
        "with margins of at least 1{}.",
        100.0 * bounds.gap(),
        excess > 0.0 ? fmt::format(", and at least {:.3g} % above it", 100.0 * excess) : "");
  }
  const std::string_view certainty = text_of(limit.local_certainty);
  if (limit.local_optimum == Optimality::undecided) {
    return text +
           fmt::format(" Whether it is a local minimum is undecided: {}.", limit.local_reason);
  }
  return text + fmt::format(" It is {} local minimum ({}): {}.",
                            limit.local_optimum == Optimality::optimal ? "a" : "no", certainty,
                            limit.local_reason);
}

Paragraph what_it_converges_to(const RunResults& run, const PairMaps& maps) {
  const std::string title = "What it converges to";
  if (!run.limit) {
    const bool batches = run.method == Method::stochastic;
    return {title,
            fmt::format(
                "At the end the stable ranks are {}. The limit t = \u221e is not stored, {}; "
                "`latetime limit {}` computes one from the last state{}.",
                ranks_text(last_ranks(run, "stable_rank"), last_ranks(run, "stable_rank_excess")),
                batches ? "for descent in batches has no late-time flow"
                        : "for exact steps did not hand over to the late-time flow",
                run.folder, batches ? ", as full-batch descent goes on from it" : "")};
  }
  const StoredLimit& limit = *run.limit;
  if (!limit.found()) {
    return {title,
            fmt::format("No limit was found ({}): {}.", text_of(limit.status), limit.message)};
  }
  const auto support = std::count_if(limit.support.begin(), limit.support.end(),
                                     [](double flag) { return flag != 0.0; });
  return {title,
          fmt::format("The weights grow like V log t. The stable ranks go to {}{}, the normalised "
                      "margin to {:.6g}; {} of {} samples support it. {}{}",
                      ranks_text(limit.stable_rank, limit.stable_rank_excess),
                      behind_text(limit.stable_rank), limit.normalized_margin, support, run.n,
                      pairs_text(maps), optimum_text(limit))};
}

/// Exponent p of a difference that falls like (log t)^p between the middle of log t and the end;
/// NaN where there is none.
double falling_exponent(const RunResults& run, const std::string& column, double limit) {
  const auto& times = run.column("log10_t");
  const auto& values = run.column(column);
  const double half = times.back() / 2;
  std::size_t r = 0;
  while (r + 1 < times.size() && !(times[r] >= half)) ++r;
  const double ratio = (values.back() - limit) / (values[r] - limit);
  return std::log(ratio) / std::log(times.back() / times[r]);
}

/// How far each stable rank is from its limit at the end, and how that falls.
std::string rates_text(const RunResults& run) {
  std::vector<std::string> items;
  const double estimate = last_of(run, "error_estimate");
  for (std::size_t part = 0; part < 3; ++part) {
    const std::string column = std::string("stable_rank_excess_") + part_columns[part];
    const double limit = run.limit->stable_rank_excess[part];
    const double difference = last_of(run, column) - limit;
    if (std::isnan(difference)) continue;
    const double exponent = falling_exponent(run, column, limit);
    std::string text = fmt::format("{:.3g} of {}", difference, part_names[part]);
    if (!(std::abs(difference) > estimate)) {
      text += " (less than the error estimate)";
    } else if (std::isfinite(exponent)) {
      text += fmt::format(" (falling like (log t)^{:.2f})", exponent);
    }
    items.push_back(std::move(text));
  }
  return enumerated(items);
}

/// Where a run without a limit stands at its end.
std::string end_text(const RunResults& run) {
  std::string text = fmt::format("At the end log L = {:.6g} and the smallest margin is {:.5g}",
                                 last_of(run, "log_loss"), last_of(run, "min_margin"));
  const double residual = last_of(run, "kkt_residual");
  text += std::isnan(residual) ? "." : fmt::format("; the KKT residual is {:.3g}.", residual);
  if (!run.counts_switches()) {
    return text + " Changes of activations are not counted where steps take batches.";
  }
  const double own = last_of(run, "own_switches"), other = last_of(run, "other_switches");
  if (std::isnan(own) || std::isnan(other)) return text;
  return text + fmt::format(
                    " Activations have changed {} times on own-class and {} times on "
                    "other-class pairs.",
                    own, other);
}

Paragraph how_fast(const RunResults& run) {
  const std::string title = "How fast";
  const double log_t = run.end.time.log10_t * std::numbers::ln10;
  const double log_loss = last_of(run, "log_loss");
  if (!run.limit || !run.limit->found()) {
    return {title, end_text(run)};
  }
  const auto& multipliers = run.limit->multipliers;
  const double constant =
      std::accumulate(multipliers.begin(), multipliers.end(), 0.0) / static_cast<double>(run.n);
  return {
      title,
      fmt::format("At the end the stable ranks lie off their limits by {}; exponents are those "
                  "of the last half of log t. The normalised margin lacks {:.3g}. The loss "
                  "falls like 1/t: t L goes to {:.5g} and is {:.5g} at the end.",
                  rates_text(run), run.limit->normalized_margin - last_of(run, "normalized_margin"),
                  constant, std::exp(log_loss + log_t))};
}

Paragraph how_sure(const RunResults& run) {
  const double estimate = last_of(run, "error_estimate");
  std::string text;
  if (std::isinf(estimate) && !(last_of(run, "undecided_events") > 0)) {
    text =
        "The steps amplify rounding errors (the learning rate lies beyond stability): no digit of "
        "the end is sure.";
  } else if (std::isinf(estimate)) {
    text = fmt::format(
        "{} events were too close to call, so nothing bounds the error of what came "
        "after the first of them.",
        last_of(run, "undecided_events"));
  } else if (estimate > 0) {
    text = fmt::format(
        "Log loss and stable ranks are known to an estimated {:.2g} (absolute); no "
        "event was too close to call.",
        estimate);
  } else {
    text = "Every step was taken, in double precision.";
  }
  if (!run.limit || !run.limit->found()) return {"How sure", text};
  const StoredLimit& limit = *run.limit;
  text += fmt::format(
      " The limit satisfies the KKT conditions to {:.2g} (relative), and the nearest "
      "decided pair is {:.2g} away from undecided.",
      limit.kkt_residual, limit.strictness);
  text += limit.settled ? fmt::format(
                              " The run's own multipliers have come to those of the limit by t = "
                              "10^{:.4g}.",
                              limit.log10_followed)
                        : fmt::format(
                              " The run was followed to t = 10^{:.4g} without coming near these "
                              "multipliers.",
                              limit.log10_followed);
  return {"How sure", text};
}

/// "0.12 (99 %: 0.117 to 0.123)" of a Monte Carlo estimate, "0.12" of a quadrature.
std::string population_text(double value, double low, double high, double draws) {
  if (!(draws > 0.0)) return fmt::format("{:.4g}", value);
  return fmt::format("{:.4g} (99 %: {:.4g} to {:.4g})", value, low, high);
}

/// "a test error of …, a population error of …", what of it there is.
std::string errors_text(double test, double population, double low, double high, double draws) {
  std::vector<std::string> items;
  if (!std::isnan(population)) {
    items.push_back("the population error " + population_text(population, low, high, draws));
  }
  if (!std::isnan(test)) items.push_back(fmt::format("the test error {:.4g}", test));
  return enumerated(items);
}

/// Of runs that measure errors.
std::vector<Paragraph> how_well(const RunResults& run) {
  if (!run.columns.contains("train_error")) return {};
  std::string text = fmt::format(
      "At the end {:.4g} of the training samples are wrong by the labels that were trained on, "
      "{:.4g} by the clean ones",
      last_of(run, "train_error"), last_of(run, "train_error_clean"));
  const std::string now =
      errors_text(last_of(run, "test_error"), last_of(run, "population_error"),
                  last_of(run, "population_error_low"), last_of(run, "population_error_high"),
                  last_of(run, "population_draws"));
  text += now.empty() ? "." : fmt::format("; {}.", now);
  if (!run.limit || run.limit->errors.empty()) return {{"How well it generalises", text}};
  const auto of_limit = [&](const char* name) { return run.limit->error(name); };
  const std::string limit = errors_text(
      of_limit("test_error"), of_limit("population_error"), of_limit("population_error_low"),
      of_limit("population_error_high"), of_limit("population_draws"));
  if (!limit.empty()) text += fmt::format(" At t = \u221e: {}.", limit);
  const double known = of_limit("population_zero");
  const double zero = std::isnan(known) ? of_limit("test_zero") : known;
  if (zero > 0.0) {
    text += fmt::format(
        " In the limit direction f is 0 on {:.4g} of all samples, which count as wrong.", zero);
  }
  return {{"How well it generalises", text}};
}

}  // namespace

std::string reached_text(const RunResults& run) {
  if (!std::isnan(run.end.time.step)) return fmt::format("{:.0f}", run.end.time.step);
  return fmt::format("10^{:.6g}", run.end.time.log10_t);
}

std::vector<Paragraph> summarize_run(const RunResults& run, const PairMaps& maps) {
  std::vector<Paragraph> parts{what_was_run(run), what_it_converges_to(run, maps), how_fast(run)};
  for (Paragraph& part : how_well(run)) parts.push_back(std::move(part));
  parts.push_back(how_sure(run));
  return parts;
}

}  // namespace latetime
