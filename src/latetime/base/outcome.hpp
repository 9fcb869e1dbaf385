#pragma once

#include <array>
#include <string>

#include "latetime/base/choice.hpp"
#include "latetime/base/log_time.hpp"

namespace latetime {

/// Why a run ended.
enum class StopReason {
  reached_end,  ///< every requested step was taken
  interrupted,  ///< asked to stop (Ctrl-C, SIGTERM); resumable
  not_finite,   ///< weights or margins overflowed: the learning rate is far too large for the data
  not_separated,  ///< the loss does not go to zero, which is proved: no activation that matters can
                  ///< change any more, and those of now cannot give all samples positive margins
  not_separated_so_far,  ///< the loss hardly falls any more where nothing can follow it further;
                         ///< whether it goes to zero later is not decided
  not_late,              ///< exact steps did not reach a late-time regime
  flow_failed,           ///< the late-time flow met what it cannot follow
};

template <>
struct ChoiceTable<StopReason> {
  static constexpr std::array<ChoiceWord<StopReason>, 7> words{
      {{StopReason::reached_end, "reached-end"},
       {StopReason::interrupted, "interrupted"},
       {StopReason::not_finite, "not-finite"},
       {StopReason::not_separated, "not-separated"},
       {StopReason::not_separated_so_far, "not-separated-so-far"},
       {StopReason::not_late, "not-late"},
       {StopReason::flow_failed, "flow-failed"}}};
};

/// How a run ended, in one object: reason, time reached, and a line for people.
struct Outcome {
  StopReason reason = StopReason::reached_end;
  LogTime time;         ///< reached, in gradient steps
  std::string message;  ///< empty when there is nothing to say beyond the reason
};

}  // namespace latetime
