#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace latetime {

/// One end of the pipe between a guarded child and its parent. Both methods throw BrokenPipe when
/// the other end is gone before all is over.
class PipeEnd {
 public:
  struct BrokenPipe {};

  explicit PipeEnd(int descriptor) : descriptor_(descriptor) {}
  /// Sends `first` before anything else.
  PipeEnd(int descriptor, std::uint64_t first) : descriptor_(descriptor), first_(first) {}

  void send(const void* bytes, std::size_t size);
  void send_number(std::uint64_t number) { send(&number, sizeof number); }

  void receive(void* bytes, std::size_t size);
  std::uint64_t receive_number();
  /// Appends `count` entries; memory grows with what really comes, not with what is announced.
  template <class Container>
  void receive_into(Container& entries, std::uint64_t count) {
    constexpr std::size_t piece = std::size_t{1} << 17;
    for (std::uint64_t left = count; left > 0;) {
      const std::size_t now = left < piece ? static_cast<std::size_t>(left) : piece;
      entries.resize(entries.size() + now);
      const auto added = std::span(entries).last(now);
      receive(added.data(), added.size_bytes());
      left -= now;
    }
  }

  bool has_sent() const { return sent_; }

 private:
  int descriptor_;
  std::optional<std::uint64_t> first_;
  bool sent_ = false;
};

/// Lets the calling child have `bytes` of memory beyond what it began with, and the processor time
/// that so many bytes may take.
void allow_child(std::size_t bytes);

/// Carries out `work` in a child process (fork), for libraries that may crash, loop or ask for any
/// amount of memory on a damaged file. What it sends, `take` receives here. An InputError of `work`
/// is thrown again here; any other end of the child before `take` has all that it asks for becomes
/// the InputError(path, problem). `work` calls allow_child() before it looks at the file, and sends
/// nothing before it knows that the file is sound.
void read_in_child(const std::string& path, const std::string& problem,
                   const std::function<void(PipeEnd& to_parent)>& work,
                   const std::function<void(PipeEnd& from_child)>& take);

}  // namespace latetime
