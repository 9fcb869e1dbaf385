#pragma once

#include <functional>
#include <vector>

#include "latetime/model/loss.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// The K−1 classes that each sample is to be told from, its *rivals*: each asks for a margin of its
/// own, u_c = F_y(x_i) − F_k(x_i), c = (i, k), k ≠ y the class of sample i. In order: sample by
/// sample, rivals ascending; n(K−1) of them. With S_i = Σ_{k≠y} e^{−u_{i,k}} the loss of a sample
/// is log(1 + b S_i)/b (Loss::saturation: 1 of the softmax cross-entropy; b = 0: S_i), and the
/// multiplier of a rival g_c = −∂ℓ/∂u_c = e^{−u_c}/(1 + b S_i). Neurons of the sample's own class
/// feel all its multipliers, those of another class k that of (i, k) alone: what group k feels at
/// sample i is λ^k_i, with the sign of own-class and other-class pairs.
///
/// With two classes there is one rival a sample, u and g are those of y_i f(x_i), and every
/// function below gives back what it got.
class Rivals {
 public:
  Rivals(std::vector<int> classes, int groups);

  bool two_classes() const { return groups_ == 2; }
  int groups() const { return groups_; }
  Eigen::Index samples() const { return static_cast<Eigen::Index>(classes_.size()); }
  /// n(K−1).
  Eigen::Index size() const { return samples() * each(); }
  /// Rivals of one sample, K−1.
  Eigen::Index each() const { return groups_ - 1; }
  Eigen::Index sample(Eigen::Index c) const { return c / each(); }
  /// The class k of (i, k).
  int rival(Eigen::Index c) const;
  const std::vector<int>& classes() const { return classes_; }
  /// How many multipliers a neuron of that group feels at a sample: K−1 of its own class, else 1.
  Eigen::Index felt_count(int group, Eigen::Index i) const {
    return of_class(classes_, group, i) ? each() : 1;
  }

  /// u, n(K−1), from outputs n × K.
  Vector margins(const Matrix& outputs) const;
  /// Outputs, n × K, with these margins: 0 of the own class.
  Matrix outputs(const Vector& margins) const;
  /// g, n(K−1), of a named loss.
  Vector multipliers(const Vector& margins, const Loss& loss) const;
  /// max_i Σ_c g_c, the sum over the rivals of a sample.
  double largest_pull(const Vector& margins, const Loss& loss) const;
  /// log(1 + b S_i), n(K−1), one for each rival of the sample: log g_c = −u_c less that.
  Vector log_totals(const Vector& margins, const Loss& loss) const;
  /// log L, L the mean of the samples' losses.
  double log_mean_loss(const Vector& margins, const Loss& loss) const;
  /// |∂ log L/∂u_c|, n(K−1).
  Vector log_loss_slopes(const Vector& margins, const Loss& loss) const;
  /// The derivative of multipliers g along p, Σ_{c'} ∂g_c/∂u_{c'} p_{c'} = −g_c (p_c − b ⟨g, p⟩_i),
  /// where sums are over rivals of the same sample. Of λ = t g it is that with b/t in place of b.
  Vector bent(const Vector& g, const Vector& p, double b) const;
  /// The second derivative along p and p: g_c ((p_c − b⟨g,p⟩)² − b(⟨g,p²⟩ − b⟨g,p⟩²)).
  Vector bent_twice(const Vector& g, const Vector& p, double b) const;

  /// λ^k, n: what neurons of that group feel of λ, n(K−1).
  Vector felt(int group, Vector lambda) const;
  /// The same of every group.
  std::vector<Vector> felt_by_group(const Vector& lambda) const;
  /// The row r' (n(K−1)) with r'·λ = r·λ^k.
  Vector asked(int group, Vector row) const;
  /// The same for rows of a matrix, rows × n.
  Matrix asked_rows(int group, const Matrix& rows) const;
  /// Adds to margins, or whatever belongs to rivals, what changes outputs of a group: `change`, n,
  /// counts with + for its own samples and − for others already.
  void add(int group, const Vector& change, Vector& to) const;
  /// The same at one sample.
  void add(int group, Eigen::Index i, double change, Vector& to) const;
  /// Adds a part of a kernel, n × n between what neurons of a group feel, to one between rivals.
  void add_kernel(int group, const Eigen::MatrixXd& part, Eigen::MatrixXd& kernel) const;
  /// The kernel between rivals, n(K−1) × n(K−1), of such parts, one a group.
  Eigen::MatrixXd kernel(const std::vector<Eigen::MatrixXd>& parts) const;
  /// Its product with λ, or whatever belongs to rivals, by groups: `act(k, λ^k)` is what group k
  /// makes of what it feels, n entries.
  Vector through_groups(const Vector& lambda,
                        const std::function<Vector(std::size_t, const Vector&)>& act) const;

 private:
  /// The place of (i, k) for another class k than the sample's.
  Eigen::Index place(Eigen::Index i, int k) const {
    const int own = classes_[static_cast<std::size_t>(i)];
    return i * each() + (k < own ? k : k - 1);
  }
  /// Calls visit(i, c) for all that the group feels, samples ascending.
  template <class Visit>
  void for_each_felt(int group, const Visit& visit) const;

  std::vector<int> classes_;
  int groups_;
};

}  // namespace latetime
