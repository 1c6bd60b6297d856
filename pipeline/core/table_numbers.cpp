#include "pipeline/core/table_numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>

#include "pipeline/core/decimal_scale.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr std::size_t kExtremes = 24;       // different numbers kept at either end
constexpr std::size_t kSample = 4096;       // numbers of a sample, at most
constexpr std::size_t kFewestOthers = 8;    // different numbers that show where the others of a repeated extreme lie
constexpr std::int64_t kRepeated = 3;       // cells
constexpr double kFar = 5, kRatherFar = 2;  // a repeated extreme lies so many ranges of the others away: plainly no number, or doubtful

// How sure it is that a number is a fill value.
enum class Known {
  no,
  loosely,    // -999, 9999: also numbers of a measurement
  as_type,    // the ends of integer types
  surely,     // -9999, 1e20: hardly ever measured
  impossible  // no observation has such a magnitude
};

constexpr double kSureFills[] = {-9999, -10000, -99999};
constexpr double kTypeEnds[] = {-32768,       32767,        65535,        -2147483648.0, -2147483647.0,
                                2147483647.0, 4294967295.0, 2147483648.0, 4294967296.0};  // these two: the ends as 32-bit floats

Known known_fill(double value, std::optional<double> type_end) {
  const double magnitude = std::abs(value);
  if (type_end && value == *type_end) return Known::as_type;
  if (magnitude < 99) return Known::no;
  if (magnitude > kMaxMagnitude) return Known::impossible;
  if (std::abs(magnitude - 1e20) < 1e14) return Known::surely;  // of climate models, also as a 32-bit float
  for (const double fill : kSureFills)
    if (value == fill) return Known::surely;
  for (const double fill : kTypeEnds)
    if (value == fill) return Known::as_type;
  for (const double fill : {-99.0, -999.0, 999.0, 9999.0, 99999.0})
    if (value == fill) return Known::loosely;
  return Known::no;
}

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

}  // namespace

bool is_missing(std::string_view cell) {
  if (cell.empty()) return true;
  if (cell.size() > 9) return false;
  static const std::set<std::string, std::less<>> words{
      "nan",  "-nan", "na",    "n/a",     "null",    "none",      "inf",     "+inf",    "-inf",   "infinity", "-infinity",
      "<na>", "#n/a", "#num!", "#div/0!", "#value!", "-nan(ind)", "1.#qnan", "-1.#ind", "1.#ind", "--",       "nodata"};
  return words.contains(lower(cell));
}

std::optional<TableNumber> parse_number(std::string_view cell, bool decimal_comma) {
  if (cell.size() > 1 && cell.front() == '+' && cell[1] != '-') cell.remove_prefix(1);
  const char* const end = cell.data() + cell.size();
  std::int32_t whole = 0;
  if (const auto [at, error] = std::from_chars(cell.data(), end, whole); error == std::errc{} && at == end)
    return TableNumber{static_cast<double>(whole), 0};
  double value = 0;
  if (const auto [at, error] = std::from_chars(cell.data(), end, value); error != std::errc{} || at != end || !std::isfinite(value)) {
    const auto comma = cell.find(',');
    if (!decimal_comma || comma == std::string_view::npos || cell.find_first_of(",.", comma + 1) != std::string_view::npos)
      return std::nullopt;
    std::string with_point(cell);
    with_point[comma] = '.';
    return parse_number(with_point);
  }
  const auto exponent_at = cell.find_first_of("eE");
  const std::string_view mantissa = cell.substr(0, exponent_at);
  int decimals = 0;
  if (const auto point = mantissa.find('.'); point != std::string_view::npos)
    decimals = static_cast<int>(mantissa.find_last_not_of('0') - point);
  if (exponent_at != std::string_view::npos) decimals -= std::atoi(std::string(cell.substr(exponent_at + 1)).c_str());
  return TableNumber{value, std::clamp(decimals, 0, kMaxDecimals)};
}

void NumberSurvey::add(double value, CellPlace place) {
  const auto count = [&](std::map<double, Seen>& into) {
    Seen& seen = into.try_emplace(value, Seen{0, place}).first->second;
    ++seen.count;
  };
  if (known_fill(value, type_end_) != Known::no) count(known_);
  // A number that was pushed out of a full list has kExtremes beyond it for good: what is left has been counted whole.
  if (low_.size() < kExtremes || value <= low_.rbegin()->first) {
    count(low_);
    if (low_.size() > kExtremes) low_.erase(std::prev(low_.end()));
  }
  if (high_.size() < kExtremes || value >= high_.begin()->first) {
    count(high_);
    if (high_.size() > kExtremes) high_.erase(high_.begin());
  }
  if (n_++ % stride_ == 0) sample_.push_back(value);
  if (sample_.size() > kSample) {  // every second one stays
    for (std::size_t i = 0; 2 * i < sample_.size(); ++i) sample_[i] = sample_[2 * i];
    sample_.resize((sample_.size() + 1) / 2);
    stride_ *= 2;
  }
}

NumberSurvey::Seen NumberSurvey::seen(double value) const {
  for (const auto* list : {&known_, &low_, &high_})
    if (const auto found = list->find(value); found != list->end()) return found->second;
  return {};
}

NumberSurvey::Seen NumberSurvey::largest_magnitude() const {
  if (n_ == 0) return {};
  const auto low = low_.begin(), high = std::prev(high_.end());
  return -low->first > high->first ? low->second : high->second;
}

// The numbers without known fill values, and what was taken from their ends.
struct NumberSurvey::Extremes {
  std::size_t different = 0;  // 0: none
  double low = 0, high = 0;
  double most_common = 0;  // how often an ordinary number occurs, at most
  std::vector<Fill> far;
  std::optional<Doubt> rather_far;
};

NumberSurvey::Extremes NumberSurvey::extremes() const {
  std::vector<std::pair<double, Seen>> plain;  // in order; the middle may be missing
  for (const auto* list : {&low_, &high_})
    for (const auto& entry : *list)
      if (!known_.contains(entry.first) && (plain.empty() || plain.back().first < entry.first)) plain.push_back(entry);
  Extremes found;
  auto first = plain.begin(), last = plain.end();
  const auto different = [&] { return static_cast<std::size_t>(last - first); };
  std::vector<double> others;
  const auto range_without = [&](double low, double high) {
    others.clear();
    for (const double value : sample_)
      if (value > low && value < high && !known_.contains(value)) others.push_back(value);
    std::ranges::sort(others);
    return others.empty() ? 0 : percentile(others, 0.99) - percentile(others, 0.01);
  };
  for (bool peeled = true; peeled && different() > kFewestOthers;) {
    peeled = false;
    const double range = range_without(first->first, std::prev(last)->first);
    for (const bool low_end : {true, false}) {
      if (range <= 0 || different() <= kFewestOthers) break;
      const auto end = low_end ? first : std::prev(last), next = low_end ? std::next(first) : std::prev(last, 2);
      const double ranges = std::abs(next->first - end->first) / range;
      if (end->second.count < kRepeated || ranges <= kRatherFar) continue;
      if (ranges <= kFar) {
        const auto [low, high] = low_end ? std::pair(next->first, std::prev(last)->first) : std::pair(first->first, next->first);
        if (!found.rather_far) found.rather_far = Doubt{end->first, end->second, low, high};
        continue;
      }
      found.far.push_back({end->first, end->second});
      low_end ? ++first : --last;
      peeled = true;
    }
  }
  found.different = different();
  if (found.different == 0) return found;
  found.low = first->first, found.high = std::prev(last)->first;
  std::map<double, std::size_t> times;
  std::size_t most = 0;
  for (const double value : sample_)
    if (!known_.contains(value) && value >= found.low && value <= found.high) most = std::max(most, ++times[value]);
  found.most_common = static_cast<double>(most) * static_cast<double>(n_) / static_cast<double>(sample_.size());
  return found;
}

bool NumberSurvey::is_fill(double value, const Seen& seen, const Extremes& plain) const {
  const Known known = known_fill(value, type_end_);
  if (known == Known::impossible) return true;
  if (plain.different == 0) return known == Known::surely;
  const double range = plain.high - plain.low, beyond = std::max(plain.low - value, value - plain.high);
  const bool enough = known == Known::surely || plain.different >= 2;
  const double needed = (known == Known::loosely ? 2 : 0.2) * range;
  const bool only_negative = value < 0 && plain.low >= 0;
  const bool saturates = type_end_ && value == *type_end_;  // 255 is the brightest byte, too
  const bool repeated = !saturates && seen.count >= kRepeated && static_cast<double>(seen.count) > 5 * plain.most_common;
  return enough && beyond > 0 && (beyond > needed || only_negative || repeated);
}

std::vector<NumberSurvey::Fill> NumberSurvey::fills() const {
  const Extremes plain = extremes();
  std::vector<Fill> found = plain.far;
  for (const auto& [value, seen] : known_)
    if (is_fill(value, seen, plain)) found.push_back({value, seen});
  std::ranges::sort(found, {}, &Fill::value);
  return found;
}

std::vector<double> NumberSurvey::unmet_fills() const {
  const Extremes plain = extremes();
  std::vector<double> found;
  const auto look = [&](double value) {
    if (!known_.contains(value) && is_fill(value, {}, plain)) found.push_back(value);
  };
  for (const double value : kSureFills) look(value);
  for (const double value : kTypeEnds) look(value);
  if (type_end_) look(*type_end_);
  return found;
}

std::optional<NumberSurvey::Doubt> NumberSurvey::doubt() const {
  const Extremes plain = extremes();
  if (plain.rather_far) return plain.rather_far;
  const auto fill = fills();
  for (const auto& [value, seen] : known_) {
    if (known_fill(value, type_end_) == Known::loosely || plain.different < 2 || std::ranges::find(fill, value, &Fill::value) != fill.end())
      continue;
    if (seen.count >= kRepeated && static_cast<double>(seen.count) > 5 * plain.most_common)
      return Doubt{value, seen, plain.low, plain.high};
  }
  return std::nullopt;
}

double NumberSurvey::middle_spread() const {
  const auto fill = fills();
  std::vector<double> values;
  for (const double value : sample_)
    if (std::ranges::find(fill, value, &Fill::value) == fill.end()) values.push_back(value);
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return percentile(values, 0.9) - percentile(values, 0.1);
}

}  // namespace millesime
