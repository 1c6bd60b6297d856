// Samples to a CSV table; pipeline/core/samples.h documents the columns.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/decimal_scale.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/table_facts.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

template <class Number>
void append_number(std::string& text, Number number) {
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);  // the shortest text that reads back equal
}

// Writes stored x scale in decimal digits without rounding.
class DecimalWriter {
 public:
  explicit DecimalWriter(float scale) : scale_(scale) {
    for (int p = -kMaxDecimals; p <= 30 && !exponent_; ++p)
      if (scale_of(p) == scale) exponent_ = p;
  }

  void append(std::string& text, std::int16_t value) const {
    if (!exponent_) return append_number(text, static_cast<double>(value) * scale_);
    if (*exponent_ >= 0 || value == 0) {
      append_number(text, static_cast<int>(value));
      if (value != 0) text.append(static_cast<std::size_t>(*exponent_), '0');
      return;
    }
    if (value < 0) text += '-';
    std::string digits = std::to_string(std::abs(static_cast<int>(value)));
    const auto decimals = static_cast<std::size_t>(-*exponent_);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - decimals, ".");
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
    text += digits;
  }

 private:
  float scale_;
  std::optional<int> exponent_;
};

// Which columns a table of these parts has.
struct Layout {
  bool tile = false, tile_part = false, position = false, degrees = false, regions = false, split = false;
  std::vector<std::vector<Date>> dates;  // of each series, of all parts
  std::vector<std::string> columns;
};

Layout layout_of(const std::vector<Samples>& parts, const std::string& file) {
  Layout layout;
  const Samples& first = parts.front();
  const auto not_zero = [](double v) { return v != 0; };
  std::set<std::string> tiles;
  for (const Samples& part : parts) {
    layout.tile = layout.tile || !part.tile.empty();
    layout.tile_part = !tiles.insert(part.tile).second || layout.tile_part;
    layout.position = layout.position || std::ranges::any_of(part.x, not_zero) || std::ranges::any_of(part.y, not_zero);
    layout.degrees = layout.degrees || !part.longitude.empty();
    layout.split = layout.split || part.n_seeds > 1 ||
                   std::ranges::any_of(part.split, [](std::uint8_t s) { return s != static_cast<std::uint8_t>(Split::learn); });
  }
  layout.regions = first.region_names != std::vector<std::string>{""};

  auto& columns = layout.columns;
  columns = {"label", "group"};
  if (layout.tile) columns.emplace_back("tile");
  if (layout.tile_part) columns.emplace_back("tile_part");
  if (layout.position) columns.insert(columns.end(), {"x", "y"});
  for (const char* name : {"longitude", "latitude"})  // a static input of that name says the same
    layout.degrees = layout.degrees && std::ranges::find(first.static_names, name) == first.static_names.end();
  if (layout.degrees) columns.insert(columns.end(), {"longitude", "latitude"});
  if (layout.regions) columns.emplace_back("region");
  if (layout.split)
    for (int seed = 0; seed < first.n_seeds; ++seed) columns.push_back(first.n_seeds == 1 ? "split" : join_text("split_", seed));
  columns.insert(columns.end(), first.static_names.begin(), first.static_names.end());
  const auto in_several = [&](const std::string& band) {
    return std::ranges::count_if(
               first.series, [&](const SampleSeries& series) { return std::ranges::find(series.bands, band) != series.bands.end(); }) > 1;
  };
  for (std::size_t s = 0; s < first.series.size(); ++s) {
    std::set<Date> dates;
    for (const Samples& part : parts) dates.insert(part.series[s].dates.begin(), part.series[s].dates.end());
    layout.dates.emplace_back(dates.begin(), dates.end());
    for (const std::string& band : first.series[s].bands) {
      const std::string name = (in_several(band) ? first.series[s].source + ":" : "") + band + "_";
      for (const Date date : dates) columns.push_back(name + date.compact());
    }
  }
  std::set<std::string> seen;
  for (const std::string& column : columns)
    if (!seen.insert(column).second) throw UserError(join_text(file, ": cannot be written: two columns would be called ", column));
  return layout;
}

// Position of each date of the table among the part's, or -1.
std::vector<std::ptrdiff_t> places(const std::vector<Date>& wanted, const std::vector<Date>& own) {
  std::vector<std::ptrdiff_t> found;
  for (const Date date : wanted) {
    const auto at = std::ranges::lower_bound(own, date);
    found.push_back(at != own.end() && *at == date ? at - own.begin() : -1);
  }
  return found;
}

void write_rows(const Samples& samples, std::size_t part, const Layout& layout, std::ofstream& stream, std::string& text) {
  constexpr std::size_t kFlush = 1 << 20;  // bytes a write
  std::vector<std::vector<DecimalWriter>> writers;
  std::vector<std::vector<std::ptrdiff_t>> date_at;
  for (std::size_t s = 0; s < samples.series.size(); ++s) {
    writers.emplace_back(samples.series[s].scale.begin(), samples.series[s].scale.end());
    date_at.push_back(places(layout.dates[s], samples.series[s].dates));
  }
  for (std::int64_t sample = 0; sample < samples.size(); ++sample) {
    const auto i = static_cast<std::size_t>(sample);
    append_number(text, samples.label[i]);
    text += ',';
    append_number(text, samples.polygon[i]);
    if (layout.tile) text += ',' + csv_cell(samples.tile);
    if (layout.tile_part) text += join_text(',', part);
    if (layout.position) {
      text += ',';
      append_number(text, samples.x[i]);
      text += ',';
      append_number(text, samples.y[i]);
    }
    if (layout.degrees)
      for (const Column<float>* column : {&samples.longitude, &samples.latitude}) {
        text += ',';
        if (!column->empty() && !std::isnan((*column)[i])) append_number(text, (*column)[i]);
      }
    if (layout.regions) text += ',' + csv_cell(samples.region_names[static_cast<std::size_t>(samples.region[i])]);
    if (layout.split)
      for (int seed = 0; seed < samples.n_seeds; ++seed) text += std::string(",") + to_text(samples.split_of(sample, seed));
    for (std::size_t s = 0; s < samples.static_names.size(); ++s) {
      text += ',';
      const float value = samples.statics[i * samples.static_names.size() + s];
      if (!std::isnan(value)) append_number(text, value);
    }
    for (std::size_t s = 0; s < samples.series.size(); ++s) {
      const SampleSeries& series = samples.series[s];
      const std::size_t n_dates = series.dates.size(), n_bands = series.bands.size();
      for (std::size_t b = 0; b < n_bands; ++b)
        for (const std::ptrdiff_t place : date_at[s]) {
          text += ',';
          const std::size_t at = i * n_dates + static_cast<std::size_t>(place);
          if (place >= 0 && series.valid[at]) writers[s][b].append(text, series.values[at * n_bands + b]);
        }
    }
    text += '\n';
    if (text.size() >= kFlush) {
      stream << text;
      text.clear();
    }
  }
}

}  // namespace

void write_samples_csv(const Samples& samples, const std::string& file) { write_samples_csv(std::vector{samples}, file); }

void write_samples_csv(const std::vector<Samples>& parts, const std::string& file) {
  for (const Samples& part : parts) check(part);
  const Layout layout = layout_of(parts, file);
  AtomicFile output(file);
  {
    std::ofstream stream(output.temporary(), std::ios::binary);
    std::string text;
    for (std::size_t i = 0; i < layout.columns.size(); ++i) text += (i ? "," : "") + csv_cell(layout.columns[i]);
    text += '\n';
    for (std::size_t p = 0; p < parts.size(); ++p) write_rows(parts[p], p, layout, stream, text);
    stream << text;
    stream.close();
    if (!stream) throw UserError(join_text(file, ": cannot be written: ", std::strerror(errno)));
  }
  output.commit();
  write_table_facts(parts, file);
}

}  // namespace millesime
