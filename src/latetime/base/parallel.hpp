#pragma once

#include <cstddef>
#include <functional>

namespace latetime {

/// Runs job(0) … job(count − 1), each exactly once, on up to `threads` threads. The first exception
/// that a job throws ends the hand-out of further jobs and is thrown again here.
void run_jobs(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& job);

}  // namespace latetime
