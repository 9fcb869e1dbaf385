// Counts requests for memory. The linker turns the program's calls of malloc and its kin into
// __wrap_malloc (tests/CMakeLists.txt), which also sees Eigen's; operator new is replaced here so
// that it passes through the same counter.

#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "problems.hpp"

namespace {
std::atomic<long> allocations{0};
}

extern "C" {
// The names are the linker's (--wrap).
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
int __real_posix_memalign(void** memory, std::size_t alignment, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  ++allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, std::size_t size) {
  ++allocations;
  return __real_realloc(memory, size);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __real_aligned_alloc(alignment, size);
}
int __wrap_posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++allocations;
  return __real_posix_memalign(memory, alignment, size);
}
// NOLINTEND(bugprone-reserved-identifier)
}

void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (size + unit) / unit * unit)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace latetime {
namespace {

using namespace testing_support;

TEST(Allocations, AreCounted) {
  const long start = allocations;
  const std::vector<double> vector(100);
  const AlignedVector aligned(100);
  const Matrix matrix(10, 10);
  EXPECT_EQ(allocations - start, 3) << vector.data() << aligned.data() << matrix.data();
}

TEST(Allocations, AStepOfTheCoefficientEngineMakesNone) {
  std::vector<TestProblem> cases = problems();
  cases.push_back(problem_on("threads", gaussian_mixture(130, 20, 0.05, 1.0, 1), 200, 0.1, 1e-2));
  for (const TestProblem& problem : cases) {
    for (const unsigned threads : {1u, 2u}) {
      CoefficientEngine engine(problem, threads);
      engine.advance(1);
      const long start = allocations;
      engine.advance(200);
      EXPECT_EQ(allocations, start) << problem.name << ", " << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace latetime
