#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace latetime {

/// What follows the dot of a key, which tells all keys apart: the name of its dimension, coordinate
/// and column, and a name for formulas.
std::string short_name(const std::string& key);

/// A formula over keys of the configuration, such as "20 * data.n" or "d >= 2 * n && slope < 1".
///
/// Names are whole keys ("data.n") or what follows their dot ("n"). Beside + - * / ^ there are
/// comparisons (1 or 0), && || !, c ? a : b, and functions: abs, ceil, exp, floor, fmod, ln, log10,
/// log2, max, min, rint, round, sqrt and the like of muParser, which reads it. It is arithmetic and
/// nothing else: no assignment, no text, no files.
class Expression {
 public:
  /// `keys`: all names there are, whole ones. Throws InputError, naming `where`, for what is no
  /// formula and for names that are no key.
  Expression(std::string text, std::string where, std::span<const std::string> keys);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  const std::string& text() const { return text_; }
  /// Where it stands, for messages.
  const std::string& where() const { return where_; }
  /// The keys that it uses, whole names, each once.
  const std::vector<std::string>& keys() const { return used_; }

  /// Its value; `values`: one for each of keys(). May be called by several threads. Throws
  /// InputError where it has none (0 / 0, log of −1).
  double at(std::span<const double> values) const;

 private:
  struct Parser;  // keeps muParser's header out of this one
  std::string text_, where_;
  std::vector<std::string> used_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace latetime
