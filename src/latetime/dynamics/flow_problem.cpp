#include "latetime/dynamics/flow_problem.hpp"

#include <cmath>

#include "latetime/data/gram.hpp"

namespace latetime {
namespace {

// Inner products below this part of the norms are rounding: the samples count as orthogonal.
constexpr double orthogonal_tolerance = 4e-15;

void find_folds(FlowProblem& problem) {
  const auto count = static_cast<std::size_t>(problem.samples());
  problem.fold.resize(count);
  problem.ratio.assign(count, 1.0);
  problem.members.resize(count);
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    problem.fold[index] = i;
    for (Eigen::Index l = 0; l < i && problem.leads(i); ++l) {
      if (!problem.leads(l) || !(problem.gram(l, l) > 0.0) || !(problem.gram(i, i) > 0.0)) continue;
      if (!on_line_within(collinear_tolerance, problem.x, problem.gram, i, l)) continue;
      problem.fold[index] = l;
      problem.ratio[index] = problem.gram(i, l) / problem.gram(l, l);
    }
    problem.members[static_cast<std::size_t>(problem.fold[index])].push_back(i);
  }
}

}  // namespace

Matrix gram_without_rounding(const Eigen::Ref<const Matrix>& x) {
  Matrix gram = gram_matrix(x);
  const Vector norms = gram.diagonal().cwiseSqrt();
  for (Eigen::Index i = 0; i < gram.rows(); ++i) {
    for (Eigen::Index l = 0; l < gram.cols(); ++l) {
      if (i != l && std::abs(gram(i, l)) <= orthogonal_tolerance * norms[i] * norms[l]) {
        gram(i, l) = 0.0;
      }
    }
  }
  return gram;
}

bool on_line_within(double tolerance, const Samples& x, const Matrix& gram, Eigen::Index i,
                    Eigen::Index l) {
  const double cosine = std::abs(gram(i, l)) / std::sqrt(gram(i, i)) / std::sqrt(gram(l, l));
  if (cosine < 1.0 - 1e-12) return false;
  const double ratio = gram(i, l) / gram(l, l);
  return (x.row(i) - ratio * x.row(l)).norm() <= tolerance * x.row(i).norm();
}

FlowProblem::FlowProblem(const Problem& problem)
    : shape(problem.shape()),
      classes(problem.data.classes),
      rivals(classes, shape.groups),
      x(problem.data.x),
      gram(gram_without_rounding(x)),
      rate(problem.rate()),
      loss(problem.loss) {
  require_named(problem.loss, "late-time flow");
  require_kink(shape, "late-time flow");
  reach = Matrix(samples(), margins());
  for (Eigen::Index c = 0; c < margins(); ++c) {
    reach.col(c) = rate * gram.col(rivals.sample(c)).cwiseAbs();
  }
  find_folds(*this);
}

double FlowProblem::weight_change(const Vector& change, const Vector& image) const {
  return std::sqrt(std::max(0.0, rate * static_cast<double>(shape.width) * change.dot(image)));
}

}  // namespace latetime
