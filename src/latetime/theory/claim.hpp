#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "latetime/base/choice.hpp"
#include "latetime/base/log_time.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// What a run says of one of the paper's results. An asymptotic statement is never `holds` on the
/// strength of finite times alone.
enum class ClaimVerdict : std::uint8_t { holds, fails, undecided, hypothesis_unmet };

template <>
struct ChoiceTable<ClaimVerdict> {
  static constexpr std::array<ChoiceWord<ClaimVerdict>, 4> words{
      {{ClaimVerdict::holds, "Holds"},
       {ClaimVerdict::fails, "Fails"},
       {ClaimVerdict::undecided, "Undecided"},
       {ClaimVerdict::hypothesis_unmet, "HypothesisUnmet"}}};
};

/// One condition of a claim, as this run meets it.
struct Hypothesis {
  std::string name;       ///< "near-orthogonality (B.4)"
  std::string statement;  ///< "R_min^2 >= C R^2 n p / slope^4"
  /// The largest C for which it holds here: infinity when every C does; NaN when the condition has
  /// no constant.
  double largest_constant = std::numeric_limits<double>::quiet_NaN();
  bool met = false;
  std::string detail;  ///< what was found, where that needs words; may be empty
};

/// Where something was measured. Members that do not apply are empty.
struct Place {
  std::optional<LogTime> time;
  std::optional<int> group;                                ///< 0 is class +1, 1 is class −1
  std::optional<Eigen::Index> neuron, sample;              ///< neuron: row group·m + r
  std::optional<Eigen::Index> other_neuron, other_sample;  ///< what it was compared with
};

/// "class +1, neuron 17, sample 3 against sample 5, at step 120"; neurons counted in their class.
std::string describe(const Place& place, Eigen::Index width);

/// The smallest or the largest of many values, and where it was. NaN while there is none.
struct Extreme {
  double value = std::numeric_limits<double>::quiet_NaN();
  Place at;

  bool known() const { return value == value; }
};

/// Both extremes of a quantity over everything that was looked at. NaN counts as largest and
/// smallest alike, so that it cannot be overlooked.
struct Range {
  Extreme least, most;
  std::uint64_t count = 0;

  void add(double value, const Place& place);
  void add(const Range& other);
};

/// One measured quantity of a claim.
struct Measured {
  std::string quantity;  ///< in words, with its formula
  Range range;
};

/// A single number that is no extreme: a fitted limit, a time, a count.
struct Figure {
  std::string name;
  double value = 0.0;
};

/// What was seen of a conclusion, whatever the hypotheses.
struct Finding {
  enum class Seen : std::uint8_t { holds, fails, undecided };
  Seen seen = Seen::undecided;
  std::string reason;  ///< one line; never empty for `undecided`

  static Finding holds(std::string reason = "") { return {Seen::holds, std::move(reason)}; }
  static Finding fails(std::string reason) { return {Seen::fails, std::move(reason)}; }
  static Finding undecided(std::string reason) { return {Seen::undecided, std::move(reason)}; }
};

template <>
struct ChoiceTable<Finding::Seen> {
  static constexpr std::array<ChoiceWord<Finding::Seen>, 3> words{
      {{Finding::Seen::holds, "holds"},
       {Finding::Seen::fails, "fails"},
       {Finding::Seen::undecided, "undecided"}}};
};

/// What a theorem about the run says of a conclusion.
struct ProvedConclusion {
  bool holds = false;           ///< false: the contrary is proved
  std::uint64_t from_step = 0;  ///< of descent from the weights at this step on
};

/// One result of the paper, checked on one run.
struct Claim {
  std::string id;     ///< "5.4": what --claim names
  std::string name;   ///< "automatic balance"
  std::string place;  ///< "Lemma 5.4 = B.1"
  std::string group;  ///< heading under which it is listed
  std::vector<Hypothesis> hypotheses;
  std::string conclusion;  ///< as the paper states it
  std::vector<Measured> measured;
  std::vector<Figure> figures;
  /// The absolute constant that the conclusion needs here; NaN when it has none.
  double constant = std::numeric_limits<double>::quiet_NaN();
  std::string constant_name;  ///< "c1"; empty when there is none
  std::string criterion;      ///< when the conclusion counts as seen
  Finding finding;
  ClaimVerdict verdict = ClaimVerdict::undecided;
  std::optional<ProvedConclusion> proved;
  /// False when the claim speaks of another activation function than the run's.
  bool applies = true;

  bool hypotheses_met() const;
  /// The largest C with which every hypothesis that has a constant holds: infinity when every C
  /// does, NaN when none has one.
  double largest_constant() const;
};

/// Whether `name` is the claim's id, or one of the numbers in its place ("B.1" in "Lemma 5.4 =
/// B.1").
bool claim_is_named(const Claim& claim, const std::string& name);

/// Enters what was found, and the verdict that follows: HypothesisUnmet when some hypothesis is not
/// met, else what was seen.
Claim judge(Claim claim, Finding finding);

}  // namespace latetime
