#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace latetime::fuzz {

/// Bytes that a reader is to read, and what file they are the content of ("npy", "metrics.csv"; a
/// reader knows its kinds).
struct Input {
  std::string kind;
  std::string bytes;
};

/// What was read is not what the input says: worse than a crash.
class WrongRead : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The input cannot be brought to the reader, and says nothing about it.
struct NotAnInput {};

inline void require(bool holds, const char* what) {
  if (!holds) throw WrongRead(what);
}

/// A reader of the product, ready to be fed.
class Target {
 public:
  virtual ~Target() = default;
  /// Reads the input by the product's own functions and checks what was read. Throws WrongRead, or
  /// what the product throws: InputError for a refusal, all else is a fault.
  virtual void read(const Input& input) = 0;
  /// Parts of which one must stand in every refusal: names of files and folders.
  virtual std::vector<std::string> places() const = 0;
  /// Inputs beside the stored ones.
  virtual std::vector<Input> further_seeds() { return {}; }
  /// Whether inputs of this kind take ten times as long as others: they are drawn rarely.
  virtual bool is_costly(const std::string& /*kind*/) const { return false; }
};

/// How a reader is tried.
struct Reader {
  std::string name;  ///< also of its folder of seeds
  std::vector<std::string> words;
  /// In a folder of its own, in memory.
  std::function<std::unique_ptr<Target>(const std::string& folder)> make;
  /// The product reads such files in a process that may end at any time; here it is the worker, and
  /// its end within that library is no fault.
  std::string expendable_library = {};
  std::size_t longest = 4096;  ///< bytes of an input
};

/// The reader that a class derived from Target tries, which is made from the name of its folder.
template <class T>
Reader reader(std::string name, std::vector<std::string> words, std::size_t longest = 4096) {
  return {.name = std::move(name),
          .words = std::move(words),
          .make = [](const std::string& folder) { return std::make_unique<T>(folder); },
          .longest = longest};
}

/// Those of a program: data_readers.cpp and text_readers.cpp, of arrays, or run_readers.cpp, of
/// what runs leave.
std::vector<Reader> all_readers();

/// Bytes to and from files.
std::string bytes_of(const std::filesystem::path& path);
void write_bytes(const std::string& path, std::string_view bytes);

}  // namespace latetime::fuzz
