// Samples from CSV tables; pipeline/core/samples.h documents the columns.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <unordered_map>

#include "pipeline/core/decimal_scale.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/samples_columns.h"
#include "pipeline/core/series.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr int kMaxStored = 32767;       // largest magnitude of an int16 that has both signs
constexpr double kMaxMagnitude = 1e30;  // of a number in a table; scales are float32

struct Number {
  double value = 0;
  int decimals = 0;  // digits after the point that are not trailing zeros
};

bool is_missing(std::string_view cell) {
  if (cell.empty()) return true;
  if (cell.size() > 4) return false;
  const std::string text = lower(cell);
  return text == "nan" || text == "na" || text == "-nan";
}

template <class T>
std::optional<T> parse_whole(std::string_view cell) {
  T value{};
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::optional<Number> parse_number(std::string_view cell) {
  if (const auto whole = parse_whole<std::int32_t>(cell)) return Number{static_cast<double>(*whole), 0};
  const auto value = parse_whole<double>(cell);
  if (!value || !std::isfinite(*value) || std::abs(*value) > kMaxMagnitude) return std::nullopt;
  const auto exponent_at = cell.find_first_of("eE");
  std::string_view mantissa = cell.substr(0, exponent_at);
  int decimals = 0;
  if (const auto point = mantissa.find('.'); point != std::string_view::npos) {
    const auto last = mantissa.find_last_not_of('0');
    decimals = static_cast<int>(last - point);
  }
  if (exponent_at != std::string_view::npos) decimals -= std::atoi(std::string(cell.substr(exponent_at + 1)).c_str());
  return Number{*value, std::clamp(decimals, 0, kMaxDecimals)};
}

// value / 10^exponent, rounded half away from zero.
double stored(double value, int exponent) {
  return std::round(exponent < 0 ? value * power_of_ten(-exponent) : value / power_of_ten(exponent));
}

struct BandNumbers {
  double largest = 0;  // magnitude
  int decimals = 0;

  // The power of ten that is the unit of the band's stored numbers.
  int exponent() const {
    int p = -decimals;
    while (std::abs(stored(largest, p)) > kMaxStored) ++p;
    return p;
  }
};

using PerBand = std::vector<std::vector<int>>;  // [source][band]

class TableReader {
 public:
  TableReader(const std::string& file, const Nomenclature* nomenclature) : file_(file), nomenclature_(nomenclature) {}

  Samples read() {
    // Most tables have integers that are stored unchanged, in one pass. Otherwise the first pass finds the scales for a second one.
    PerBand exponents;
    pass(exponents);
    PerBand needed;
    for (const auto& bands : numbers_) {
      needed.emplace_back();
      for (const BandNumbers& band : bands) needed.back().push_back(band.exponent());
    }
    if (needed != exponents) pass(needed);
    simplify(needed);
    finish();
    return std::move(samples_);
  }

 private:
  void pass(PerBand& exponents) {
    CsvReader table(file_);
    samples_ = Samples{};
    numbers_.clear();
    group_names_.clear();
    region_names_.clear();
    const std::vector<SampleColumn> columns = plan_columns(table, samples_);
    for (const SampleSeries& series : samples_.series) numbers_.emplace_back(series.bands.size());
    if (exponents.empty())
      for (const SampleSeries& series : samples_.series) exponents.emplace_back(series.bands.size(), 0);
    const bool has_group = table.column("group") >= 0;

    std::vector<std::vector<std::optional<Number>>> observed;  // of one row: [source][date][band]
    while (table.next()) {
      const auto row = static_cast<std::int64_t>(samples_.label.size());
      append_row();
      observed.resize(samples_.series.size());
      for (std::size_t s = 0; s < samples_.series.size(); ++s)
        observed[s].assign(samples_.series[s].dates.size() * samples_.series[s].bands.size(), std::nullopt);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const SampleColumn& column = columns[i];
        if (column.role != ColumnRole::observation) {
          read_attribute(table, i, column);
        } else if (const std::string_view cell = table.cells()[i]; !is_missing(cell)) {
          const auto number = parse_number(cell);
          if (!number) refuse(table, i, "a number or an empty cell");
          if (number->value != kNodata)
            observed[column.source][column.date * samples_.series[column.source].bands.size() + column.band] = number;
        }
      }
      if (!has_group) samples_.polygon.back() = row;
      for (std::size_t s = 0; s < observed.size(); ++s) append_observations(samples_.series[s], observed[s], exponents[s], numbers_[s]);
    }
    if (samples_.label.empty()) throw UserError(file_ + ": no samples after the header");
  }

  void append_row() {
    Samples& s = samples_;
    s.label.push_back(0);
    s.polygon.push_back(0);
    s.region.push_back(0);
    s.x.push_back(0);
    s.y.push_back(0);
    s.statics.insert(s.statics.end(), s.static_names.size(), std::numeric_limits<float>::quiet_NaN());
    s.split.insert(s.split.end(), static_cast<std::size_t>(s.n_seeds), static_cast<std::uint8_t>(Split::learn));
  }

  // Stores the complete dates of one row as multiples of 10^exponent and records the digits that their numbers need.
  static void append_observations(SampleSeries& series, const std::vector<std::optional<Number>>& observed,
                                  const std::vector<int>& exponents, std::vector<BandNumbers>& numbers) {
    const std::size_t n_bands = series.bands.size();
    for (std::size_t first = 0; first < observed.size(); first += n_bands) {
      bool complete = true;
      for (std::size_t b = 0; b < n_bands; ++b) complete = complete && observed[first + b].has_value();
      series.valid.push_back(complete ? 1 : 0);
      for (std::size_t b = 0; b < n_bands; ++b) {
        if (!complete) {
          series.values.push_back(kNodata);
          continue;
        }
        const Number& number = *observed[first + b];
        numbers[b].largest = std::max(numbers[b].largest, std::abs(number.value));
        numbers[b].decimals = std::max(numbers[b].decimals, number.decimals);
        const double value = stored(number.value, exponents[b]);
        // Numbers that do not fit occur in the first pass only; the second pass has exponents for them.
        series.values.push_back(static_cast<std::int16_t>(std::clamp(value, -double{kMaxStored}, double{kMaxStored})));
      }
    }
  }

  void read_attribute(const CsvReader& table, std::size_t i, const SampleColumn& column) {
    const std::string_view cell = table.cells()[i];
    Samples& s = samples_;
    switch (column.role) {
      case ColumnRole::label: {
        if (nomenclature_) {
          const auto index = nomenclature_->index_of(std::string(cell));
          if (!index && cell != "0") refuse(table, i, "a code or a name of the nomenclature " + nomenclature_->name);
          s.label.back() = index ? nomenclature_->at(*index).code : 0;
        } else {
          const auto label = parse_whole<std::int32_t>(cell);
          if (!label) refuse(table, i, "a whole number (for class names, give a nomenclature)");
          s.label.back() = *label;
        }
        break;
      }
      case ColumnRole::group: {
        const auto number = parse_whole<std::int64_t>(cell);
        if (cell.empty()) refuse(table, i, "the group of this sample");
        if (s.label.size() == 1) groups_are_numbers_ = number.has_value();
        if (groups_are_numbers_ && !number) refuse(table, i, "a number, as in the rows above");
        s.polygon.back() =
            groups_are_numbers_ ? *number : group_names_.emplace(cell, static_cast<std::int64_t>(group_names_.size())).first->second;
        break;
      }
      case ColumnRole::x:
      case ColumnRole::y: {
        const auto position = parse_whole<double>(cell);
        if (!position || !std::isfinite(*position)) refuse(table, i, "a map coordinate");
        (column.role == ColumnRole::x ? s.x : s.y).back() = *position;
        break;
      }
      case ColumnRole::region: {
        if (!is_utf8(cell)) refuse(table, i, "text in UTF-8");
        s.region.back() = region_names_.emplace(cell, static_cast<std::int32_t>(region_names_.size())).first->second;
        break;
      }
      case ColumnRole::split: {
        std::uint8_t& split = s.split[s.split.size() - static_cast<std::size_t>(s.n_seeds) + column.index];
        if (cell == "learn")
          split = static_cast<std::uint8_t>(Split::learn);
        else if (cell == "test")
          split = static_cast<std::uint8_t>(Split::test);
        else if (cell == "both")
          split = static_cast<std::uint8_t>(Split::both);
        else if (cell == "unused")
          split = static_cast<std::uint8_t>(Split::unused);
        else
          refuse(table, i, "learn, test, both or unused");
        break;
      }
      case ColumnRole::fixed: {
        if (is_missing(cell)) break;
        const auto value = parse_whole<float>(cell);
        if (!value || !std::isfinite(*value))
          refuse(table, i, "a number or an empty cell (a column without a date is a static input; remove it if it is not one)");
        s.statics[s.statics.size() - s.static_names.size() + column.index] = *value;
        break;
      }
      case ColumnRole::observation: break;
    }
  }

  [[noreturn]] static void refuse(const CsvReader& table, std::size_t i, const std::string& expected) {
    const std::string_view cell = table.cells()[i].substr(0, 60);
    throw UserError(join_text(table.where(i), ": expected ", expected, ", got \"", is_utf8(cell) ? cell : "text that is not UTF-8", "\""));
  }

  // 0.2400 and 0.1300 are multiples of 0.01: the same numbers get the same scale, independent of trailing zeros.
  void simplify(PerBand& exponents) {
    for (std::size_t s = 0; s < samples_.series.size(); ++s) {
      SampleSeries& series = samples_.series[s];
      const std::size_t n_bands = series.bands.size(), observations = series.valid.size();
      for (std::size_t b = 0; b < n_bands; ++b) {
        int& exponent = exponents[s][b];
        while (exponent < 0) {
          const auto whole_tens = [&](std::size_t o) { return !series.valid[o] || series.values[o * n_bands + b] % 10 == 0; };
          std::size_t o = 0;
          while (o < observations && whole_tens(o)) ++o;
          if (o < observations) break;
          for (o = 0; o < observations; ++o)
            if (series.valid[o]) series.values[o * n_bands + b] = static_cast<std::int16_t>(series.values[o * n_bands + b] / 10);
          ++exponent;
        }
        series.scale[b] = scale_of(exponent);
      }
    }
  }

  void finish() {
    Samples& s = samples_;
    Date first = s.series.front().dates.front(), last = first;
    for (const SampleSeries& series : s.series) {
      first = std::min(first, series.dates.front());
      last = std::max(last, series.dates.back());
    }
    s.year = (first + (last - first) / 2).year();

    s.col.assign(s.label.size(), -1);
    s.row.assign(s.label.size(), -1);
    if (region_names_.empty()) region_names_.emplace("", 0);
    std::vector<std::int32_t> sorted(region_names_.size());  // place in order of names; the map counts by first appearance
    for (const auto& [name, number] : region_names_) {
      sorted[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(s.region_names.size());
      s.region_names.push_back(name);
    }
    for (std::int32_t& region : s.region) region = sorted[static_cast<std::size_t>(region)];
  }

  const std::string& file_;
  const Nomenclature* nomenclature_;
  Samples samples_;
  std::vector<std::vector<BandNumbers>> numbers_;  // [source][band]
  bool groups_are_numbers_ = true;
  std::unordered_map<std::string, std::int64_t> group_names_;
  std::map<std::string, std::int32_t> region_names_;
};

}  // namespace

Samples read_samples_csv(const std::string& file, const Nomenclature* nomenclature) { return TableReader(file, nomenclature).read(); }

}  // namespace millesime
