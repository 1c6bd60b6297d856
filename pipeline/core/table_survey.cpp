#include "pipeline/core/table_survey.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "pipeline/core/decimal_scale.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr std::size_t kFewestIdentified = 20;  // rows or groups that show that a column numbers them
constexpr std::size_t kFewestOfClasses = 10;   // rows that show that a column says the class
constexpr std::int64_t kFewestNumbers = 20;    // that have a middle
constexpr double kFewestSteps = 100;           // of the middle 80 % of a band's numbers

template <class Number>
std::string number_text(Number value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

bool nearly_all(std::size_t part, std::size_t whole) { return static_cast<double>(part) >= 0.9 * static_cast<double>(whole); }

}  // namespace

double stored_number(double value, int exponent) {
  return std::round(exponent < 0 ? value * power_of_ten(-exponent) : value / power_of_ten(exponent));
}

int BandNumbers::exponent() const {
  int p = -decimals;
  while (std::abs(stored_number(largest, p)) > kMaxStored) ++p;
  return p;
}

void Identity::add(double value, std::int64_t group) {
  ++n_;
  values_.insert(value);
  const auto [at, fresh] = of_group_.emplace(group, value);
  if (!fresh && at->second != value) ++different_in_group_;
}

bool Identity::unique() const { return n_ >= kFewestIdentified && nearly_all(values_.size(), n_); }

bool Identity::unique_by_group() const {
  return of_group_.size() >= kFewestIdentified && different_in_group_ == 0 && nearly_all(values_.size(), of_group_.size());
}

void ClassCopy::add(double value, std::int32_t label) {
  if (label == 0) return;
  ++n_;
  const auto [at, fresh] = of_label_.emplace(label, value);
  differs_ = differs_ || (!fresh && at->second != value);
}

bool ClassCopy::is_one() const {
  if (differs_ || n_ < kFewestOfClasses || of_label_.size() < 2) return false;
  std::set<double> values;
  for (const auto& [label, value] : of_label_) values.insert(value);
  return values.size() == of_label_.size();
}

TableSurvey::TableSurvey(const std::string& file, const TableRules& rules) : file_(file), rules_(rules) {
  for (const std::string& text : rules.missing) {
    if (text == "none") {
      none_missing_ = true;
      continue;
    }
    const auto number = parse_number(text);
    if (!number) throw UserError(join_text("missing: expected numbers, or none, got \"", text, "\""));
    told_.push_back(number->value);
  }
}

bool TableSurvey::begin(const Samples& samples, const std::vector<std::string>& columns) {
  if (!surveys_.empty()) return false;
  columns_ = columns;
  statics_ = samples.static_names;
  for (const SampleSeries& series : samples.series) {
    bands_.push_back(series.bands);
    surveys_.emplace_back(series.bands.size());
    fills_.emplace_back(series.bands.size());
  }
  static_surveys_.resize(statics_.size());
  static_fills_.resize(statics_.size());
  identities_.resize(statics_.size());
  class_copies_.resize(statics_.size());
  return true;
}

void TableSurvey::ColumnSample::add(double value) {
  constexpr std::size_t kMost = 64;
  if (met++ % stride != 0) return;
  numbers.push_back(static_cast<float>(value));
  if (numbers.size() < kMost) return;
  for (std::size_t i = 0; 2 * i < numbers.size(); ++i) numbers[i] = numbers[2 * i];
  numbers.resize(kMost / 2);
  stride *= 2;
}

void TableSurvey::meet(std::size_t source, std::size_t band, double value, CellPlace place) {
  surveys_[source][band].add(value, place);
  if (of_column_.size() <= place.column) of_column_.resize(columns_.size());
  ColumnSample& column = of_column_[place.column];
  column.source = source, column.band = band;
  column.add(value);
}

void TableSurvey::meet_static(std::size_t index, double value, std::int64_t group, std::int32_t label, CellPlace place) {
  if (std::isnan(value)) return;
  static_surveys_[index].add(value, place);
  identities_[index].add(value, group);
  class_copies_[index].add(value, label);
}

bool TableSurvey::finish() {
  bool found = !told_.empty();  // those that are no extremes have not been counted
  for (std::size_t s = 0; s < surveys_.size(); ++s)
    for (std::size_t b = 0; b < surveys_[s].size(); ++b) found = find_fills(surveys_[s][b], bands_[s][b], fills_[s][b], true) || found;
  for (std::size_t i = 0; i < statics_.size(); ++i) found = find_fills(static_surveys_[i], statics_[i], static_fills_[i], false) || found;
  refuse_identities();
  refuse_class_copies();
  return found;
}

bool TableSurvey::find_fills(const NumberSurvey& survey, const std::string& name, std::vector<double>& fills, bool doubts) {
  std::vector<NumberSurvey::Fill> found;
  for (const double value : told_) found.push_back({value, survey.seen(value)});
  if (!none_missing_)
    for (const auto& fill : survey.fills())
      if (!told_missing(fill.value)) found.push_back(fill);
  bool met = false;
  for (const auto& [value, seen] : found) {
    fills.push_back(value);
    if (seen.count == 0) continue;
    met = true;
    note(join_text(name, ": ", number_text(value), " stands for a missing value (", seen.count, seen.count == 1 ? " cell" : " cells",
                   ", the first in line ", seen.first.line, ", column ", columns_[seen.first.column], ")"));
  }
  const auto doubt = survey.doubt();
  if (none_missing_ || !doubts || !doubt || contains(fills, doubt->value)) return met;
  const std::string value = number_text(doubt->value);
  throw UserError(join_text(where(doubt->seen.first), ": ", value, " stands in ", doubt->seen.count, " cells of ", name,
                            ", whose other numbers are ", number_text(doubt->low), " to ", number_text(doubt->high),
                            "; say whether it stands for a missing value (--missing=", value, ") or is a number (--missing=none)"));
}

// As --static and --ignore take them.
std::string TableSurvey::as_option(const std::vector<std::string>& names) {
  const std::string list = join_list(names, ",");
  return list.find_first_of(" '\"&();|$*?") == std::string::npos ? list : "\"" + list + "\"";
}

void TableSurvey::refuse_identities() const {
  std::vector<std::string> names;
  bool by_row = false;
  for (std::size_t i = 0; i < statics_.size(); ++i) {
    if (rules_.takes(statics_[i]) || (!identities_[i].unique() && !identities_[i].unique_by_group())) continue;
    by_row = by_row || identities_[i].unique();
    names.push_back(statics_[i]);
  }
  if (names.empty()) return;
  const bool one = names.size() == 1;
  throw UserError(join_text(file_, ":1: column", one ? " " : "s ", join_list(names, ", "), one ? ": has" : ": have", " a value of ",
                            one ? "its" : "their", " own for each ", by_row ? "row" : "group",
                            ", or nearly: a model would know the samples by ", one ? "it" : "them", "; if ",
                            one ? "it is a measurement" : "they are measurements", ", add --static ", as_option(names), "; if not, leave ",
                            one ? "it" : "them", " out with --ignore ", as_option(names)));
}

void TableSurvey::refuse_class_copies() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < statics_.size(); ++i)
    if (!rules_.takes(statics_[i]) && class_copies_[i].is_one()) names.push_back(statics_[i]);
  if (names.empty()) return;
  throw UserError(join_text(file_, ":1: column ", join_list(names, ", "),
                            ": has one value for each class, and another for each, as the column "
                            "label: a model would read the classes there; leave it out with --ignore ",
                            as_option(names), "; if it is a measurement, add --static ", as_option(names)));
}

void TableSurvey::check_precision(const std::vector<std::vector<BandNumbers>>& numbers, const std::vector<std::vector<int>>& exponents) {
  for (std::size_t s = 0; s < exponents.size(); ++s)
    for (std::size_t b = 0; b < exponents[s].size(); ++b) {
      const BandNumbers& own = numbers[s][b];
      if (own.decimals + exponents[s][b] <= 0) continue;  // every digit is kept
      const std::string& name = bands_[s][b];
      const float step = scale_of(exponents[s][b]);
      const double spread = surveys_[s][b].middle_spread();
      if (surveys_[s][b].size() >= kFewestNumbers && spread > 0 && step > spread / kFewestSteps)
        throw UserError(join_text(where(own.largest_at), ": a number as large as ", number_text(own.largest), " lets ", name,
                                  " be kept in steps of ", number_text(step), " only, but the middle 80 % of its numbers span ", spread,
                                  "; leave the cell empty if it is no observation, or give ", name,
                                  " in another unit (decibel, logarithm)"));
      refuse_other_units(s, b, step, own);
      note(join_text(name, ": of ", own.decimals, " decimals, kept in steps of ", number_text(step)));
    }
}

// A date whose numbers are all but one in the step that another date needs, because that one is in another unit (0..1 and 0..10000).
void TableSurvey::refuse_other_units(std::size_t source, std::size_t band, float step, const BandNumbers& numbers) const {
  constexpr float kFewestStepsOfADate = 2, kOtherUnit = 500;
  for (std::size_t c = 0; c < of_column_.size(); ++c) {
    const ColumnSample& column = of_column_[c];
    if (column.source != source || column.band != band) continue;
    std::vector<float> sorted;
    for (const float number : column.numbers)
      if (!is_fill(source, band, number)) sorted.push_back(number);
    if (static_cast<std::int64_t>(sorted.size()) < kFewestNumbers) continue;
    std::ranges::sort(sorted);
    const float low = sorted[sorted.size() / 10], high = sorted[sorted.size() - 1 - sorted.size() / 10];
    const float magnitude = std::max(std::abs(low), std::abs(high));
    if (high == low || step * kFewestStepsOfADate < high - low || magnitude * kOtherUnit > numbers.largest) continue;
    throw UserError(join_text(file_, ":1: column ", columns_[c], ": most of its numbers lie from ", low, " to ", high, ", those of ",
                              columns_[numbers.largest_at.column], " go up to ", number_text(numbers.largest), " (line ",
                              numbers.largest_at.line, "): with them ", bands_[source][band], " would be kept in steps of ",
                              number_text(step), " only; give all dates in one unit"));
  }
}

bool TableSurvey::contains(const std::vector<double>& values, double value) { return std::ranges::find(values, value) != values.end(); }

std::string TableSurvey::where(CellPlace place) const { return join_text(file_, ":", place.line, ": column ", columns_[place.column]); }

}  // namespace millesime
