#include "latetime/model/rivals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace latetime {

Rivals::Rivals(std::vector<int> classes, int groups)
    : classes_(std::move(classes)), groups_(groups) {}

int Rivals::rival(Eigen::Index c) const {
  const int own = classes_[static_cast<std::size_t>(sample(c))];
  const auto k = static_cast<int>(c % each());
  return k < own ? k : k + 1;
}

template <class Visit>
void Rivals::for_each_felt(int group, const Visit& visit) const {
  for (Eigen::Index i = 0; i < samples(); ++i) {
    if (!of_class(classes_, group, i)) {
      visit(i, place(i, group));
      continue;
    }
    for (Eigen::Index c = i * each(); c < (i + 1) * each(); ++c) visit(i, c);
  }
}

Vector Rivals::margins(const Matrix& outputs) const {
  if (two_classes()) return latetime::margins(outputs, classes_);
  Vector result(size());
  for (Eigen::Index c = 0; c < size(); ++c) {
    const Eigen::Index i = sample(c);
    result[c] = outputs(i, classes_[static_cast<std::size_t>(i)]) - outputs(i, rival(c));
  }
  return result;
}

Matrix Rivals::outputs(const Vector& margins) const {
  Matrix result = Matrix::Zero(samples(), groups_);
  for (Eigen::Index c = 0; c < size(); ++c) result(sample(c), rival(c)) = -margins[c];
  return result;
}

Vector Rivals::multipliers(const Vector& margins, const Loss& loss) const {
  if (two_classes()) return latetime::multipliers(margins, loss);
  return (-margins - log_totals(margins, loss)).array().exp();
}

double Rivals::largest_pull(const Vector& margins, const Loss& loss) const {
  const Vector g = multipliers(margins, loss);
  return g.reshaped<Eigen::RowMajor>(samples(), each()).rowwise().sum().maxCoeff();
}

Vector Rivals::log_totals(const Vector& margins, const Loss& loss) const {
  Vector result = Vector::Zero(size());
  const double b = *loss.saturation;
  if (b == 0.0) return result;
  for (Eigen::Index first = 0; first < size(); first += each()) {
    const auto u = margins.segment(first, each());
    const double top = std::max(0.0, -u.minCoeff());  // the largest term is taken out
    const double sum = std::exp(-top) + b * (-u.array() - top).exp().sum();
    result.segment(first, each()).setConstant(top + std::log(sum));
  }
  return result;
}

double Rivals::log_mean_loss(const Vector& margins, const Loss& loss) const {
  if (two_classes()) return latetime::log_mean_loss(margins, loss);
  return latetime::log_mean_loss(outputs(margins), classes_, loss);
}

Vector Rivals::log_loss_slopes(const Vector& margins, const Loss& loss) const {
  const double all = log_mean_loss(margins, loss) + std::log(static_cast<double>(samples()));
  if (two_classes()) {
    return margins.unaryExpr(
        [&loss, all](double u) { return std::exp(loss.log_multiplier(u) - all); });
  }
  return (-margins - log_totals(margins, loss)).array().unaryExpr([all](double log) {
    return std::exp(log - all);
  });
}

Vector Rivals::bent(const Vector& g, const Vector& p, double b) const {
  Vector result(size());
  for (Eigen::Index first = 0; first < size(); first += each()) {
    const auto gs = g.segment(first, each()), ps = p.segment(first, each());
    const double mean = b * gs.dot(ps);
    result.segment(first, each()) = -gs.array() * (ps.array() - mean);
  }
  return result;
}

Vector Rivals::bent_twice(const Vector& g, const Vector& p, double b) const {
  Vector result(size());
  for (Eigen::Index first = 0; first < size(); first += each()) {
    const auto gs = g.segment(first, each()), ps = p.segment(first, each());
    const double mean = b * gs.dot(ps);
    const double spread = b * gs.dot(ps.cwiseAbs2()) - mean * mean;
    result.segment(first, each()) = gs.array() * ((ps.array() - mean).square() - spread);
  }
  return result;
}

Vector Rivals::felt(int group, Vector lambda) const {
  if (two_classes()) return lambda;
  Vector result = Vector::Zero(samples());
  for_each_felt(group, [&](Eigen::Index i, Eigen::Index c) { result[i] += lambda[c]; });
  return result;
}

std::vector<Vector> Rivals::felt_by_group(const Vector& lambda) const {
  std::vector<Vector> result;
  for (int group = 0; group < groups_; ++group) result.push_back(felt(group, lambda));
  return result;
}

Vector Rivals::asked(int group, Vector row) const {
  if (two_classes()) return row;
  Vector result = Vector::Zero(size());
  for_each_felt(group, [&](Eigen::Index i, Eigen::Index c) { result[c] = row[i]; });
  return result;
}

Matrix Rivals::asked_rows(int group, const Matrix& rows) const {
  if (two_classes()) return rows;
  Matrix result = Matrix::Zero(rows.rows(), size());
  for_each_felt(group, [&](Eigen::Index i, Eigen::Index c) { result.col(c) = rows.col(i); });
  return result;
}

void Rivals::add(int group, const Vector& change, Vector& to) const {
  for_each_felt(group, [&](Eigen::Index i, Eigen::Index c) { to[c] += change[i]; });
}

void Rivals::add(int group, Eigen::Index i, double change, Vector& to) const {
  if (!of_class(classes_, group, i)) {
    to[place(i, group)] += change;
    return;
  }
  to.segment(i * each(), each()).array() += change;
}

void Rivals::add_kernel(int group, const Eigen::MatrixXd& part, Eigen::MatrixXd& kernel) const {
  std::vector<std::pair<Eigen::Index, Eigen::Index>> felt;
  for_each_felt(group, [&](Eigen::Index i, Eigen::Index c) { felt.emplace_back(i, c); });
  for (const auto& [l, column] : felt) {
    for (const auto& [i, row] : felt) kernel(row, column) += part(i, l);
  }
}

Eigen::MatrixXd Rivals::kernel(const std::vector<Eigen::MatrixXd>& parts) const {
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(size(), size());
  for (int group = 0; group < groups_; ++group) {
    add_kernel(group, parts[static_cast<std::size_t>(group)], result);
  }
  return result;
}

Vector Rivals::through_groups(const Vector& lambda,
                              const std::function<Vector(std::size_t, const Vector&)>& act) const {
  Vector result = Vector::Zero(size());
  for (int group = 0; group < groups_; ++group) {
    add(group, act(static_cast<std::size_t>(group), felt(group, lambda)), result);
  }
  return result;
}

}  // namespace latetime
