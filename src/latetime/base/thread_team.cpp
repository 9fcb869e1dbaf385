#include "latetime/base/thread_team.hpp"

#include <exception>
#include <mutex>
#include <system_error>

namespace latetime {
namespace {

// How often a waiting thread looks again before it lets the system put it to sleep. A step of a
// network worth sharing takes 10 µs and more, so a short spin hides most wake-ups.
constexpr int spins_before_sleep = 2000;

void wait_while_equal(const std::atomic<unsigned>& value, unsigned old) {
  for (int i = 0; i < spins_before_sleep; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

unsigned threads_worth_waking(double operations, unsigned threads) {
  constexpr double operations_worth_sharing = 200'000;
  return operations >= operations_worth_sharing ? threads : 1;
}

ThreadTeam::ThreadTeam(unsigned threads) {
  workers_.reserve(threads > 0 ? threads - 1 : 0);
  try {
    for (unsigned i = 1; i < threads; ++i) {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  } catch (const std::system_error&) {
    // The system gives no more threads; results do not depend on their number.
  }
}

ThreadTeam::~ThreadTeam() {
  for (auto& worker : workers_) worker.request_stop();
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
}

void ThreadTeam::for_each_block(std::size_t blocks, const std::function<void(std::size_t)>& body) {
  if (workers_.empty() || blocks <= 1) {
    for (std::size_t i = 0; i < blocks; ++i) body(i);
    return;
  }
  struct Failure {
    const std::function<void(std::size_t)>& body;
    std::atomic<std::size_t>& next_block;
    std::size_t blocks;
    std::mutex mutex = {};
    std::exception_ptr first = nullptr;
  } failure{body, next_block_, blocks};
  // One reference, so that no memory is asked for.
  const std::function<void(std::size_t)> guarded = [&failure](std::size_t i) {
    try {
      failure.body(i);
    } catch (...) {
      const std::lock_guard lock(failure.mutex);
      if (!failure.first) failure.first = std::current_exception();
      failure.next_block.store(failure.blocks, std::memory_order_relaxed);
    }
  };
  body_ = &guarded;
  blocks_ = blocks;
  next_block_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<unsigned>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  take_blocks();
  for (unsigned left = busy_.load(std::memory_order_acquire); left != 0;
       left = busy_.load(std::memory_order_acquire)) {
    wait_while_equal(busy_, left);
  }
  if (failure.first) std::rethrow_exception(failure.first);
}

void ThreadTeam::work(const std::stop_token& stop) {
  unsigned seen = 0;
  while (true) {
    wait_while_equal(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stop.stop_requested()) return;
    take_blocks();
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void ThreadTeam::take_blocks() {
  for (std::size_t i = next_block_.fetch_add(1, std::memory_order_relaxed); i < blocks_;
       i = next_block_.fetch_add(1, std::memory_order_relaxed)) {
    (*body_)(i);
  }
}

}  // namespace latetime
