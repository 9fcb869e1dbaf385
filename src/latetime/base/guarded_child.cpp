#include "latetime/base/guarded_child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

// What the child sends first: that an answer follows, or the text of an InputError.
constexpr std::uint64_t answer_follows = 0x4c54415252415931, refusal_follows = 0x4c54524546555331;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

void set_soft_limit(int resource, rlim_t value) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return;
  limit.rlim_cur = std::min(value, limit.rlim_max);
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Address space of the child when it began.
std::size_t& first_address_space() {
  static std::size_t bytes = 0;
  return bytes;
}

/// Handlers and messages of the parent are not for the child's end: it dies in silence.
void die_quietly() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE}) {
    std::signal(signal, SIG_DFL);
  }
  set_soft_limit(RLIMIT_CORE, 0);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
}

/// Never returns: what belongs to the parent (buffers, exit handlers) is not touched.
[[noreturn]] void run_child(int pipe, const std::function<void(PipeEnd&)>& work) {
  PipeEnd to_parent(pipe, answer_follows);
  try {
    die_quietly();
    first_address_space() = address_space();
    try {
      work(to_parent);
    } catch (const InputError& error) {
      if (to_parent.has_sent()) ::_exit(0);  // half an answer: the parent sees an early end
      const std::string message = error.what();
      PipeEnd refusal(pipe, refusal_follows);
      refusal.send_number(message.size());
      refusal.send(message.data(), message.size());
    }
  } catch (...) {
    // No memory, most likely; the parent sees an early end.
  }
  ::_exit(0);
}

/// The child's answer, or the InputError that it sent instead.
void receive_reply(PipeEnd& from_child, const std::function<void(PipeEnd&)>& take) {
  constexpr std::uint64_t longest_message = 100'000;
  const std::uint64_t kind = from_child.receive_number();
  if (kind == answer_follows) return take(from_child);
  const std::uint64_t size = kind == refusal_follows ? from_child.receive_number() : 0;
  if (size == 0 || size > longest_message) throw PipeEnd::BrokenPipe{};
  std::string message;
  from_child.receive_into(message, size);
  throw InputError(message);
}

}  // namespace

void PipeEnd::send(const void* bytes, std::size_t size) {
  sent_ = true;
  if (first_) {
    const std::uint64_t word = *std::exchange(first_, std::nullopt);
    send(&word, sizeof word);
  }
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t sent = ::write(descriptor_, next, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) throw BrokenPipe{};
    next += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void PipeEnd::receive(void* bytes, std::size_t size) {
  char* next = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t got = ::read(descriptor_, next, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw BrokenPipe{};
    next += got;
    size -= static_cast<std::size_t>(got);
  }
}

std::uint64_t PipeEnd::receive_number() {
  std::uint64_t number = 0;
  receive(&number, sizeof number);
  return number;
}

void allow_child(std::size_t bytes) {
  constexpr std::size_t slowest_bytes_a_second = 10 * megabyte;
  constexpr rlim_t least_seconds = 5;
  set_soft_limit(RLIMIT_AS, first_address_space() + 64 * megabyte + bytes);
  set_soft_limit(RLIMIT_CPU, least_seconds + bytes / slowest_bytes_a_second);
}

void read_in_child(const std::string& path, const std::string& problem,
                   const std::function<void(PipeEnd& to_parent)>& work,
                   const std::function<void(PipeEnd& from_child)>& take) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw InputError(
        path, std::string("cannot be read (") + std::strerror(errno) + "); close some files");
  }
  Descriptor reading(ends[0]), writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    reading.close();  // so that a dead parent breaks the pipe
    run_child(writing.get(), work);
  }
  const int cause = errno;
  writing.close();
  if (child < 0) {
    throw InputError(path, std::string("cannot be read, no process for it could be started (") +
                               std::strerror(cause) + "); free some memory");
  }
  std::exception_ptr failure;
  try {
    PipeEnd from_child(reading.get());
    receive_reply(from_child, take);
  } catch (const PipeEnd::BrokenPipe&) {
    failure = std::make_exception_ptr(InputError(path, problem));
  } catch (...) {
    failure = std::current_exception();
  }
  reading.close();  // a child that still sends ends now
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace latetime
