#pragma once
// Numbers of a table: what they are as text, and which of them stand for a missing value.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millesime {

struct TableNumber {
  double value = 0;
  int decimals = 0;  // digits after the point that are not trailing zeros
};

// Nothing, or what pandas, NumPy, R and databases write for it: nan, NA, null, none, an infinity...
bool is_missing(std::string_view cell);
// `decimal_comma`: 0,25 is 0.25, too, as in tables whose cells are separated by semicolons.
std::optional<TableNumber> parse_number(std::string_view cell, bool decimal_comma = false);

struct CellPlace {
  std::int64_t line = 0;
  std::size_t column = 0;
};

// The numbers of a band, or of a static column, as they go by: extremes with their counts, known fill values and a sample, in little
// memory. It finds fill values: known ones (-9999, -32768, 65535, 1e20...) that lie beyond all other numbers, and extremes that repeat far
// beyond them.
class NumberSurvey {
 public:
  struct Seen {
    std::int64_t count = 0;
    CellPlace first;
  };
  struct Fill {
    double value = 0;
    Seen seen;
  };
  struct Doubt {  // may be a fill value, and may be a number
    double value = 0;
    Seen seen;
    double low = 0, high = 0;  // of the other numbers
  };

  NumberSurvey() = default;
  explicit NumberSurvey(std::optional<double> type_end) : type_end_(type_end) {}  // a further known fill value: 255 of bytes

  void add(double value, CellPlace place);
  std::int64_t size() const { return n_; }

  std::vector<Fill> fills() const;
  std::vector<double> unmet_fills() const;  // known fill values that would be fills, but are not among these numbers
  std::optional<Doubt> doubt() const;
  Seen seen(double value) const;  // of an extreme or a known fill value; nothing of others
  double middle_spread() const;   // between the 10th and the 90th percentile, without fill values
  Seen largest_magnitude() const;

 private:
  struct Extremes;
  Extremes extremes() const;
  bool is_fill(double value, const Seen& seen, const Extremes& plain) const;

  std::optional<double> type_end_;
  std::int64_t n_ = 0, stride_ = 1;
  std::map<double, Seen> low_, high_;  // the lowest and the highest different numbers
  std::map<double, Seen> known_;       // known fill values
  std::vector<double> sample_;         // every stride-th number
};

// Numbers beyond this are no observation: NetCDF's fill value is 9.97e36, the largest float 3.4e38.
inline constexpr double kMaxMagnitude = 1e30;

}  // namespace millesime
