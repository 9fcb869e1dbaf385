#pragma once

#include <cstddef>
#include <mutex>

namespace latetime::python {

/// Holds BLAS to the calling thread while there is one: NumPy shares the library, and gets its
/// threads back afterwards.
class BlasOnThisThread {
 public:
  BlasOnThisThread();
  ~BlasOnThisThread();
  BlasOnThisThread(const BlasOnThisThread&) = delete;
  BlasOnThisThread& operator=(const BlasOnThisThread&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline std::size_t holders_ = 0;
  static inline int threads_before_ = 1;
};

}  // namespace latetime::python
