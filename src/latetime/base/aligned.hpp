#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace latetime {

/// Allocator of cache-line-aligned memory for the vector kernels.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheLineAllocator() = default;
  template <class U>
  explicit CacheLineAllocator(const CacheLineAllocator<U>&) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), alignment));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, alignment); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

/// Array that starts on a cache line.
template <class T>
using AlignedArray = std::vector<T, CacheLineAllocator<T>>;
using AlignedVector = AlignedArray<double>;

}  // namespace latetime
