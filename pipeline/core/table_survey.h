#pragma once
// What a first pass over a table of samples finds out: which numbers stand for missing values, which static columns number the samples, how
// many digits can be kept.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pipeline/core/samples.h"
#include "pipeline/core/table_numbers.h"
#include "pipeline/core/table_rules.h"

namespace millesime {

inline constexpr int kMaxStored = 32767;  // largest magnitude of an int16 that has both signs

// What the numbers of a band need to be stored as int16.
struct BandNumbers {
  double largest = 0;  // magnitude
  int decimals = 0;
  CellPlace largest_at;

  int exponent() const;  // the power of ten that is the unit of the stored numbers
};

double stored_number(double value, int exponent);  // value / 10^exponent, rounded half away from zero

// Whether the values of a static column number the rows or the groups.
class Identity {
 public:
  void add(double value, std::int64_t group);
  bool unique() const;
  bool unique_by_group() const;

 private:
  std::size_t n_ = 0, different_in_group_ = 0;
  std::unordered_set<double> values_;
  std::unordered_map<std::int64_t, double> of_group_;
};

// Whether a static column says the class: one value for each label, and another for each.
class ClassCopy {
 public:
  void add(double value, std::int32_t label);
  bool is_one() const;

 private:
  std::size_t n_ = 0;
  bool differs_ = false;
  std::map<std::int32_t, double> of_label_;
};

class TableSurvey {
 public:
  TableSurvey(const std::string& file, const TableRules& rules);

  // True the first time: the pass that hands over its numbers.
  bool begin(const Samples& samples, const std::vector<std::string>& columns);
  void meet(std::size_t source, std::size_t band, double value, CellPlace place);
  // NaN: nothing there; label 0: not known
  void meet_static(std::size_t index, double value, std::int64_t group, std::int32_t label, CellPlace place);

  // After the first pass. True where a number that it met stands for a missing value. UserError with line and column for a number that may
  // stand for one and may be one, and for a static column that numbers rows or groups or says the class.
  bool finish();
  bool is_fill(std::size_t source, std::size_t band, double value) const { return contains(fills_[source][band], value); }
  bool is_static_fill(std::size_t index, double value) const { return contains(static_fills_[index], value); }
  bool told_missing(double value) const { return contains(told_, value); }

  // UserError for a number so large that int16 has no digits left for the others; notes what digits are lost otherwise.
  void check_precision(const std::vector<std::vector<BandNumbers>>& numbers, const std::vector<std::vector<int>>& exponents);

  void note(const std::string& text) { notes_.push_back(text); }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  static bool contains(const std::vector<double>& values, double value);
  std::string where(CellPlace place) const;
  bool find_fills(const NumberSurvey& survey, const std::string& name, std::vector<double>& fills, bool doubts);
  void refuse_identities() const;
  void refuse_class_copies() const;
  static std::string as_option(const std::vector<std::string>& names);

  std::string file_;
  const TableRules& rules_;
  std::vector<double> told_;
  bool none_missing_ = false;
  std::vector<std::string> columns_, statics_;
  std::vector<std::vector<std::string>> bands_;     // [source][band]
  std::vector<std::vector<NumberSurvey>> surveys_;  // [source][band]
  // Some numbers of each column, evenly: its first ones, then every second, every fourth...
  struct ColumnSample {
    std::size_t source = 0, band = 0, met = 0, stride = 1;
    std::vector<float> numbers;
    void add(double value);
  };
  void refuse_other_units(std::size_t source, std::size_t band, float step, const BandNumbers& numbers) const;
  std::vector<ColumnSample> of_column_;                  // [column of the file]
  std::vector<std::vector<std::vector<double>>> fills_;  // [source][band]
  std::vector<NumberSurvey> static_surveys_;
  std::vector<std::vector<double>> static_fills_;
  std::vector<Identity> identities_;
  std::vector<ClassCopy> class_copies_;
  std::vector<std::string> notes_;
};

}  // namespace millesime
