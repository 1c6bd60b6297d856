#include "kernels/ops/index_expression.h"

#include <cctype>
#include <charconv>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr float kStoredPerReflectance = 10000;

// A number and a factor of each band of the series.
struct Sum {
  double number = 0;
  std::vector<double> factors;
  bool is_number() const {
    for (const double factor : factors)
      if (factor != 0) return false;
    return true;
  }
};

struct Ratio {
  Sum above, below;
};

class Parser {
 public:
  Parser(const std::string& declaration, const std::vector<std::string>& bands)
      : declaration_(declaration), bands_(bands), at_(declaration.find('=') + 1) {}

  Ratio parse() {
    const Ratio whole = sum();
    skip_spaces();
    if (at_ < declaration_.size()) refuse(join_text("unexpected \"", declaration_.substr(at_), "\""));
    return whole;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(join_text("index \"", declaration_, "\": ", what,
                              "; expected NAME = sums of bands and numbers divided by one another, e.g. GCVI = B8 / B3 - 1"));
  }
  void skip_spaces() {
    while (at_ < declaration_.size() && declaration_[at_] == ' ') ++at_;
  }
  bool take(char wanted) {
    skip_spaces();
    if (at_ >= declaration_.size() || declaration_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  Sum number(double value) const { return {value, std::vector<double>(bands_.size(), 0.0)}; }
  static Sum scaled(Sum sum, double by) {
    sum.number *= by;
    for (double& factor : sum.factors) factor *= by;
    return sum;
  }
  static Sum added(Sum a, const Sum& b) {
    a.number += b.number;
    for (std::size_t i = 0; i < a.factors.size(); ++i) a.factors[i] += b.factors[i];
    return a;
  }
  Sum product(const Sum& a, const Sum& b) const {
    if (a.is_number()) return scaled(b, a.number);
    if (b.is_number()) return scaled(a, b.number);
    refuse("a product of bands is not supported");
  }
  static bool same(const Sum& a, const Sum& b) { return a.number == b.number && a.factors == b.factors; }

  Ratio add(const Ratio& a, const Ratio& b) const {
    if (same(a.below, b.below)) return {added(a.above, b.above), a.below};
    return {added(product(a.above, b.below), product(b.above, a.below)), product(a.below, b.below)};
  }

  Ratio sum() {
    Ratio value = term();
    while (true) {
      if (take('+')) {
        value = add(value, term());
      } else if (take('-')) {
        Ratio next = term();
        next.above = scaled(next.above, -1);
        value = add(value, next);
      } else {
        return value;
      }
    }
  }
  Ratio term() {
    Ratio value = factor();
    while (true) {
      if (take('*')) {
        const Ratio next = factor();
        value = {product(value.above, next.above), product(value.below, next.below)};
      } else if (take('/')) {
        const Ratio next = factor();
        if (next.above.is_number() && next.above.number == 0) refuse("division by 0");
        value = {product(value.above, next.below), product(value.below, next.above)};
      } else {
        return value;
      }
    }
  }
  Ratio factor() {
    constexpr int kDeepest = 100;  // the parser calls itself for each
    if (++depth_ > kDeepest) refuse(join_text("more than ", kDeepest, " parentheses or signs inside each other"));
    const Ratio value = signed_or_plain();
    --depth_;
    return value;
  }
  Ratio signed_or_plain() {
    if (take('-')) {
      Ratio value = factor();
      value.above = scaled(value.above, -1);
      return value;
    }
    if (take('(')) {
      const Ratio inside = sum();
      if (!take(')')) refuse("a \")\" is missing");
      return inside;
    }
    skip_spaces();
    const char* begin = declaration_.data() + at_;
    const char* end = declaration_.data() + declaration_.size();
    if (begin < end && (std::isdigit(static_cast<unsigned char>(*begin)) || *begin == '.')) {
      double value = 0;
      const auto [rest, error] = std::from_chars(begin, end, value);
      if (error != std::errc{}) refuse("not a valid number");
      at_ += static_cast<std::size_t>(rest - begin);
      return {number(value), number(1)};
    }
    std::string name;
    while (at_ < declaration_.size() && (std::isalnum(static_cast<unsigned char>(declaration_[at_])) || declaration_[at_] == '_'))
      name += declaration_[at_++];
    if (name.empty())
      refuse(at_ < declaration_.size() ? join_text("unexpected \"", declaration_.substr(at_), "\"") : "the expression is incomplete");
    for (std::size_t band = 0; band < bands_.size(); ++band) {
      if (bands_[band] != name) continue;
      Sum value = number(0);
      value.factors[band] = 1;
      return {value, number(1)};
    }
    refuse(join_text("there is no band ", name, ", the series has ", join_list(bands_, ", ")));
  }

  const std::string& declaration_;
  const std::vector<std::string>& bands_;
  std::size_t at_;
  int depth_ = 0;
};

}  // namespace

bool is_index_expression(const std::string& declaration) { return declaration.find('=') != std::string::npos; }

std::string index_name(const std::string& declaration) {
  std::string name = declaration.substr(0, declaration.find('='));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  while (!name.empty() && name.front() == ' ') name.erase(0, 1);
  return name;
}

IndexFormula parse_index(const std::string& declaration, const std::vector<std::string>& bands) {
  const std::string name = index_name(declaration);
  bool good = !name.empty();
  for (const char c : name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
  if (!good)
    throw UserError(
        join_text("index \"", declaration, "\": expected a name of letters, digits and _ before the \"=\", got \"", name, "\""));
  const Ratio ratio = Parser(declaration, bands).parse();
  IndexFormula formula;
  for (std::size_t band = 0; band < bands.size(); ++band) {
    if (ratio.above.factors[band] == 0 && ratio.below.factors[band] == 0) continue;
    if (formula.n_bands == kMaxIndexBands) throw UserError(join_text("index \"", declaration, "\": more than ", kMaxIndexBands, " bands"));
    formula.band[formula.n_bands] = static_cast<std::int8_t>(band);
    formula.numerator[formula.n_bands] = static_cast<float>(ratio.above.factors[band]);
    formula.denominator[formula.n_bands++] = static_cast<float>(ratio.below.factors[band]);
  }
  if (formula.n_bands == 0) throw UserError(join_text("index \"", declaration, "\": no band in it"));
  // Bands of reflectance are stored x 10000, so numbers are scaled likewise. Without bands in the denominator the index is a reflectance,
  // and is stored as one.
  formula.numerator_offset = static_cast<float>(ratio.above.number) * kStoredPerReflectance;
  const bool reflectance = ratio.below.is_number();
  formula.denominator_offset = static_cast<float>(ratio.below.number) * (reflectance ? 1.0f : kStoredPerReflectance);
  if (reflectance) formula.integer_scale = 1;
  return formula;
}

}  // namespace millesime
