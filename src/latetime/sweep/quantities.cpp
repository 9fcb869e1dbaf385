#include "latetime/sweep/quantities.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/experiment/proof_run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/theory/linear_comparison.hpp"

namespace latetime {
namespace {

double number_in(const std::string& field) {
  return field.empty() ? std::nan("") : std::strtod(field.c_str(), nullptr);
}

bool has_column(const CsvTable& metrics, const std::string& name) {
  return std::find(metrics.columns.begin(), metrics.columns.end(), name) != metrics.columns.end();
}

/// Empty where there is no such column.
std::vector<double> column_of(const CsvTable& metrics, const std::string& name) {
  if (!has_column(metrics, name)) return {};
  const std::size_t column = metrics.index_of(name);
  std::vector<double> values;
  for (const auto& row : metrics.rows) values.push_back(number_in(row[column]));
  return values;
}

/// Columns of metrics.csv whose last entry is a quantity of the same name; not all are there in
/// every run.
const std::vector<Quantity>& final_columns() {
  static const std::vector<Quantity> columns{
      {"log10_t", "log10 of the last recorded time, in steps", true},
      {"step", "the last recorded time in steps, below 2^53"},
      {"log_loss", "natural log of the loss at the end", true},
      {"min_margin", "smallest margin at the end", true},
      {"normalized_margin", "smallest margin over the norm of W at the end", true},
      {"stable_rank_pos", "stable rank of W_{+1} at the end", true},
      {"stable_rank_neg", "stable rank of W_{-1} at the end", true},
      {"stable_rank_all", "stable rank of the stacked W at the end", true},
      {"norm_w", "Frobenius norm of W at the end", true},
      {"kkt_residual", "KKT residual at the end", true},
      {"switches", "activation switches of all pairs", false},
      {"sliding_pairs", "sliding pairs at the end", true},
      {"error_estimate", "estimated error of log loss and stable ranks at the end", true},
      {"stable_rank_excess_pos", "stable rank of W_{+1} minus 1 at the end"},
      {"stable_rank_excess_neg", "stable rank of W_{-1} minus 1 at the end"},
      {"stable_rank_excess_all", "stable rank of W minus 1 at the end"},
      {"kkt_stationarity", "stationarity part of the KKT residual at the end"},
      {"kkt_complementarity", "complementarity part of the KKT residual at the end"},
      {"neuron_norm_min", "smallest norm of a neuron at the end"},
      {"neuron_norm_mean", "mean norm of the neurons at the end"},
      {"neuron_norm_max", "largest norm of a neuron at the end"},
      {"own_switches", "activation switches of own-class pairs"},
      {"other_switches", "activation switches of other-class pairs"},
      {"last_own_switch", "step of the last switch of an own-class pair"},
      {"last_other_switch", "step of the last switch of an other-class pair"},
      {"switching_pairs", "pairs that switched within the last decade"},
      {"active_own_min", "smallest |S_i| at the end"},
      {"active_own_max", "largest |S_i| at the end"},
      {"dead_neurons", "neurons that no sample activates at the end", true},
      {"undecided_events", "events that the flow decided by less than its error", true},
      {"train_error", "share of training samples that are wrong by their labels at the end"},
      {"train_error_clean", "the same by the labels before label noise"},
      {"test_error", "share of test samples that are wrong at the end"},
      {"population_error", "probability that a new sample is wrong at the end"},
      {"population_error_low", "lower bound of it"},
      {"population_error_high", "upper bound of it"}};
  return columns;
}

/// A run's limit with what is counted and compared on it.
struct LimitFindings {
  const LimitReport& report;
  PairCounts pairs;
  LinearComparison linear;
  const NetworkShape& shape;
};

struct LimitQuantity {
  Quantity what;
  std::function<double(const LimitFindings&)> value;
};

double count_of(Eigen::Index count) {
  return static_cast<double>(count);
}

/// Share of the neurons with a pair that switches for ever.
double switching_neurons(const LimitFindings& found) {
  const Limit& limit = found.report.limit;
  Eigen::Index neurons = 0;
  for (Eigen::Index k = 0; k < limit.coefficients.rows(); ++k) {
    bool switches = false;
    for (Eigen::Index i = 0; i < limit.margins.size(); ++i) {
      switches = switches || limit.verdict(k, i) == PairVerdict::switches;
    }
    neurons += switches ? 1 : 0;
  }
  return count_of(neurons) / count_of(limit.coefficients.rows());
}

double only_if(bool known, double value) {
  return known ? value : std::nan("");
}

std::vector<LimitQuantity> rank_quantities() {
  std::vector<LimitQuantity> list;
  const std::pair<const char*, const char*> parts[] = {
      {"pos", "V_{+1}"}, {"neg", "V_{-1}"}, {"all", "the stacked V"}};
  for (std::size_t part = 0; part < 3; ++part) {
    const auto& [name, symbol] = parts[part];
    list.push_back({{fmt::format("limit_stable_rank_{}", name),
                     fmt::format("stable rank of {} at t = infinity", symbol), true},
                    [part](const LimitFindings& f) { return f.report.stable_ranks[part].value; }});
    list.push_back({{fmt::format("limit_stable_rank_excess_{}", name),
                     fmt::format("stable rank of {} minus 1 at t = infinity", symbol)},
                    [part](const LimitFindings& f) { return f.report.stable_ranks[part].excess; }});
  }
  return list;
}

std::vector<LimitQuantity> margin_quantities() {
  return {{{"limit_norm", "norm of V, where W(t) = V log t + o(log t)", true},
           [](const LimitFindings& f) {
             return f.report.limit.margins.minCoeff() / f.report.limit.normalized_margin;
           }},
          {{"limit_normalized_margin", "normalized margin at t = infinity", true},
           [](const LimitFindings& f) { return f.report.limit.normalized_margin; }},
          {{"limit_support", "samples with a positive multiplier at t = infinity", true},
           [](const LimitFindings& f) {
             const std::vector<bool>& support = f.report.limit.support;
             return static_cast<double>(std::count(support.begin(), support.end(), true));
           }},
          {{"limit_kkt_residual", "KKT residual of the limit"},
           [](const LimitFindings& f) { return f.report.limit.kkt_residual; }},
          {{"limit_strictness", "least distance of a decided pair from undecided, relative"},
           [](const LimitFindings& f) { return f.report.limit.strictness; }},
          {{"limit_settled", "1 where nothing is under way that could change the limit", true},
           [](const LimitFindings& f) { return f.report.limit.settled ? 1.0 : 0.0; }},
          {{"svm_margin", "margin of the linear classifier of largest margin; 0: none separates"},
           [](const LimitFindings& f) {
             return only_if(f.linear.svm_problem.empty(), f.linear.svm.margin);
           }},
          {{"svm_cosine", "cosine between it and the linear part of the limit"},
           [](const LimitFindings& f) { return f.linear.cosine; }},
          {{"svm_angle", "that angle in radians"},
           [](const LimitFindings& f) { return f.linear.angle; }},
          {{"boundary", "decision boundary of the limit: 0 linear, 1 not linear, 2 undecided"},
           [](const LimitFindings& f) { return static_cast<double>(f.linear.boundary); }}};
}

std::vector<LimitQuantity> pair_quantities() {
  std::vector<LimitQuantity> list{
      {{"switching_fraction", "share of other-class pairs that switch for ever", true},
       [](const LimitFindings& f) { return f.pairs.switching_share(); }},
      {{"switching_neurons", "share of neurons with a pair that switches for ever", true},
       switching_neurons}};
  const std::pair<const char*, PairVerdict> verdicts[] = {{"inactive", PairVerdict::inactive},
                                                          {"active", PairVerdict::active},
                                                          {"switching", PairVerdict::switches},
                                                          {"undecided", PairVerdict::undecided}};
  for (const auto& entry : verdicts) {
    const PairVerdict verdict = entry.second;
    const auto index = static_cast<std::size_t>(verdict);
    const std::string words = verdict == PairVerdict::switches
                                  ? "that switch for ever"
                                  : fmt::format("{} for ever", entry.first);
    list.push_back({{fmt::format("own_pairs_{}", entry.first), "own-class pairs " + words},
                    [index](const LimitFindings& f) { return count_of(f.pairs.own[index]); }});
    list.push_back({{fmt::format("other_pairs_{}", entry.first), "other-class pairs " + words},
                    [index](const LimitFindings& f) { return count_of(f.pairs.other[index]); }});
  }
  return list;
}

/// NaN where the run measures none.
double limit_error(const LimitFindings& found, double Errors::*error) {
  return found.report.errors ? *found.report.errors.*error : std::nan("");
}

double limit_error(const LimitFindings& found, double PopulationError::*error) {
  const auto& errors = found.report.errors;
  return errors && errors->population ? *errors->population.*error : std::nan("");
}

std::vector<LimitQuantity> error_quantities() {
  return {{{"limit_train_error_clean", "share of training samples whose clean label V misses"},
           [](const LimitFindings& f) { return limit_error(f, &Errors::train_clean); }},
          {{"limit_test_error", "share of test samples that V misses, f = 0 included"},
           [](const LimitFindings& f) { return limit_error(f, &Errors::test); }},
          {{"limit_test_zero", "share of test samples on which V gives f = 0"},
           [](const LimitFindings& f) { return limit_error(f, &Errors::test_zero); }},
          {{"limit_population_error", "probability that V misses a new sample, f = 0 included"},
           [](const LimitFindings& f) { return limit_error(f, &PopulationError::value); }},
          {{"limit_population_error_low", "lower bound of it"},
           [](const LimitFindings& f) { return limit_error(f, &PopulationError::low); }},
          {{"limit_population_error_high", "upper bound of it"},
           [](const LimitFindings& f) { return limit_error(f, &PopulationError::high); }},
          {{"limit_population_zero", "probability that V gives f = 0 on a new sample"},
           [](const LimitFindings& f) { return limit_error(f, &PopulationError::zero); }}};
}

const std::vector<LimitQuantity>& limit_quantities() {
  static const std::vector<LimitQuantity> all = [] {
    std::vector<LimitQuantity> list = rank_quantities();
    for (auto& more : {margin_quantities(), pair_quantities(), error_quantities()}) {
      list.insert(list.end(), more.begin(), more.end());
    }
    return list;
  }();
  return all;
}

const Quantity loss_exponent_quantity{
    "loss_exponent", "-d log L / d log t between the last two records of different times", true};

/// NaN where fewer than two records lie beyond t = e, as in the checks of the theorems.
double loss_exponent(const CsvTable& metrics) {
  const std::vector<double> times = column_of(metrics, "log10_t");
  const std::vector<double> losses = column_of(metrics, "log_loss");
  for (std::size_t last = times.size(); last-- > 1;) {
    const double step = (times[last] - times[last - 1]) * std::log(10.0);
    if (!(times[last - 1] * std::log(10.0) >= 1.0)) break;
    constexpr double same_time = 1e-9;  // but for rounding
    if (step > same_time * times[last]) return (losses[last - 1] - losses[last]) / step;
  }
  return std::nan("");
}

std::optional<LimitFindings> findings_of(const RunProblem& problem, const RunSummary& summary) {
  if (!summary.limit || !summary.limit->has_direction()) return std::nullopt;
  const NetworkShape& shape = problem.initial.shape;
  const std::vector<int>& classes = problem.data.classes;
  const Limit& limit = summary.limit->limit;
  return LimitFindings{
      .report = *summary.limit,
      .pairs = count_pairs(limit, classes, shape),
      .linear = compare_with_linear(limit, gram_matrix(problem.data.x), classes, shape),
      .shape = shape};
}

struct ProofQuantity {
  Quantity what;
  std::function<double(const ProofReport&)> value;
};

const RunTheorem* run_theorem(const ProofReport& report) {
  return report.run ? std::get_if<RunTheorem>(&*report.run) : nullptr;
}

/// Of the run's theorem, else of the limit alone.
const LimitTheorem* limit_theorem(const ProofReport& report) {
  if (const RunTheorem* run = run_theorem(report)) return &run->limit;
  return report.limit ? std::get_if<LimitTheorem>(&*report.limit) : nullptr;
}

const std::vector<ProofQuantity>& proof_list() {
  using R = const ProofReport&;
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  static const std::vector<ProofQuantity> list{
      {{"proved_level",
        "what is proved: 2 the run from a step T on (B), 1 its limit (A), 0 nothing"},
       [](R r) { return run_theorem(r)     ? 2.0
                        : limit_theorem(r) ? 1.0
                                           : 0.0; }},
      {{"proved_from", "log10 of the step T from which on the run is proved"},
       [](R r) {
         const RunTheorem* run = run_theorem(r);
         return run ? std::log10(static_cast<double>(run->step)) : none;
       }},
      {{"proved_radius", "proved bound of the distance from the reference curve, from T on"},
       [](R r) { return run_theorem(r) ? run_theorem(r)->radius : none; }},
      {{"proved_settled_from", "log10 of the time from which on pairs are proved to stay settled"},
       [](R r) {
         const RunTheorem* run = run_theorem(r);
         return run && run->settled_from ? *run->settled_from / std::log(10.0) : none;
       }},
      {{"proved_switching",
        "pairs that switch for ever, by the theorem of the run or of the limit"},
       [](R r) {
         const LimitTheorem* limit = limit_theorem(r);
         return limit ? static_cast<double>(limit->switching.size()) : none;
       }}};
  return list;
}

struct OptimumQuantity {
  Quantity what;
  std::function<double(const LimitOptimality&)> value;
};

/// 1 optimal, 0 not optimal, NaN undecided.
double flag_of(const OptimalityVerdict& verdict) {
  if (verdict.verdict == Optimality::undecided) return std::nan("");
  return verdict.verdict == Optimality::optimal ? 1.0 : 0.0;
}

const std::vector<OptimumQuantity>& optimum_list() {
  using O = const LimitOptimality&;
  static const std::vector<OptimumQuantity> list{
      {{"limit_gap_proved", "proved bound of how far V is above the least norm: value/lower - 1"},
       [](O o) { return o.known() ? o.gap() : std::nan(""); }},
      {{"limit_excess_proved", "what V is proved to be above the least norm at least"},
       [](O o) { return o.known() ? o.excess() : std::nan(""); }},
      {{"limit_optimum_lower", "proved lower bound of the least |V|^2/2 of all weights"},
       [](O o) { return o.known() ? o.lower : std::nan(""); }},
      {{"limit_optimum_upper", "|V|^2/2 of the best weights known"},
       [](O o) { return o.known() ? o.upper : std::nan(""); }},
      {{"limit_global_optimum", "1 where V is proved to be the least-norm point, 0 to be none"},
       [](O o) { return flag_of(o.global); }},
      {{"limit_local_optimum", "1 where V is a local minimum (proved or estimated), 0 where not"},
       [](O o) { return flag_of(o.local); }}};
  return list;
}

std::vector<double> entries(const Vector& vector) {
  return {vector.data(), vector.data() + vector.size()};
}

std::string claim_variable(const std::string& id) {
  std::string name = "claim_" + id;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// Asks whether to go on until the answer was no once, and remembers that.
struct Patience {
  const std::function<bool()>& keep_going;
  bool over = false;

  bool lasts() {
    over = over || (keep_going && !keep_going());
    return !over;
  }
};

/// What is known of a claim, as a number; its name in a sweep is the claim's with `suffix`.
struct ClaimReading {
  std::string suffix, meaning;  ///< meaning: with {} where the claim's id stands
  double (*value)(const Claim&);
};

const std::vector<ClaimReading>& claim_readings() {
  static const std::vector<ClaimReading> readings{
      {"", "verdict of claim {}: 0 Holds, 1 Fails, 2 Undecided, 3 HypothesisUnmet",
       [](const Claim& claim) { return static_cast<double>(claim.verdict); }},
      {"_seen", "conclusion of claim {}, hypotheses met or not: 0 holds, 1 fails, 2 undecided",
       [](const Claim& claim) { return static_cast<double>(claim.finding.seen); }},
      {"_largest_c", "largest C with which those hypotheses of claim {} hold that have a constant",
       [](const Claim& claim) { return claim.largest_constant(); }},
      {"_needs", "constant that the conclusion of claim {} needs",
       [](const Claim& claim) { return claim.constant; }}};
  return readings;
}

/// Names of all claims' verdicts, from a run of a moment.
const std::vector<std::string>& claim_variables() {
  static const std::vector<std::string> names = [] {
    const RunConfig tiny = parse_config(
        "", "claims", ".",
        std::vector<std::string>{"data.n=2", "data.d=4", "network.width=1", "descent.until=1"});
    std::vector<std::string> list;
    for (const Claim& claim : check_config(tiny, "claims", {}).claims) {
      list.push_back(claim_variable(claim.id));
    }
    return list;
  }();
  return names;
}

/// All names of numbers of claims.
std::vector<std::string> claim_names() {
  std::vector<std::string> names;
  for (const ClaimReading& reading : claim_readings()) {
    for (const std::string& claim : claim_variables()) names.push_back(claim + reading.suffix);
  }
  return names;
}

/// Which number of its claim such a name is.
const ClaimReading& reading_of(const std::string& name) {
  const auto& readings = claim_readings();
  const auto named =
      std::find_if(std::next(readings.begin()), readings.end(),
                   [&](const ClaimReading& reading) { return name.ends_with(reading.suffix); });
  return named == readings.end() ? readings.front() : *named;
}

template <class Named>
bool contains(const std::vector<Named>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const Named& one) { return one.name == name; });
}

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& list) {
  std::vector<std::string> names;
  for (const Named& one : list) names.push_back(one.name);
  return names;
}

[[noreturn]] void refuse_name(const std::string& where, const std::string& name,
                              const std::vector<std::string>& known) {
  throw InputError(where, fmt::format("\"{}\" is not known; did you mean \"{}\"? (latetime sweep "
                                      "--help lists all)",
                                      name, nearest_name(name, known)));
}

void add_once(std::vector<std::string>& list, const std::string& name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

}  // namespace

const std::vector<Quantity>& all_quantities() {
  static const std::vector<Quantity> all = [] {
    std::vector<Quantity> list = final_columns();
    list.push_back(loss_exponent_quantity);
    for (const LimitQuantity& quantity : limit_quantities()) list.push_back(quantity.what);
    return list;
  }();
  return all;
}

std::vector<double> quantities_of(const RunProblem& problem, const RunSummary& summary,
                                  const CsvTable& metrics) {
  std::vector<double> values;
  for (const Quantity& column : final_columns()) {
    const bool there = !metrics.rows.empty() && has_column(metrics, column.name);
    values.push_back(there ? number_in(metrics.rows.back()[metrics.index_of(column.name)])
                           : std::nan(""));
  }
  values.push_back(loss_exponent(metrics));
  const auto found = findings_of(problem, summary);
  for (const LimitQuantity& quantity : limit_quantities()) {
    values.push_back(found ? quantity.value(*found) : std::nan(""));
  }
  return values;
}

const std::vector<Quantity>& proof_quantities() {
  static const std::vector<Quantity> all = [] {
    std::vector<Quantity> list;
    for (const ProofQuantity& quantity : proof_list()) list.push_back(quantity.what);
    for (const OptimumQuantity& quantity : optimum_list()) list.push_back(quantity.what);
    return list;
  }();
  return all;
}

std::optional<std::vector<double>> proof_values(const std::vector<std::string>& names,
                                                const ArrayReader& arrays,
                                                const std::function<bool()>& keep_going) {
  const auto in = [](const auto& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(),
                        [&](const auto& one) { return one.what.name == name; });
  };
  Patience patience{keep_going};
  ProofRequest request;
  request.keep_going = [&](std::uint64_t, std::uint64_t) { return patience.lasts(); };
  std::optional<ProofReport> report;
  std::optional<RunLimit> limit;
  std::vector<double> values;
  for (const std::string& name : names) {
    const auto proof = in(proof_list(), name);
    if (proof != proof_list().end()) {
      if (!report) report = prove_arrays(arrays, "point", request);
      values.push_back(proof->value(*report));
    } else {
      if (!limit) {
        limit = limit_of_arrays(arrays, "point", [&](double) { return patience.lasts(); });
      }
      const auto& optimality = limit->report.optimality;
      const auto optimum = in(optimum_list(), name);
      values.push_back(optimality ? optimum->value(*optimality) : std::nan(""));
    }
    if (patience.over) return std::nullopt;
  }
  return values;
}

std::vector<std::string> WantedQuantities::names() const {
  std::vector<std::string> all = scalars;
  for (const auto* more : {&claims, &proofs}) all.insert(all.end(), more->begin(), more->end());
  return all;
}

const std::vector<PointArray>& all_arrays() {
  static const std::vector<PointArray> all = [] {
    std::vector<PointArray> list{
        {"limit_margins", "sample", "margins of the limit: 1 on support samples"},
        {"limit_multipliers", "sample", "multipliers of the limit, lim t g_i"},
        {"active_own", "sample", "|S_i| at the end"}};
    for (const std::string& column : metrics_columns(true)) {
      if (column == engine_column) continue;
      list.push_back({"curve_" + column, "record", column + " of every record"});
    }
    return list;
  }();
  return all;
}

std::vector<double> array_of(const std::string& name, const RunSummary& summary,
                             const CsvTable& metrics) {
  constexpr std::string_view curve = "curve_";
  if (name.starts_with(curve)) return column_of(metrics, name.substr(curve.size()));
  if (name == "active_own") return entries(summary.last.measures.active_own.cast<double>());
  if (!summary.limit) return {};
  const Limit& limit = summary.limit->limit;
  return entries(name == "limit_margins" ? limit.margins : limit.multipliers);
}

WantedQuantities wanted_quantities(const std::vector<std::string>& names,
                                   const std::vector<std::string>& arrays,
                                   const std::string& where) {
  WantedQuantities wanted;
  for (const std::string& name : names) {
    if (name == "claims") {
      for (const std::string& claim : claim_variables()) add_once(wanted.claims, claim);
    } else if (name.starts_with("claim_")) {
      const std::vector<std::string> known = claim_names();
      const std::string variable = claim_variable(name.substr(6));
      if (std::find(known.begin(), known.end(), variable) == known.end()) {
        refuse_name(where + ": quantities", name, known);
      }
      add_once(wanted.claims, variable);
    } else if (contains(all_quantities(), name)) {
      add_once(wanted.scalars, name);
    } else if (contains(proof_quantities(), name)) {
      add_once(wanted.proofs, name);
    } else {
      std::vector<std::string> known = names_of(all_quantities());
      for (const Quantity& quantity : proof_quantities()) known.push_back(quantity.name);
      refuse_name(where + ": quantities", name, known);
    }
  }
  if (names.empty()) {
    for (const Quantity& quantity : all_quantities()) {
      if (quantity.by_default) wanted.scalars.push_back(quantity.name);
    }
  }
  for (const std::string& name : arrays) {
    if (!contains(all_arrays(), name))
      refuse_name(where + ": arrays", name, names_of(all_arrays()));
    if (name.starts_with("curve_")) add_once(wanted.arrays, "curve_log10_t");
    add_once(wanted.arrays, name);
  }
  return wanted;
}

std::string meaning_of(const std::string& name) {
  for (const auto* list : {&all_quantities(), &proof_quantities()}) {
    for (const Quantity& quantity : *list) {
      if (quantity.name == name) return quantity.meaning;
    }
  }
  for (const PointArray& array : all_arrays()) {
    if (array.name == name) return array.meaning;
  }
  const ClaimReading& reading = reading_of(name);
  std::string id = name.substr(6, name.size() - 6 - reading.suffix.size());
  std::replace(id.begin(), id.end(), '_', '.');
  return fmt::format(fmt::runtime(reading.meaning), id);
}

std::optional<std::vector<double>> claim_values(const std::vector<std::string>& names,
                                                const ArrayReader& arrays,
                                                const std::function<bool()>& keep_going) {
  Patience patience{keep_going};
  CheckSettings settings;
  settings.observe.keep_going = [&] { return patience.lasts(); };
  const ClaimReport report = check_arrays(arrays, "point", settings);
  if (patience.over) return std::nullopt;  // what was seen is not all
  std::vector<double> values(names.size(), std::nan(""));
  for (const Claim& claim : report.claims) {
    if (!claim.applies) continue;
    const std::string variable = claim_variable(claim.id);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const ClaimReading& reading = reading_of(names[i]);
      if (names[i] == variable + reading.suffix) values[i] = reading.value(claim);
    }
  }
  return values;
}

}  // namespace latetime
