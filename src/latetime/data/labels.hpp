#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// The labels of n samples as they were given: numbers, booleans, or words.
///
/// Labels are the same when they are the same number ("1", "+1.0"), or the same word; true and
/// false, as booleans or as words in any case, are the numbers 1 and 0.
class Labels {
 public:
  void add(double label);
  void add(std::string_view label);  ///< a number, a boolean, or a word
  void add(bool label) { add(std::string_view(label ? "True" : "False")); }

  std::size_t size() const { return which_.size(); }
  /// The different labels in the order of their first appearance, as it was written.
  const std::vector<std::string>& names() const { return names_; }
  /// For each label, what makes two of them the same.
  const std::vector<std::string>& keys() const { return keys_; }
  /// For each sample, the number of its label in `names()`.
  const std::vector<std::uint32_t>& which() const { return which_; }

 private:
  void add(const std::string& key, std::string_view name);

  std::vector<std::string> names_, keys_;
  std::vector<std::uint32_t> which_;
  std::map<std::string, std::uint32_t, std::less<>> number_of_;  // by key
};

Labels labels_of(std::span<const double> values);

/// Class numbers of labels of two classes: 0 for +1, 1 for −1. With `positive` empty, the labels
/// are +1 and −1; else there are at most two, and the one that is `positive` is +1, the other −1.
/// Throws InputError, naming `where`, the labels found and the mend (key data.positive), for any
/// others, a missing one, or none that is `positive`.
std::vector<int> two_classes(const Labels& labels, const std::string& positive,
                             const std::string& where);

/// The class of each sample where the labels number K ≥ 3 classes: 0, 1, …, K−1, each of them
/// there, 100 at most; else empty.
std::vector<int> numbered_classes(const Labels& labels);

/// Data set from labels, of which `positive` counts as +1 (see `two_classes`), or, with `positive`
/// empty, that number three classes and more; `where_x` and `where_y` name the inputs in error
/// messages. Throws InputError for an empty set, a shape mismatch, an entry that is not finite, and
/// other labels that `two_classes` refuses.
Dataset make_dataset(Samples x, const Labels& labels, const std::string& positive,
                     const std::string& where_x, const std::string& where_y, std::string origin);

}  // namespace latetime
