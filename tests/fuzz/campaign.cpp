#include "fuzz/campaign.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/coverage.hpp"
#include "fuzz/mutator.hpp"
#include "latetime/base/error.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>

/// HDF5 1.10 itself loses some 400 bytes for every damaged object header.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5_serial\n";
}

/// Stacks of every allocation would cost a third of the time, and so would a fill of large ones.
extern "C" const char* __asan_default_options() {
  return "malloc_context_size=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64:"
         "max_malloc_fill_size=64:allocator_may_return_null=1";
}
#endif

namespace latetime::fuzz {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr std::size_t most_inputs_kept = 4000;  // for their branches
constexpr std::size_t costly_one_in = 16;

/// What worker and monitor share.
struct Board {
  volatile std::uint64_t inputs, read, refused, wrong, unclear, skipped;
  volatile double slowest;
  volatile bool done;
  std::size_t size;
  std::array<char, 64> kind;
  std::array<char, most_bytes> bytes;

  void show(const Input& input) {
    std::snprintf(kind.data(), kind.size(), "%s", input.kind.c_str());
    size = std::min(input.bytes.size(), most_bytes);
    std::memcpy(bytes.data(), input.bytes.data(), size);
  }
  Input shown() const { return {kind.data(), std::string(bytes.data(), size)}; }
};

/// Whether memory was lost; unknown without the sanitizer.
bool leaks() {
#ifdef __SANITIZE_ADDRESS__
  return __lsan_do_recoverable_leak_check() != 0;
#else
  return false;
#endif
}

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Processor time of `process`, which runs: on a loaded machine an input waits, but takes no more
/// of it.
double processor_seconds(pid_t process) {
  clockid_t clock{};
  return ::clock_getcpuclockid(process, &clock) == 0 ? seconds_of(clock) : 0.0;
}

/// Processor time of the processes that were waited for, and of those that they waited for.
double processor_seconds_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// "name.metrics.csv" holds an input of kind "metrics.csv".
std::string kind_of(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.substr(name.find('.') + 1);
}

std::vector<Input> inputs_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const fs::path& path : paths) inputs.push_back({kind_of(path), bytes_of(path)});
  return inputs;
}

/// What is wrong with a message, if anything.
std::string unclear_message(const std::string& message, const std::vector<std::string>& places) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(message.begin(), message.end(), is_control)) {
    return "a refusal with control characters";
  }
  const bool placed = std::any_of(places.begin(), places.end(), [&](const std::string& place) {
    return message.find(place) != std::string::npos;
  });
  return placed ? "" : "a refusal that names no file";
}

/// Keeps one input for each kind of fault.
class Keeper {
 public:
  Keeper(std::string folder, std::string reader)
      : folder_(std::move(folder)), reader_(std::move(reader)) {}

  void keep(const Input& input, const std::string& fault) {
    // Faults that differ in numbers alone are one, and of a kind a few are enough.
    constexpr std::size_t most_of_a_kind = 4, kind_length = 40;
    std::string key;
    for (const char c : fault.substr(0, 300)) {
      if (c < '0' || c > '9') key += c;
    }
    const std::string name =
        fmt::format("{}-{:08x}", reader_, std::hash<std::string>()(key) & 0xffffffff);
    if (!known_.insert(name).second || fs::exists(folder_ + "/" + name + ".txt")) return;
    if (++kinds_[fault.substr(0, kind_length)] > most_of_a_kind) return;
    fs::create_directories(folder_);
    write_bytes(folder_ + "/" + name + "." + input.kind, input.bytes);
    write_bytes(folder_ + "/" + name + ".txt", fault + "\n");
  }

 private:
  std::string folder_, reader_;
  std::set<std::string> known_;
  std::map<std::string, std::size_t> kinds_;
};

/// The child process that reads.
class Worker {
 public:
  Worker(const Reader& reader, std::string kept, std::string corpus, Board& board)
      : keeper_(std::move(kept), reader.name), corpus_folder_(std::move(corpus)), board_(board) {}

  void run(const Reader& reader, Target& target, std::vector<Input> seeds, std::uint64_t seed,
           const Limits& limits, Clock::time_point end) {
    const Mutator mutator(reader.words, reader.longest);
    std::vector<Input> corpus = std::move(seeds);
    const std::size_t first_found = corpus.size();
    while (board_.inputs < first_found) feed(target, corpus[board_.inputs]);
    for (Input& found : inputs_in(corpus_folder_)) {  // by an earlier worker
      coverage_.begin();
      corpus.push_back(std::move(found));
    }
    while (board_.inputs - board_.skipped < limits.inputs && Clock::now() < end) {
      Dice dice(seed, board_.inputs);
      // Half of the inputs come from the latest finds, which lead furthest.
      const auto pick = [&] {
        const std::size_t recent = std::min<std::size_t>(corpus.size(), 64);
        return dice.one_in(2) ? dice.below(corpus.size())
                              : corpus.size() - recent + dice.below(recent);
      };
      std::size_t picked = pick();
      while (target.is_costly(corpus[picked].kind) && !dice.one_in(costly_one_in)) picked = pick();
      Input input = corpus[picked];
      const Input& other = corpus[dice.below(corpus.size())];
      input.bytes = mutator.mutated(std::move(input.bytes), other.bytes, dice);
      if (!feed(target, input) || corpus.size() >= most_inputs_kept) continue;
      write_bytes(fmt::format("{}/{:08d}.{}", corpus_folder_, board_.inputs, input.kind),
                  input.bytes);
      corpus.push_back(std::move(input));
    }
    board_.done = true;
  }

 private:
  /// Whether the input reached something new.
  bool feed(Target& target, const Input& input) {
    board_.show(input);
    board_.inputs = board_.inputs + 1;
    const double begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    coverage_.begin();
    try {
      target.read(input);
      board_.read = board_.read + 1;
    } catch (const InputError& error) {
      board_.refused = board_.refused + 1;
      const std::string problem = unclear_message(error.what(), target.places());
      if (!problem.empty()) unclear(input, problem + ": " + error.what());
    } catch (const WrongRead& error) {
      board_.wrong = board_.wrong + 1;
      keeper_.keep(input, std::string("wrong read: ") + error.what());
    } catch (const NotAnInput&) {
      board_.skipped = board_.skipped + 1;
    } catch (const std::exception& error) {
      unclear(input, fmt::format("{}: {}", typeid(error).name(), error.what()));
    }
    const double took = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - begin;
    if (took > board_.slowest) board_.slowest = took;
    return coverage_.is_new();
  }

  void unclear(const Input& input, const std::string& what) {
    board_.unclear = board_.unclear + 1;
    keeper_.keep(input, what);
  }

  Keeper keeper_;
  std::string corpus_folder_;
  Board& board_;
  Coverage coverage_;
};

/// What a sanitizer said at the worker's end, in a line or a few.
std::string last_words(const std::string& log) {
  const std::string text = bytes_of(log);
  for (const char* sign : {"ERROR: AddressSanitizer", "runtime error", "ERROR: LeakSanitizer"}) {
    const std::size_t at = text.find(sign);
    if (at == std::string::npos) continue;
    const std::size_t line = text.rfind('\n', at);
    std::string report = text.substr(line == std::string::npos ? 0 : line + 1, 4000);
    const std::size_t legend = report.find("\nSUMMARY");
    return report.substr(0, legend == std::string::npos ? report.size() : legend);
  }
  return text.substr(text.size() > 500 ? text.size() - 500 : 0);
}

/// Frames of the report that lie in the library before any of this program.
bool ended_in(const std::string& library, const std::string& report) {
  if (library.empty()) return false;
  const std::size_t inside = report.find(library), own = report.find("latetime::");
  return inside != std::string::npos && (own == std::string::npos || inside < own);
}

std::string fault_key(const std::string& report) {
  // Places in the code, without addresses and process numbers.
  std::string key;
  std::size_t frames = 0;
  for (std::size_t at = report.find(" in "); at != std::string::npos && frames < 4;
       at = report.find(" in ", at + 1), ++frames) {
    key += report.substr(at + 4, report.find('\n', at) - at - 4) + "\n";
  }
  if (key.empty()) key = report.substr(0, report.find('\n'));
  return report.substr(0, 60).find("runtime error") != std::string::npos || key.empty() ? report
                                                                                        : key;
}

}  // namespace

std::string bytes_of(const fs::path& path) {
  std::string bytes;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return bytes;
  std::array<char, 65536> buffer;
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), file)) > 0;) {
    bytes.append(buffer.data(), got);
  }
  std::fclose(file);
  return bytes;
}

void write_bytes(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const ssize_t written = file < 0 ? -1 : ::write(file, bytes.data(), bytes.size());
  if (file >= 0) ::close(file);
  if (written != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("cannot write " + path);
  }
}

Account try_reader(const Reader& reader, const std::string& seeds, const std::string& kept,
                   std::uint64_t random_seed, const Limits& limits) {
  std::string work = "/dev/shm/latetime_fuzz_XXXXXX";
  if (!::mkdtemp(work.data())) throw std::runtime_error("cannot make a folder in /dev/shm");
  const std::string corpus = work + "/corpus", place = work + "/read", log = work + "/log";
  fs::create_directory(corpus);
  void* memory =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
  Board& board = *static_cast<Board*>(memory);
  Keeper keeper(kept, reader.name);
  Account account{.reader = reader.name};
  const double begin = processor_seconds_of_children();
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(limits.seconds));
  std::uint64_t fruitless = 0;
  while (!board.done && Clock::now() < end && fruitless < 20) {
    const std::uint64_t before = board.inputs;
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("cannot start a process");
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no reading goes on for nobody
      const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
      ::dup2(file, STDERR_FILENO);
      ::dup2(file, STDOUT_FILENO);
      fs::remove_all(place);
      fs::create_directory(place);
      const auto target = reader.make(place);
      std::vector<Input> inputs = inputs_in(fs::path(seeds) / reader.name);
      for (Input& input : target->further_seeds()) inputs.push_back(std::move(input));
      Worker(reader, kept, corpus, board)
          .run(reader, *target, std::move(inputs), random_seed, limits, end);
      ::_exit(leaks() ? 3 : 0);
    }
    std::uint64_t seen = board.inputs;
    double seen_at = processor_seconds(child);
    auto since = Clock::now();
    bool hung = false;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (board.inputs != seen || board.done) {
        seen = board.inputs;
        seen_at = processor_seconds(child);
        since = Clock::now();
      } else if (processor_seconds(child) - seen_at > limits.seconds_an_input ||
                 Clock::now() - since > std::chrono::duration<double>(limits.longest_wait)) {
        hung = true;
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        break;
      }
    }
    fruitless = board.inputs > before ? 0 : fruitless + 1;
    if (!hung && WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    const std::string report = last_words(log);
    const Input input = board.shown();
    if (hung && !reader.expendable_library.empty()) {
      ++account.child_ends;  // the product's child has so much processor time and no more
    } else if (hung) {
      ++account.hangs;
      keeper.keep(input, "hangs");
    } else if (ended_in(reader.expendable_library, report)) {
      ++account.child_ends;
    } else {
      ++account.crashes;
      keeper.keep(input, fault_key(report) + "\n" + report);
    }
  }
  account.inputs = board.inputs - board.skipped;
  account.read = board.read;
  account.refused = board.refused;
  account.wrong = board.wrong;
  account.unclear = board.unclear;
  account.slowest = board.slowest;
  account.seconds = processor_seconds_of_children() - begin;
  ::munmap(memory, sizeof(Board));
  fs::remove_all(work);
  return account;
}

}  // namespace latetime::fuzz
