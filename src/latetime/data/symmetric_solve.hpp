#pragma once

#include <optional>

#include <Eigen/Core>

#include "latetime/data/samples.hpp"

namespace latetime {

/// The solution of `a` x = `b`, `a` symmetric; nothing where the factorization failed, where `a` is
/// singular and `b` outside its range, or where entries are not finite.
std::optional<Eigen::MatrixXd> symmetric_solution(const Eigen::MatrixXd& a,
                                                  const Eigen::MatrixXd& b);

/// What the factors of `a`, symmetric, make of `b` (n), whether or not that solves anything: for
/// steps of an iteration that looks at what it gets.
Vector unchecked_symmetric_solution(const Eigen::MatrixXd& a, const Vector& b);

}  // namespace latetime
