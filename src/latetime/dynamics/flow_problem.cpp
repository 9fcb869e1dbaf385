#include "latetime/dynamics/flow_problem.hpp"

#include <stdexcept>

#include "latetime/data/gram.hpp"

namespace latetime {

FlowProblem::FlowProblem(const Dataset& data, const NetworkShape& network, double learning_rate)
    : shape(network),
      classes(data.classes),
      gram(gram_matrix(data.x)),
      rate(learning_rate / static_cast<double>(data.size()) / static_cast<double>(network.width)),
      reach(rate * gram.cwiseAbs()) {
  if (network.groups != 2) throw std::invalid_argument("late-time flow: two classes only");
}

}  // namespace latetime
