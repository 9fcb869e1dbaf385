#pragma once

#include <string>
#include <vector>

#include "draws.hpp"
#include "latetime/theory/trace.hpp"

namespace latetime::check_judge {

/// A run as it was recorded, and the same through the judge's eyes.
struct Recorded {
  RunTrace run;
  Setting setting;
  Evidence evidence;
};

/// What the judge sees of a recorded run: its looks and its limit are read from the record, steps
/// and changes of activation from the judge's own account.
Recorded read_record(const RunTrace& run, const Setting& setting, const Evidence& own);

/// The kinds of tampering.
std::vector<std::string> tamper_names();

/// Claims that a kind of tampering is judged by: empty means all of them.
std::vector<std::string> claims_of(const std::string& tamper);

/// Changes one thing of the record, at a random place by a random amount. False: this record has
/// nothing of the kind.
bool tamper(const std::string& name, Dice& dice, Recorded& record);

}  // namespace latetime::check_judge
