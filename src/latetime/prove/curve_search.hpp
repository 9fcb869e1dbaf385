#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "latetime/prove/tube.hpp"
#include "latetime/prove/weight_products.hpp"

namespace latetime {

/// Looks for a reference curve along which a tube can be proved: its slopes, when they change, its
/// pieces and their radii. It works in doubles and decides nothing that the tube does not prove.
class CurveSearch {
 public:
  /// Weights after `step` steps, neurons × d.
  CurveSearch(const ProofProblem& problem, const Matrix& weights, std::uint64_t step,
              const ProofOptions& options);

  /// Throws Unproved where the tube cannot be proved.
  void run();

  const Tube& tube() const { return *tube_; }
  const LimitBalls& limit() const { return *limit_; }
  double radius() const { return radius_; }
  const std::vector<bool>& support() const { return support_; }
  /// The derivation in the words of a certificate, a line an entry (docs/proofs.md, 8).
  const std::vector<std::string>& lines() const { return lines_; }
  /// log(t/T) at the beginning of each piece, and the radius on it; the straight line's last.
  const std::vector<std::pair<double, double>>& radii() const { return radii_; }
  /// log(t/T) of changes of slopes.
  const std::vector<double>& changes() const { return changes_; }
  const std::vector<RunEnclosure>& enclosures() const { return enclosures_; }

 private:
  struct Gaps {
    Matrix pairs;   ///< how far on the declared side; neurons × n
    Vector slides;  ///< how far inside its bounds β is, over λ
  };
  struct Slider {
    Eigen::Index neuron, sample;
  };

  const ReferenceCurve& curve() const { return tube_->curve(); }
  std::vector<SlopeChange> starts(const Matrix& weights) const;
  std::vector<SlopeChange> decide(Eigen::Index k, const std::vector<Eigen::Index>& zero,
                                  const SlopeRow& slopes, const Vector& lambda) const;
  void look_at_mode();
  Matrix speeds(const Vector& lambda) const;
  Gaps gaps(const Vector& lambda, const Vector& total) const;
  Gaps gaps_at(const Matrix& series, double time) const;
  std::optional<double> first_event(const Matrix& series, double length) const;
  std::optional<double> before_own(const Matrix& series, double length) const;
  double piece_length(const Matrix& series) const;
  void advance(double length, Eigen::Index degree);
  void change_now();
  void enclose_along(const Piece& piece, double distance);
  void enclose_line(double distance);
  std::optional<double> crossing_zone() const;
  bool all_outward(const Vector& lambda) const;
  void finish(const Vector& lambda);
  void note_change(const SlopeChange& change, const char* word);

  const ProofProblem* problem_;
  std::uint64_t step_;
  ProofOptions options_;
  std::shared_ptr<const WeightProducts> products_;
  std::optional<Tube> tube_;
  std::optional<LimitBalls> limit_;
  double radius_ = 0.0;
  std::vector<bool> support_;
  std::vector<std::string> lines_;
  std::vector<std::pair<double, double>> radii_;
  std::vector<double> changes_;
  std::vector<RunEnclosure> enclosures_;
  std::size_t next_time_ = 0;  ///< of options_.log_times
  Matrix side_;                ///< +1, −1, 0 where the pair slides
  std::vector<Slider> sliders_;
  Matrix hold_;  ///< β of sliders = hold · λ
};

}  // namespace latetime
