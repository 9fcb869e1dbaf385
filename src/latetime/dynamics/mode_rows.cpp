#include "latetime/dynamics/mode_rows.hpp"

#include <utility>

namespace latetime {

void ModeRows::go_to(const FlowProblem& problem, int group, const NeuronMode& mode,
                     Eigen::Index k) {
  neurons_.resize(static_cast<std::size_t>(problem.neurons()));
  problem_ = &problem;
  group_ = group;
  mode_ = &mode;
  here_ = &neurons_[static_cast<std::size_t>(k)];
  if (here_->fits(mode)) return;
  kept_ -= here_->rows.size() * mode.active.size();
  *here_ = {mode.active, mode.sliding, {}, {}};
  here_->places.assign(mode.active.size(), -1);
}

const Vector& ModeRows::row(Eigen::Index i) {
  std::int32_t& place = here_->places[static_cast<std::size_t>(i)];
  if (place >= 0) return here_->rows[static_cast<std::size_t>(place)];
  beyond_ = preactivation_row(*problem_, group_, *mode_, i);
  const auto size = static_cast<std::size_t>(beyond_.size());
  if (kept_ + size > most_kept) return beyond_;
  kept_ += size;
  place = static_cast<std::int32_t>(here_->rows.size());
  return here_->rows.emplace_back(std::move(beyond_));
}

}  // namespace latetime
