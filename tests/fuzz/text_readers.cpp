// Arrays and samples in text, of other programs. What was accepted is held against a reading of our
// own, as plain as can be, and against writing and reading it again.

#include <cctype>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>

#include "fuzz/array_checks.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/sample_file.hpp"
#include "latetime/data/svmlight.hpp"

namespace latetime::fuzz {
namespace {

// ---- CSV

/// A few bytes of LIBSVM's format may say an array of gigabytes; few such inputs are enough.
void pass_over_most_large_indices(const std::string& bytes) {
  constexpr std::size_t most_digits = 4, read_one_in = 256;
  std::size_t digits = 0;
  for (const char c : bytes) {
    if (c == ':' && digits > most_digits && hash_of(bytes) % read_one_in != 0) throw NotAnInput();
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
  }
}

/// The numbers of a line, when it consists of them.
std::optional<std::vector<double>> plain_numbers(const std::string& line, char delimiter) {
  std::vector<double> numbers;
  std::string field;
  const auto take = [&] {
    const std::size_t first = field.find_first_not_of(" \t\r");
    if (first == std::string::npos) return false;
    field = field.substr(first, field.find_last_not_of(" \t\r") - first + 1);
    if (field.size() > 1 && field.front() == '"' && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    char* end = nullptr;
    numbers.push_back(std::strtod(field.c_str(), &end));
    bool whole = end == field.c_str() + field.size() && !field.empty();
    for (char& c : field) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (field == "true" || field == "false") {
      numbers.back() = field == "true" ? 1.0 : 0.0;
      whole = true;
    }
    field.clear();
    return whole;
  };
  bool any = false;
  for (const char c : line + delimiter) {
    const bool ends = delimiter == ' ' ? c == ' ' || c == '\t' || c == '\r' : c == delimiter;
    if (!ends) {
      field += c;
      continue;
    }
    if (delimiter == ' ' && field.empty()) continue;
    if (!take()) return std::nullopt;
    any = true;
  }
  return any ? std::optional(numbers) : std::nullopt;
}

std::vector<std::string> data_lines(std::string text) {
  std::vector<std::string> lines;
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    std::string line = text.substr(at, end - at);
    line.resize(std::min(line.find('#'), line.size()));
    line.resize(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t\r"));
    if (!line.empty()) lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

char plain_delimiter(const std::string& line) {
  for (const char delimiter : {';', ',', '\t'}) {
    if (line.find(delimiter) != std::string::npos) return delimiter;
  }
  return ' ';
}

class CsvTarget : public Target {
 public:
  explicit CsvTarget(const std::string& folder) : path_(folder + "/x.csv") {}
  void read(const Input& input) override {
    pass_over_most_large_indices(input.bytes);
    write_bytes(path_, input.bytes);
    const NumericArray array = read_array(path_);
    require_whole(array);
    require(array.shape.size() == 2 && !array.values.empty(), "no table of numbers");
    if (looks_like_svmlight(input.bytes)) return;  // the reader libsvm is for those
    // Quotes, UTF-16 and delimiters of another kind are beyond the plain reading.
    const bool plain =
        input.bytes.find('"') == std::string::npos && !input.bytes.starts_with("\xff\xfe") &&
        !input.bytes.starts_with("\xfe\xff") && input.bytes.find("ep=") == std::string::npos &&
        input.bytes.find("EP=") == std::string::npos;
    if (plain) check_lines(data_lines(input.bytes), array);
    write_bytes(path_, written(array));
    require(same(read_array(path_), array), "written and read again, it is another table");
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  static void check_lines(const std::vector<std::string>& lines, const NumericArray& array) {
    constexpr std::size_t most_passed_over = 1;  // a header
    const std::size_t rows = array.shape[0], columns = array.shape[1];
    require(rows <= lines.size() && rows + most_passed_over >= lines.size(),
            "rows are missing, or made up");
    const std::size_t passed_over = lines.size() - rows;
    for (std::size_t i = 0; i < passed_over; ++i) {
      require(!plain_numbers(lines[i], plain_delimiter(lines[i])), "a row of numbers is left out");
    }
    const char delimiter = plain_delimiter(lines[passed_over]);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto numbers = plain_numbers(lines[passed_over + row], delimiter);
      require(numbers && numbers->size() == columns, "a row has other fields");
      for (std::size_t c = 0; c < columns; ++c) {
        require(same((*numbers)[c], array.values[row * columns + c]), "a field is another number");
      }
    }
  }

  static std::string written(const NumericArray& array) {
    std::string text;
    for (std::size_t i = 0; i < array.values.size(); ++i) {
      text += shortest(array.values[i]);
      text += (i + 1) % array.shape[1] ? ',' : '\n';
    }
    return text;
  }

  std::string path_;
};

// ---- LIBSVM

/// Kind "svm".
class SvmlightTarget : public Target {
 public:
  explicit SvmlightTarget(const std::string& folder) : path_(folder + "/x.svm") {}
  void read(const Input& input) override {
    pass_over_most_large_indices(input.bytes);
    write_bytes(path_, input.bytes);
    const LabelledArray read = read_labelled(path_, "", 0);
    require_whole(read.x);
    require(read.has_labels && read.x.shape.size() == 2 && read.labels.size() == read.x.shape[0],
            "not a label a sample");
    if (input.bytes.find('\0') == std::string::npos && !input.bytes.starts_with("\xff") &&
        !input.bytes.starts_with("\xfe")) {
      check_sum(input.bytes, read.x);
    }
    write_bytes(path_, written(read));
    const LabelledArray again = read_labelled(path_, "", read.x.shape[1]);
    require(same(again.x, read.x), "written and read again, it is another array");
  }
  std::vector<std::string> places() const override { return {path_}; }

 private:
  /// The entries of every line, added up by weight of their place, are those of the array.
  static void check_sum(const std::string& text, const NumericArray& x) {
    std::size_t row = 0, zero = 1;
    std::vector<std::pair<std::size_t, double>> entries;
    std::vector<std::size_t> ends;
    for (const std::string& line : data_lines(text)) {
      for (std::size_t at = line.find_first_of(" \t"); at != std::string::npos;) {
        const std::size_t begin = line.find_first_not_of(" \t\r", at);
        if (begin == std::string::npos) break;
        at = line.find_first_of(" \t\r", begin);
        const std::string word = line.substr(begin, at - begin);
        if (word.starts_with("qid:")) continue;
        const std::size_t colon = word.find(':');
        const std::string value = word.substr(colon + 1);
        const double number = value.size() > 3 && std::isalpha(static_cast<unsigned char>(value[0]))
                                  ? plain_numbers(value, ' ').value_or(std::vector{0.0})[0]
                                  : std::strtod(value.c_str(), nullptr);
        entries.emplace_back(std::strtoull(word.c_str(), nullptr, 10), number);
        if (entries.back().first == 0) zero = 0;
      }
      ends.push_back(entries.size());
      ++row;
    }
    require(row == x.shape[0], "lines are missing, or made up");
    std::size_t at = 0;
    for (std::size_t i = 0; i < row; ++i) {
      std::vector<double> dense(x.shape[1], 0.0);
      for (; at < ends[i]; ++at) dense.at(entries[at].first - zero) = entries[at].second;
      require(std::equal(dense.begin(), dense.end(),
                         x.values.begin() + static_cast<std::ptrdiff_t>(i * x.shape[1]),
                         [](double a, double b) { return same(a, b); }),
              "an entry is another number");
    }
  }

  static std::string written(const LabelledArray& data) {
    std::string text;
    const std::size_t d = data.x.shape[1];
    for (std::size_t i = 0; i < data.x.shape[0]; ++i) {
      text += "1";
      for (std::size_t k = 0; k < d; ++k) {
        const double value = data.x.values[i * d + k];
        if (!same(value, 0.0)) text += fmt::format(" {}:{}", k + 1, shortest(value));
      }
      text += "\n";
    }
    return text;
  }

  std::string path_;
};

// ---- samples with labels

/// Kinds "csv" and "svm"; a first line "#key=value;…" sets data.label_column, data.positive,
/// data.d.
class SamplesTarget : public Target {
 public:
  explicit SamplesTarget(const std::string& folder) : folder_(folder) {}
  void read(const Input& input) override {
    const std::string path = folder_ + "/x." + input.kind;
    pass_over_most_large_indices(input.bytes);
    write_bytes(path, input.bytes);
    SampleFileOptions options;
    options.x = path;
    options.label_column = value_of(input.bytes, "label_column");
    options.positive = value_of(input.bytes, "positive");
    options.features = std::strtoull(value_of(input.bytes, "d").c_str(), nullptr, 10) % 100;
    const Dataset data = load_sample_files(options);
    require(data.size() > 0 && static_cast<std::size_t>(data.size()) == data.classes.size(),
            "not a class a sample");
    require(data.x.allFinite(), "an entry is not finite");
    require_classes(data);
  }
  std::vector<std::string> places() const override { return {folder_, "data."}; }

 private:
  /// Two classes, of which one may be empty, or more, each with a sample.
  static void require_classes(const Dataset& data) {
    std::set<int> seen;
    for (const int c : data.classes) {
      require(c >= 0 && c < data.class_count, "a class that does not exist");
      seen.insert(c);
    }
    require(data.class_count == 2 || (data.class_count > 2 && std::ssize(seen) == data.class_count),
            "a class without a sample");
  }

  static std::string value_of(const std::string& text, const std::string& key) {
    const std::string line = text.substr(0, text.find('\n'));
    const std::size_t at = line.find(key + "=");
    if (!line.starts_with('#') || at == std::string::npos) return "";
    const std::size_t begin = at + key.size() + 1;
    return line.substr(begin, line.find(';', begin) - begin);
  }

  std::string folder_;
};

}  // namespace

std::vector<Reader> text_readers() {
  std::vector<Reader> all;
  all.push_back(reader<CsvTarget>(
      "csv",
      {",",        ";",   "\t",   "\n",    "\r\n",         "#",  "1e3",     "-1.5", "NA",
       "nan",      "inf", "x,y",  "1x1",   "sep=;\n",      "\"", "\"1.5\"", "'",    "\xef\xbb\xbf",
       "\xff\xfe", "e",   "E+05", "label", "\xe2\x88\x92", ".",  "+",       "0x1p3"}));
  all.push_back(reader<SvmlightTarget>("libsvm", {" 1:", " 2:0.5", "qid:1 ", "\n+1 ", "\n-1 ", "#",
                                                  "\r", "nan", "inf", "true", " 0:1", "a:b"}));
  all.push_back(reader<SamplesTarget>("samples", {",",          "\n",   "#label_column=",
                                                  ";positive=", ";d=",  "label",
                                                  "yes",        "no",   "True",
                                                  "+1",         "-1",   "1.0",
                                                  "\"",         "\"\"", " 1:2",
                                                  "class",      "NA",   "-9",
                                                  "1x1",        "0",    "2",
                                                  "3"}));
  return all;
}

}  // namespace latetime::fuzz
