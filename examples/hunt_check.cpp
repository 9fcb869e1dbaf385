// Hunts wrong verdicts of `check`: random runs that meet the hypotheses of the paper's claims by
// design, or break one of them, each judged by an account of its own.
//
//   build/release/examples/hunt_check [--runs 90] [--seed 1] [--only CLAIM] [--number N]
//       [--tampers 2]
//
// Families of configurations (hunt_check/draws.cpp): nearly orthogonal and orthogonal samples in
// high dimension, small weights and steps, leaky and ReLU. Each run is carried out in memory and
// all claims are asked. The judge (hunt_check/evidence.cpp, judge.cpp) takes every real step in
// plain loops, follows straight lines in log t from there on, and reads each claim from docs/claims
// in words of its own. Then one thing of the record is changed (hunt_check/tamper.cpp), a
// coefficient, an activation, the loss, a stable rank, the limit, a step, and both are asked again.
//
// Wrong is: Holds where the judge sees the conclusion broken, Fails where it sees it hold or where
// a theorem of the paper fails on a run as it was, and hypotheses taken otherwise. Where the judge
// is in doubt, too near to a bound, nothing is wrong.
// `--number N` tells all about one run. Exit code 1 when something was wrong; the same seed gives
// the same table.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hunt_check/draws.hpp"
#include "hunt_check/judge.hpp"
#include "hunt_check/tamper.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/observe.hpp"

namespace {

using namespace latetime;
using namespace latetime::check_judge;

struct Settings {
  std::uint64_t runs = 90, seed = 1, tampers = 2;
  std::string only;
  std::optional<std::uint64_t> number;
};

/// Counts of a claim. `met`: runs that meet its hypotheses, by the judge.
struct Counts {
  int met = 0, holds = 0, fails = 0, undecided = 0, doubtful = 0;  // of runs as they were
  int broken = 0, caught = 0, open = 0;                            // of tampered runs
  int wrong_holds = 0, wrong_fails = 0, wrong_hypotheses = 0;

  int wrong() const { return wrong_holds + wrong_fails + wrong_hypotheses; }
};

struct Tally {
  std::map<std::string, Counts> claims;
  std::vector<std::string> order;
};

/// The work of real steps that a run may take, of n²·neurons, and of those looked at one by one.
constexpr double step_work = 5e8, look_work = 2e7;

/// Real steps go on to this many units nm/(η R_min²) of time.
constexpr double late_in_units = 50.0;

RunTrace carry_out(const Setting& s) {
  const NetworkShape shape{.groups = 2, .width = s.m(), .dim = s.d(), .slope = s.slope};
  const Eigen::Map<const Vector> labels(s.y.data(), s.n());
  const Dataset data = make_dataset(Samples(Matrix(s.x)), labels, "X", "y", "hunt");
  const Network initial{shape, s.w0};
  const ClaimSetting setting(
      {data, initial, s.eta},
      s.full_batch ? ClaimDescent::gradient_descent : ClaimDescent::gradient_flow, s.sigma);
  DescentOptions options{.method = s.full_batch ? Method::gradient_descent : Method::flow,
                         .until = LogTime::from_log10(100.0)};
  const Measurer measurer(data, initial);
  options.discrepancy = largest_difference(measurer, data);
  ObserveOptions how;
  how.most_pairs = look_work / static_cast<double>(s.n());
  how.most_weight_steps = 20;
  return observe_run(setting, options, how);
}

Evidence own_account(const Setting& s, const RunTrace& run) {
  if (!s.full_batch) return {};
  std::vector<double> times;
  for (const Snapshot& snapshot : run.snapshots) times.push_back(snapshot.log_time());
  const double work = static_cast<double>(s.neurons() * s.n() * s.n());
  const double learned = late_in_units * s.t1() * s.ratio() * s.ratio();
  const auto steps = static_cast<std::uint64_t>(std::min(learned, step_work / work));
  return find_evidence(s, times, std::max(steps, run.steps.last), run.steps.last,
                       static_cast<double>(steps) >= learned - 1.0);
}

/// What is proved in the paper: open questions and draws may turn out either way.
bool is_theorem(const std::string& id) {
  return id[0] != '7' && id != "A.1" && id != "A.2";
}

/// Compares a verdict with the judge's; what is wrong, in words.
std::string compare(const Claim& claim, const Judgement& judged, bool tampered, Counts& counts) {
  if ((claim.verdict == ClaimVerdict::hypothesis_unmet) == judged.met) {
    ++counts.wrong_hypotheses;
    return fmt::format("hypotheses are {}", judged.met ? "met" : "not met");
  }
  if (!judged.asked) return "";
  const auto seen = claim.finding.seen;
  if (seen == Finding::Seen::holds && judged.truth == Truth::broken) {
    ++counts.wrong_holds;
    return "the conclusion is broken";
  }
  if (seen == Finding::Seen::fails && judged.truth == Truth::holds) {
    ++counts.wrong_fails;
    return "the conclusion holds";
  }
  if (!tampered && judged.met && is_theorem(claim.id) && seen == Finding::Seen::fails) {
    ++counts.wrong_fails;
    return "a theorem fails";
  }
  return "";
}

void count_run(const Claim& claim, const Judgement& judged, Counts& counts) {
  if (!judged.met) return;
  ++counts.met;
  counts.holds += claim.verdict == ClaimVerdict::holds;
  counts.fails += claim.verdict == ClaimVerdict::fails;
  counts.undecided += claim.verdict == ClaimVerdict::undecided;
  counts.doubtful += judged.truth == Truth::doubt;
}

void count_tampered(const Claim& claim, const Judgement& judged, Counts& counts) {
  if (!judged.met || judged.truth != Truth::broken) return;
  ++counts.broken;
  counts.caught += claim.verdict == ClaimVerdict::fails;
  counts.open += claim.verdict == ClaimVerdict::undecided;
}

std::string words(Truth truth) {
  return truth == Truth::holds ? "holds" : truth == Truth::broken ? "broken" : "doubt";
}

void tell_measured(const Claim& claim, Eigen::Index width) {
  for (const Measured& measured : claim.measured) {
    const auto& [least, most, count] = measured.range;
    fmt::print("    {}: {:.6g} ({}) to {:.6g} ({})\n", measured.quantity, least.value,
               describe(least.at, width), most.value, describe(most.at, width));
  }
  for (const Figure& figure : claim.figures)
    fmt::print("    {}: {:.6g}\n", figure.name, figure.value);
}

class Hunt {
 public:
  explicit Hunt(const Settings& settings) : settings_(settings) {}

  void carry_out_number(std::uint64_t number) {
    Dice dice(settings_.seed, number);
    const Drawn drawn = draw(dice, number);
    where_ = fmt::format("run {} ({})", number, drawn.family);
    const Setting& s = drawn.setting;
    const RunTrace run = carry_out(s);
    const Evidence own = own_account(s, run);
    if (settings_.number) {
      fmt::print(
          "{}: n={} d={} m={} slope={:.3g} eta={:.3g} sigma={:.2e} R={:.3g} np={:.2e} "
          "T1={:.3g}; limit {}; own lines {}\n",
          where_, s.n(), s.d(), s.m(), s.slope, s.eta, s.sigma, s.ratio(), s.np(), s.t1(),
          run.sure_limit() ? "found" : run.no_limit_reason(), own.end ? "end" : "do not end");
    }
    ask({run, s, own}, "", count_run);
    if (!run.sure_limit() || !s.full_batch) return;
    const Recorded as_it_was = read_record(run, s, own);
    for (const std::string& name : tamper_names()) {
      for (std::uint64_t attempt = 0; attempt < settings_.tampers; ++attempt) {
        Recorded record = as_it_was;
        if (tamper(name, dice, record)) ask(record, name, count_tampered);
      }
    }
  }

  int print_table() const {
    fmt::print("\n{:<8}{:>6}{:>7}{:>7}{:>11}{:>10} |{:>8}{:>8}{:>6} |{:>13}{:>13}{:>18}\n", "claim",
               "met", "Holds", "Fails", "Undecided", "in doubt", "broken", "caught", "open",
               "wrong Holds", "wrong Fails", "wrong hypotheses");
    Counts all;
    const auto line = [](const std::string& name, const Counts& c) {
      fmt::print("{:<8}{:>6}{:>7}{:>7}{:>11}{:>10} |{:>8}{:>8}{:>6} |{:>13}{:>13}{:>18}\n", name,
                 c.met, c.holds, c.fails, c.undecided, c.doubtful, c.broken, c.caught, c.open,
                 c.wrong_holds, c.wrong_fails, c.wrong_hypotheses);
    };
    for (const std::string& id : tally_.order) {
      const Counts& c = tally_.claims.at(id);
      line(id, c);
      for (int Counts::*member :
           {&Counts::met, &Counts::holds, &Counts::fails, &Counts::undecided, &Counts::doubtful,
            &Counts::broken, &Counts::caught, &Counts::open, &Counts::wrong_holds,
            &Counts::wrong_fails, &Counts::wrong_hypotheses}) {
        all.*member += c.*member;
      }
    }
    line("all", all);
    for (const std::string& id : tally_.order) {
      const Counts& c = tally_.claims.at(id);
      if (c.met > 0 && c.broken > 0) continue;
      const bool of_numbers = id == "5.3" || id == "H.4";
      fmt::print("{}: {}\n", id,
                 c.met == 0 ? "no run of these met its hypotheses"
                 : of_numbers
                     ? "a theorem on numbers, with the run's own constants: no record breaks it"
                     : "no tampering of these broke it");
    }
    return all.wrong();
  }

 private:
  void ask(const Recorded& record, const std::string& tampering,
           void (*count)(const Claim&, const Judgement&, Counts&)) {
    const auto wanted = claims_of(tampering);
    for (const Claim& claim : check_claims(record.run)) {
      if (!settings_.only.empty() && !claim_is_named(claim, settings_.only)) continue;
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), claim.id) == wanted.end()) {
        continue;
      }
      if (tally_.claims.count(claim.id) == 0) tally_.order.push_back(claim.id);
      Counts& counts = tally_.claims[claim.id];
      const Judgement judged = judge(claim.id, record.setting, record.evidence);
      count(claim, judged, counts);
      const std::string wrong = compare(claim, judged, !tampering.empty(), counts);
      const bool tell = settings_.number && tampering.empty() && judged.asked;
      if (wrong.empty() && !tell) continue;
      fmt::print("{}{}: {} reads {}, sees {} ({}); the judge: {}{}\n", where_,
                 tampering.empty() ? "" : ", tampered: " + tampering, claim.id,
                 word_of(claim.verdict), word_of(claim.finding.seen), claim.finding.reason,
                 words(judged.truth), wrong.empty() ? "" : ": " + wrong);
      if (settings_.number && !settings_.only.empty()) tell_measured(claim, record.setting.m());
      std::fflush(stdout);
    }
  }

  const Settings& settings_;
  std::string where_;
  Tally tally_;
};

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    const auto whole = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "--runs") settings.runs = whole;
    if (name == "--seed") settings.seed = whole;
    if (name == "--tampers") settings.tampers = whole;
    if (name == "--only") settings.only = value;
    if (name == "--number") settings.number = whole;
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = settings_of(argc, argv);
  Hunt hunt(settings);
  if (settings.number) {
    hunt.carry_out_number(*settings.number);
  } else {
    for (std::uint64_t number = 0; number < settings.runs; ++number) {
      hunt.carry_out_number(number);
    }
  }
  return hunt.print_table() > 0 ? 1 : 0;
}
