#include "latetime/data/samples.hpp"

#include <gtest/gtest.h>

#include "latetime/data/gram.hpp"

namespace latetime {
namespace {

TEST(Samples, CopiesShareTheirEntries) {
  const Samples one(Matrix::Random(3, 4));
  const Samples other = one;
  EXPECT_EQ(one.data(), other.data());
  EXPECT_EQ(one, other);
}

TEST(Samples, AnEditIsSeenByNoCopy) {
  Samples one(Matrix::Zero(2, 2));
  const Samples before = one;
  one.edit()(0, 1) = 5.0;
  EXPECT_EQ(one(0, 1), 5.0);
  EXPECT_EQ(before(0, 1), 0.0);
  const double* place = one.data();
  one.edit()(1, 1) = 6.0;  // nobody shares them now: in place
  EXPECT_EQ(one.data(), place);
}

TEST(Samples, ForeignEntriesStayWhereTheyAreAndAlive) {
  auto owner = std::make_shared<Matrix>(Matrix::Random(3, 5));
  const std::weak_ptr<Matrix> watch = owner;
  Samples held(owner->data(), 3, 5, owner);
  EXPECT_EQ(held.data(), owner->data());
  EXPECT_TRUE(gram_matrix(held) == gram_matrix(*owner));
  owner.reset();
  EXPECT_FALSE(watch.expired());
  Samples changed = held;
  changed.edit()(0, 0) = 7.0;
  EXPECT_NE(held(0, 0), 7.0);
  held = Samples();
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(changed(0, 0), 7.0);
  EXPECT_EQ(held.size(), 0);
}

TEST(Samples, AssignmentTakesMatricesAndExpressions) {
  Samples x;
  x = Matrix::Identity(2, 2);
  EXPECT_EQ(x.rows(), 2);
  x = 3.0 * x;
  EXPECT_EQ(x(1, 1), 3.0);
}

}  // namespace
}  // namespace latetime
