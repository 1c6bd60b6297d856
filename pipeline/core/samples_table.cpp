// Samples from CSV tables; pipeline/core/samples.h documents the columns.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "pipeline/core/band_steps.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/decimal_scale.h"
#include "pipeline/core/divided_groups.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/samples_columns.h"
#include "pipeline/core/series.h"
#include "pipeline/core/table_facts.h"
#include "pipeline/core/table_numbers.h"
#include "pipeline/core/table_parts.h"
#include "pipeline/core/table_survey.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

using Role = TableColumn::Role;

template <class T>
std::optional<T> parse_whole(std::string_view cell) {
  T value{};
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

// Samples for validation judge, like those for testing.
std::optional<Split> split_named(std::string_view cell) {
  const std::string name = lower(std::string(cell));
  if (name == "train" || name == "training") return Split::learn;
  if (name == "val" || name == "valid" || name == "validation") return Split::test;
  for (const Split known : kSplits)
    if (name == to_text(known)) return known;
  return std::nullopt;
}

struct Cell {
  std::optional<TableNumber> number;  // nothing: missing
  CellPlace place;
};

using PerBand = std::vector<std::vector<int>>;  // [source][band]

class TableReader {
 public:
  TableReader(const std::string& file, const Nomenclature* nomenclature, const TableRules& rules)
      : file_(file), nomenclature_(nomenclature), facts_(facts_of(file)), rules_(with_facts(rules)), survey_(file, rules_) {}

  std::vector<Samples> read() {
    // Most tables have integers without fill values that are stored unchanged, in one pass. Otherwise the first pass finds fill values
    // and scales for others.
    PerBand exponents;
    pass(exponents);
    if (survey_.finish()) pass(exponents);
    PerBand needed;
    for (const auto& bands : numbers_) {
      needed.emplace_back();
      for (const BandNumbers& band : bands) needed.back().push_back(band.exponent());
    }
    survey_.check_precision(numbers_, needed);
    if (needed != exponents) pass(needed);
    simplify(needed);
    finish();
    tell_units(samples_);
    for (SampleSeries& series : samples_.series)
      for (std::size_t b = 0; b < series.unit.size(); ++b)
        if (series.unit[b] == 0 && series.scale[b] != 1) series.unit[b] = 1;  // exported by an older program, but not from images
    return parts_.split(std::move(samples_), facts());
  }

 private:
  static std::optional<TableFacts> facts_of(const std::string& file) { return read_table_facts(file, CsvReader(file).columns()); }

  // Static inputs of an exported table are such, and numbers of one that nobody has changed are numbers.
  TableRules with_facts(TableRules rules) const {
    if (!facts_) return rules;
    const CsvReader table(file_);
    for (const std::string& name : facts_->statics)
      if (table.column(name) >= 0 && !rules.takes(name)) rules.statics.push_back(name);
    if (facts_->unchanged && rules.missing.empty()) rules.missing = {"none"};
    return rules;
  }
  const TableFacts* facts() const { return facts_ ? &*facts_ : nullptr; }

  void pass(PerBand& exponents) {
    CsvReader table(file_);
    samples_ = Samples{};
    parts_ = {};
    numbers_.clear();
    group_names_.clear();
    region_names_.clear();
    no_label_ = 0;
    rows_seen_.clear(), copies_ = 0;
    name_columns(table, rules_, facts());
    const std::vector<TableColumn> columns = plan_columns(table, rules_, facts(), samples_);
    const bool first = survey_.begin(samples_, table.columns());
    for (const SampleSeries& series : samples_.series) numbers_.emplace_back(series.bands.size());
    if (exponents.empty())
      for (const SampleSeries& series : samples_.series) exponents.emplace_back(series.bands.size(), 0);
    const bool has_group = std::ranges::find(columns, Role::group, &TableColumn::role) != columns.end();

    std::vector<std::vector<Cell>> observed;  // of one row: [source][date][band]
    while (table.next()) {
      const auto row = static_cast<std::int64_t>(samples_.label.size());
      append_row();
      parts_.begin_row();
      observed.resize(samples_.series.size());
      for (std::size_t s = 0; s < samples_.series.size(); ++s)
        observed[s].assign(samples_.series[s].dates.size() * samples_.series[s].bands.size(), {});
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const TableColumn& column = columns[i];
        if (column.role != Role::observation) {
          read_attribute(table, i, column);
        } else if (const std::string_view cell = table.cells()[i]; !is_missing(cell)) {
          const auto number = number_in(table, i);
          if (!number) refuse(table, i, "a number or an empty cell");
          const CellPlace place{table.line(), i};
          if (number->value == kNodata) continue;
          if (first) survey_.meet(column.source, column.band, number->value, place);
          if (!survey_.is_fill(column.source, column.band, number->value))
            observed[column.source][column.date * samples_.series[column.source].bands.size() + column.band] = {number, place};
        }
      }
      parts_.end_row();
      if (!has_group) samples_.polygon.back() = row;
      if (first)
        for (std::size_t i = 0; i < columns.size(); ++i)
          if (columns[i].role == Role::fixed)
            survey_.meet_static(columns[i].index, static_values_[columns[i].index], samples_.polygon.back(), samples_.label.back(),
                                {table.line(), i});
      if (!has_group) count_copy(table, columns);
      for (std::size_t s = 0; s < observed.size(); ++s) append_observations(samples_.series[s], observed[s], exponents[s], numbers_[s]);
    }
    if (samples_.label.empty()) throw UserError(file_ + ": no samples after the header");
  }

  static std::optional<TableNumber> number_in(const CsvReader& table, std::size_t i) {
    return parse_number(table.cells()[i], table.separator() != ',');
  }

  void append_row() {
    Samples& s = samples_;
    s.label.push_back(0);
    s.polygon.push_back(0);
    s.region.push_back(0);
    s.x.push_back(0);
    s.y.push_back(0);
    s.statics.edit().insert(s.statics.edit().end(), s.static_names.size(), std::numeric_limits<float>::quiet_NaN());
    static_values_.assign(s.static_names.size(), std::numeric_limits<double>::quiet_NaN());
    s.split.edit().insert(s.split.edit().end(), static_cast<std::size_t>(s.n_seeds), static_cast<std::uint8_t>(Split::learn));
  }

  // Stores the complete dates of one row as multiples of 10^exponent and records the digits that their numbers need.
  static void append_observations(SampleSeries& series, const std::vector<Cell>& observed, const std::vector<int>& exponents,
                                  std::vector<BandNumbers>& numbers) {
    const std::size_t n_bands = series.bands.size();
    for (std::size_t first = 0; first < observed.size(); first += n_bands) {
      bool complete = true;
      for (std::size_t b = 0; b < n_bands; ++b) complete = complete && observed[first + b].number.has_value();
      series.valid.push_back(complete ? 1 : 0);
      for (std::size_t b = 0; b < n_bands; ++b) {
        if (!complete) {
          series.values.push_back(kNodata);
          continue;
        }
        const TableNumber& number = *observed[first + b].number;
        if (std::abs(number.value) > numbers[b].largest)
          numbers[b].largest = std::abs(number.value), numbers[b].largest_at = observed[first + b].place;
        numbers[b].decimals = std::max(numbers[b].decimals, number.decimals);
        const double value = stored_number(number.value, exponents[b]);
        // Numbers that do not fit occur in the first pass only; the second pass has exponents for them.
        series.values.push_back(static_cast<std::int16_t>(std::clamp(value, -double{kMaxStored}, double{kMaxStored})));
      }
    }
  }

  void read_attribute(const CsvReader& table, std::size_t i, const TableColumn& column) {
    const std::string_view cell = table.cells()[i];
    Samples& s = samples_;
    switch (column.role) {
      case Role::label: s.label.back() = label_of(table, i); break;
      case Role::group: {
        const auto number = parse_whole<std::int64_t>(cell);
        if (is_missing(cell) || (number && *number < 0 && known_missing(*number))) refuse(table, i, "the group of this sample");
        if (s.label.size() == 1) groups_are_numbers_ = number.has_value();
        if (groups_are_numbers_ && !number) refuse(table, i, "a number, as in the rows above");
        s.polygon.back() =
            groups_are_numbers_ ? *number : group_names_.emplace(cell, static_cast<std::int64_t>(group_names_.size())).first->second;
        break;
      }
      case Role::tile:
      case Role::tile_part: {
        if (!is_utf8(cell)) refuse(table, i, "text in UTF-8");
        column.role == Role::tile ? parts_.tile(cell) : parts_.part(cell);
        break;
      }
      case Role::x:
      case Role::y: {
        const auto position = number_in(table, i);
        if (!position) refuse(table, i, "a map coordinate");
        (column.role == Role::x ? s.x : s.y).edit().back() = position->value;
        break;
      }
      case Role::longitude:
      case Role::latitude: {
        if (is_missing(cell)) break;
        const auto degrees = number_in(table, i);
        const double most = column.role == Role::longitude ? 180 : 90;
        if (!degrees || !(std::abs(degrees->value) <= most))
          refuse(table, i, join_text("degrees from -", most, " to ", most, " or an empty cell (--ignore leaves the column out)"));
        degrees_of(column.role) = static_cast<float>(degrees->value);
        break;
      }
      case Role::region: {
        if (!is_utf8(cell)) refuse(table, i, "text in UTF-8");
        s.region.edit().back() = region_names_.emplace(cell, static_cast<std::int32_t>(region_names_.size())).first->second;
        break;
      }
      case Role::split: {
        std::uint8_t& split = s.split.edit()[s.split.size() - static_cast<std::size_t>(s.n_seeds) + column.index];
        const auto use = split_named(cell);
        if (!use) refuse(table, i, "learn (or train), test (or val), both, unused or final");
        split = static_cast<std::uint8_t>(*use);
        break;
      }
      case Role::fixed: {
        if (is_missing(cell)) break;
        const auto number = number_in(table, i);
        if (!number)
          refuse(
              table, i,
              "a number or an empty cell (a column without a date is a static input; leave it out, or name it in --ignore, if it is none)");
        static_values_[column.index] = number->value;
        const auto value = static_cast<float>(number->value);
        if (column.also != Role::fixed && std::abs(value) <= (column.also == Role::longitude ? 180 : 90)) degrees_of(column.also) = value;
        if (std::isfinite(value) && !survey_.is_static_fill(column.index, number->value))
          s.statics.edit()[s.statics.size() - s.static_names.size() + column.index] = value;
        break;
      }
      case Role::ignored:
      case Role::observation: break;
    }
  }

  // Of the row; every row has them once one has.
  float& degrees_of(Role axis) {
    constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
    for (Column<float>* column : {&samples_.longitude, &samples_.latitude}) column->edit().resize(samples_.label.size(), kUnknown);
    return (axis == Role::longitude ? samples_.longitude : samples_.latitude).edit().back();
  }

  bool known_missing(std::int64_t number) const {
    const auto value = static_cast<double>(number);
    return survey_.told_missing(value) || number == -9999 || number == -99999 || number == kNodata || number == -32768;
  }

  // A row whose label, observations and static inputs are those of one before.
  void count_copy(const CsvReader& table, const std::vector<TableColumn>& columns) {
    std::string row;
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (const Role role = columns[i].role; role == Role::label || role == Role::observation || role == Role::fixed)
        row.append(table.cells()[i]).push_back('\n');
    copies_ += !rows_seen_.insert(hash_text(row)).second;
  }

  // A code; 0 where it is not known.
  std::int32_t label_of(const CsvReader& table, std::size_t i) {
    const std::string cell(table.cells()[i]);
    auto known = labels_.find(cell);
    if (known == labels_.end()) known = labels_.emplace(cell, new_label(table, i)).first;
    no_label_ += known->second == 0;
    return known->second;
  }

  std::int32_t new_label(const CsvReader& table, std::size_t i) const {
    const std::string_view cell = table.cells()[i];
    std::optional<int> code;
    if (nomenclature_)
      if (const auto index = nomenclature_->index_of(std::string(cell))) code = nomenclature_->at(*index).code;
    std::string text(cell);
    if (table.separator() != ',') std::ranges::replace(text, ',', '.');  // of a decimal point
    const auto number = number_of_text(text);
    const bool fill = !code && number && std::abs(*number) < 1e15 && known_missing(static_cast<std::int64_t>(*number));
    if (fill)
      code = 0;
    else if (!code)
      code = code_of_class(text, nomenclature_);
    if (!code && nomenclature_) refuse(table, i, "a code or a name of the nomenclature " + nomenclature_->name);
    if (!code && number)
      refuse(table, i,
             join_text("a class code, a whole number from 1 to ", kMaxLabel, " (0 or empty: not known",
                       *number > kMaxLabel ? "; give a nomenclature in which larger numbers are names)" : ")"));
    if (!code) refuse(table, i, "a class code (for class names, give a nomenclature)");
    return *code;
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
            if (series.valid[o]) series.values.edit()[o * n_bands + b] = static_cast<std::int16_t>(series.values[o * n_bands + b] / 10);
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
    s.year = facts_ ? facts_->year : (first + (last - first) / 2).year();

    if (no_label_ > 0) survey_.note(join_text("label: not known for ", no_label_, no_label_ == 1 ? " sample" : " samples"));
    if (copies_ > 0)
      survey_.note(join_text(copies_, copies_ == 1 ? " row is a copy" : " rows are copies",
                             " of others, and there is no column group: what learns and what judges may share samples, so that accuracy is "
                             "too high; remove the copies, or give equal rows one group"));
    s.notes = survey_.notes();
    for (Column<float>* column : {&s.longitude, &s.latitude})
      if (!column->empty()) column->edit().resize(s.label.size(), std::numeric_limits<float>::quiet_NaN());
    refuse_divided_groups(s, file_, group_names_);
    s.col.assign(s.label.size(), -1);
    s.row.assign(s.label.size(), -1);
    if (region_names_.empty()) region_names_.emplace("", 0);
    std::vector<std::int32_t> sorted(region_names_.size());  // place in order of names; the map counts by first appearance
    for (const auto& [name, number] : region_names_) {
      sorted[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(s.region_names.size());
      s.region_names.push_back(name);
    }
    for (std::int32_t& region : s.region.edit()) region = sorted[static_cast<std::size_t>(region)];
  }

  const std::string& file_;
  const Nomenclature* nomenclature_;
  const std::optional<TableFacts> facts_;
  const TableRules rules_;
  TableSurvey survey_;
  Samples samples_;
  TableParts parts_;
  std::vector<double> static_values_;  // of the row, as written
  std::int64_t no_label_ = 0, copies_ = 0;
  std::unordered_set<std::uint64_t> rows_seen_;           // of a table without groups
  std::unordered_map<std::string, std::int32_t> labels_;  // what each text of a label means
  std::vector<std::vector<BandNumbers>> numbers_;         // [source][band]
  bool groups_are_numbers_ = true;
  std::unordered_map<std::string, std::int64_t> group_names_;
  std::map<std::string, std::int32_t> region_names_;
};

}  // namespace

std::vector<Samples> read_parts_csv(const std::string& file, const Nomenclature* nomenclature, const TableRules& rules) {
  return TableReader(file, nomenclature, rules).read();
}

Samples read_samples_csv(const std::string& file, const Nomenclature* nomenclature, const TableRules& rules) {
  std::vector<Samples> parts = read_parts_csv(file, nomenclature, rules);
  if (parts.size() > 1) throw UserError(join_text(file, ": holds the samples of ", parts.size(), " tiles; expected those of one"));
  return std::move(parts.front());
}

}  // namespace millesime
