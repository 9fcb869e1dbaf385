#include "latetime/sweep/expression.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <muParser.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {

struct Expression::Parser {
  mu::Parser parser;
  std::vector<double> values;                  // one a used key
  std::map<std::string, std::size_t> aliases;  // a name of the formula -> its place in `values`
  std::mutex mutex;                            // muParser evaluates into members of its own
};

namespace {

double not_of(double value) {
  return value == 0.0 ? 1.0 : 0.0;
}

void define_functions(mu::Parser& parser) {
  parser.DefineNameChars("0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.");
  parser.DefineInfixOprtChars("+-!");
  parser.DefineInfixOprt("!", not_of);
  parser.DefineFun("floor", static_cast<double (*)(double)>(std::floor));
  parser.DefineFun("ceil", static_cast<double (*)(double)>(std::ceil));
  parser.DefineFun("round", static_cast<double (*)(double)>(std::round));
  parser.DefineFun("fmod", static_cast<double (*)(double, double)>(std::fmod));
}

/// muParser would take "n = 5" for an assignment.
void refuse_assignment(const std::string& text, const std::string& where) {
  for (std::size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
    const bool second = at > 0 && std::string("=<>!").find(text[at - 1]) != std::string::npos;
    const bool first = at + 1 < text.size() && text[at + 1] == '=';
    if (!second && !first) {
      throw InputError(where, fmt::format("\"{}\" assigns by =; compare by ==", text));
    }
    if (first) ++at;
  }
}

/// The whole name of a key.
std::string whole_name(const std::string& name, const Expression& expression,
                       std::span<const std::string> keys) {
  std::vector<std::string> known(keys.begin(), keys.end());
  for (const std::string& key : keys) {
    if (key == name || short_name(key) == name) return key;
    known.push_back(short_name(key));
  }
  throw InputError(expression.where(),
                   fmt::format("\"{}\": {} is no key of the configuration; did you mean {}?",
                               expression.text(), name, nearest_name(name, known)));
}

[[noreturn]] void refuse(const std::string& where, const std::string& text,
                         const mu::ParserError& error) {
  std::string problem = error.GetMsg();
  while (!problem.empty() && (problem.back() == '.' || problem.back() == ' ')) problem.pop_back();
  throw InputError(where,
                   fmt::format("\"{}\" is no formula ({}); write one such as \"20 * data.n\" "
                               "or \"d >= 2 * n && slope < 1\"",
                               text, problem));
}

}  // namespace

std::string short_name(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

Expression::Expression(std::string text, std::string where, std::span<const std::string> keys)
    : text_(std::move(text)), where_(std::move(where)), parser_(std::make_unique<Parser>()) {
  refuse_assignment(text_, where_);
  try {
    define_functions(parser_->parser);
    parser_->parser.SetExpr(text_);
    for (const auto& [name, unused] : parser_->parser.GetUsedVar()) {
      const std::string key = whole_name(name, *this, keys);
      const auto place = std::find(used_.begin(), used_.end(), key);
      parser_->aliases[name] = static_cast<std::size_t>(place - used_.begin());
      if (place == used_.end()) used_.push_back(key);
    }
    parser_->values.assign(used_.size(), 1.0);
    for (const auto& [name, place] : parser_->aliases) {
      parser_->parser.DefineVar(name, &parser_->values[place]);
    }
    parser_->parser.Eval();
    if (parser_->parser.GetNumResults() != 1) {
      throw InputError(where_, fmt::format("\"{}\" has a comma between two formulas; "
                                           "write one (decimals take a point)",
                                           text_));
    }
  } catch (const mu::ParserError& error) {
    refuse(where_, text_, error);
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

double Expression::at(std::span<const double> values) const {
  const std::lock_guard lock(parser_->mutex);
  std::copy(values.begin(), values.end(), parser_->values.begin());
  double result = std::nan("");
  try {
    result = parser_->parser.Eval();
  } catch (const mu::ParserError& error) {
    refuse(where_, text_, error);
  }
  if (std::isfinite(result)) return result;
  std::string at;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    at += fmt::format("{}{} = {}", i == 0 ? " where " : ", ", used_[i], shortest(values[i]));
  }
  throw InputError(where_, fmt::format("\"{}\" is {}{}; change the formula, or leave such points "
                                       "out by a filter",
                                       text_, shortest(result), at));
}

}  // namespace latetime
