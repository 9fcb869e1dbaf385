#include "latetime/base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace latetime {

void run_jobs(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& job) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        job(i);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    workers.reserve(threads);
    try {
      for (unsigned i = 1; i < std::min<std::size_t>(threads, count); ++i) {
        workers.emplace_back(work);
      }
    } catch (const std::system_error&) {
      // No more threads to be had: those that run, and this one, do all the work.
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace latetime
