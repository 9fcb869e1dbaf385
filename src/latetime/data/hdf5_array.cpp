#include "latetime/data/hdf5_array.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fstream>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

/// What the child sends first; then follow `rank` sizes and `count` doubles, or `count` bytes of an
/// error message.
struct ReplyHeader {
  static constexpr std::uint64_t array = 0x4c54415252415931, refusal = 0x4c54524546555331;
  std::uint64_t kind = 0;
  std::uint64_t rank = 0;
  std::uint64_t count = 0;
};

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

// ---- in the child -------------------------------------------------------------------------------

void set_soft_limit(int resource, rlim_t value) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return;
  limit.rlim_cur = std::min(value, limit.rlim_max);
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

/// Lets the child have `bytes` of memory beyond `now` (its address space when it began) and the
/// processor time that so many bytes may take.
void allow(std::size_t now, std::size_t bytes) {
  constexpr std::size_t slowest_bytes_a_second = 10 * megabyte;
  constexpr rlim_t least_seconds = 5;
  set_soft_limit(RLIMIT_AS, now + 64 * megabyte + bytes);
  set_soft_limit(RLIMIT_CPU, least_seconds + bytes / slowest_bytes_a_second);
}

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
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

bool send(int pipe, const void* bytes, std::size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t sent = ::write(pipe, next, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

/// Name of the wanted dataset. Throws InputError that lists what there is.
std::string find_dataset(const Hdf5Reader& file, const std::string& path,
                         const std::string& member) {
  std::string name = member.empty() || member.starts_with('/') ? member : "/" + member;
  if (!name.empty() && file.exists(name)) return name;
  std::vector<std::string> names = file.numeric_datasets();
  if (names.empty()) throw InputError(path, "holds no dataset of numbers; name another file");
  if (name.empty() && names.size() == 1) return names.front();
  const std::string problem =
      name.empty() ? fmt::format("holds {} datasets", names.size()) : "no dataset " + name;
  constexpr std::size_t most_listed = 12;
  if (names.size() > most_listed) {
    names.resize(most_listed);
    names.emplace_back("...");
  }
  throw InputError(path, fmt::format("{}; name one as {}:/PATH ({})", problem, path, join(names)));
}

void read_and_send(int pipe, const std::string& path, const std::string& member) {
  const std::size_t space = address_space(), file_size = require_file(path);
  allow(space, 4 * file_size);
  const Hdf5Reader file(path);
  const std::string name = find_dataset(file, path, member);
  const std::vector<std::size_t> shape = file.shape(name);  // plausible for the file's size
  std::size_t bytes = sizeof(double);
  for (const std::size_t size : shape) bytes = checked_product(bytes, size, path);
  allow(space, 4 * (bytes + file_size));
  const std::vector<double> values = file.read_doubles(name);
  const ReplyHeader header{ReplyHeader::array, shape.size(), values.size()};
  send(pipe, &header, sizeof header) &&
      send(pipe, shape.data(), shape.size() * sizeof(std::size_t)) &&
      send(pipe, values.data(), values.size() * sizeof(double));
}

/// Never returns: what belongs to the parent (buffers, exit handlers) is not touched.
[[noreturn]] void run_child(int pipe, const std::string& path, const std::string& member) {
  try {
    die_quietly();
    read_and_send(pipe, path, member);
  } catch (const InputError& error) {
    const std::string message = error.what();
    const ReplyHeader header{ReplyHeader::refusal, 0, message.size()};
    send(pipe, &header, sizeof header) && send(pipe, message.data(), message.size());
  } catch (...) {
    // No memory, most likely; the parent sees an early end.
  }
  ::_exit(0);
}

// ---- in the parent ------------------------------------------------------------------------------

bool receive(int pipe, void* bytes, std::size_t size) {
  char* next = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t got = ::read(pipe, next, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// Receives `count` entries; memory grows with what really comes, not with what is announced.
template <class Container>
bool receive_all(int pipe, std::uint64_t count, Container& entries) {
  constexpr std::size_t piece = megabyte;
  while (entries.size() < count) {
    const std::size_t before = entries.size();
    entries.resize(before + std::min<std::size_t>(piece, count - before));
    const auto added = std::span(entries).subspan(before);
    if (!receive(pipe, added.data(), added.size_bytes())) return false;
  }
  return true;
}

/// Throws InputError when the child refused the file, or ended before it had sent everything.
NumericArray receive_reply(int pipe, const std::string& path) {
  constexpr std::uint64_t most_dimensions = 32, longest_message = 100'000;
  const InputError damaged(path, "cannot be read as HDF5, the file is damaged; write it anew");
  ReplyHeader header;
  if (!receive(pipe, &header, sizeof header)) throw damaged;
  if (header.kind == ReplyHeader::refusal && header.count <= longest_message) {
    std::string message;
    if (!receive_all(pipe, header.count, message)) throw damaged;
    throw InputError(message);
  }
  NumericArray array;
  if (header.kind != ReplyHeader::array || header.rank > most_dimensions ||
      !receive_all(pipe, header.rank, array.shape)) {
    throw damaged;
  }
  std::size_t count = 1;
  for (const std::size_t size : array.shape) count = checked_product(count, size, path);
  if (count != header.count || !receive_all(pipe, count, array.values)) throw damaged;
  return array;
}

}  // namespace

NumericArray read_hdf5_array(const std::string& path, const std::string& member) {
  require_file(path);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw InputError(path,
                     fmt::format("cannot be read ({}); close some files", std::strerror(errno)));
  }
  Descriptor reading(ends[0]), writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) run_child(writing.get(), path, member);
  const int cause = errno;
  writing.close();
  if (child < 0) {
    throw InputError(path, fmt::format("cannot be read, no process for it could be started ({}); "
                                       "free some memory",
                                       std::strerror(cause)));
  }
  std::exception_ptr failure;
  NumericArray array;
  try {
    array = receive_reply(reading.get(), path);
  } catch (...) {
    failure = std::current_exception();
  }
  reading.close();  // a child that still sends ends now
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (failure) std::rethrow_exception(failure);
  return array;
}

}  // namespace latetime
