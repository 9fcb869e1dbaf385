#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace latetime {

/// How many of `threads` a loop is worth that takes about so many multiplications and additions
/// each time: waking another thread for less than some ten microseconds of work costs more than it
/// brings, by far where cores are busy.
unsigned threads_worth_waking(double operations, unsigned threads);

/// A fixed team of threads for short parallel loops inside a gradient step. Work is handed out in
/// blocks whose bounds never depend on the number of threads; a loop body that writes only to its
/// own block therefore gives the same bits for every team size.
class ThreadTeam {
 public:
  /// `threads` ≥ 1 counts the calling thread; 1 starts no thread at all.
  explicit ThreadTeam(unsigned threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  unsigned size() const { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Runs body(0) … body(blocks − 1), each exactly once, and returns when all are done.
  /// The first exception of a body ends the hand-out of blocks and is thrown again here.
  void for_each_block(std::size_t blocks, const std::function<void(std::size_t)>& body);

 private:
  void work(const std::stop_token& stop);
  void take_blocks();

  std::vector<std::jthread> workers_;
  const std::function<void(std::size_t)>* body_ = nullptr;
  std::size_t blocks_ = 0;
  std::atomic<std::size_t> next_block_{0};
  std::atomic<unsigned> generation_{0};
  std::atomic<unsigned> busy_{0};
};

}  // namespace latetime
