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

}  // namespace

void write_samples_csv(const Samples& samples, const std::string& file) {
  check(samples);
  const bool has_position =
      std::ranges::any_of(samples.x, [](double v) { return v != 0; }) || std::ranges::any_of(samples.y, [](double v) { return v != 0; });
  const bool has_regions = samples.region_names != std::vector<std::string>{""};
  const bool has_split = samples.n_seeds > 1 ||
                         std::ranges::any_of(samples.split, [](std::uint8_t s) { return s != static_cast<std::uint8_t>(Split::learn); });

  std::vector<std::string> columns{"label", "group"};
  if (has_position) columns.insert(columns.end(), {"x", "y"});
  if (has_regions) columns.emplace_back("region");
  if (has_split)
    for (int seed = 0; seed < samples.n_seeds; ++seed) columns.push_back(samples.n_seeds == 1 ? "split" : join_text("split_", seed));
  columns.insert(columns.end(), samples.static_names.begin(), samples.static_names.end());
  std::vector<std::vector<DecimalWriter>> writers;
  for (const SampleSeries& series : samples.series) {
    writers.emplace_back(series.scale.begin(), series.scale.end());
    for (const std::string& band : series.bands)
      for (const Date date : series.dates) columns.push_back(band + "_" + date.compact());
  }
  std::set<std::string> seen;
  for (const std::string& column : columns)
    if (!seen.insert(column).second) throw UserError(join_text(file, ": cannot be written: two columns would be called ", column));

  AtomicFile output(file);
  {
    std::ofstream stream(output.temporary(), std::ios::binary);
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i) text += (i ? "," : "") + csv_cell(columns[i]);
    text += '\n';
    constexpr std::size_t kFlush = 1 << 20;  // bytes a write
    for (std::int64_t sample = 0; sample < samples.size(); ++sample) {
      const auto i = static_cast<std::size_t>(sample);
      append_number(text, samples.label[i]);
      text += ',';
      append_number(text, samples.polygon[i]);
      if (has_position) {
        text += ',';
        append_number(text, samples.x[i]);
        text += ',';
        append_number(text, samples.y[i]);
      }
      if (has_regions) text += ',' + csv_cell(samples.region_names[static_cast<std::size_t>(samples.region[i])]);
      if (has_split)
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
          for (std::size_t d = 0; d < n_dates; ++d) {
            text += ',';
            if (series.valid[i * n_dates + d]) writers[s][b].append(text, series.values[(i * n_dates + d) * n_bands + b]);
          }
      }
      text += '\n';
      if (text.size() >= kFlush) {
        stream << text;
        text.clear();
      }
    }
    stream << text;
    stream.close();
    if (!stream) throw UserError(join_text(file, ": cannot be written: ", std::strerror(errno)));
  }
  output.commit();
}

}  // namespace millesime
