#include "pipeline/core/sample_digests.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr std::size_t kDigits = 16;  // hexadecimal, of a digest

std::uint64_t joined(std::uint64_t digest, std::int64_t number) { return mix(digest ^ mix(static_cast<std::uint64_t>(number))); }

// The names of the bands, and how their numbers are stored.
struct StoredBands {
  std::uint64_t names = 0;
  std::vector<std::int64_t> exponent;  // of a table: a number is stored x 10^exponent
};

StoredBands stored_bands(const SampleSeries& series) {
  StoredBands stored;
  for (std::size_t b = 0; b < series.bands.size(); ++b) {
    stored.names = joined(stored.names, static_cast<std::int64_t>(hash_text(series.bands[b])));
    stored.exponent.push_back(std::lround(std::log10(static_cast<double>(series.scale[b]))));
  }
  return stored;
}

// 0: no valid observation.
std::uint64_t digest_of_observations(const Samples& samples, std::size_t row, const std::vector<StoredBands>& stored) {
  std::uint64_t digest = 0;
  for (std::size_t s = 0; s < samples.series.size(); ++s) {
    const SampleSeries& series = samples.series[s];
    const std::size_t dates = series.dates.size(), bands = series.bands.size();
    for (std::size_t d = 0; d < dates; ++d) {
      if (!series.valid[row * dates + d]) continue;
      digest = joined(joined(digest ^ stored[s].names, static_cast<std::int64_t>(s)), series.dates[d] - Date::from_ymd(1970, 1, 1));
      for (std::size_t b = 0; b < bands; ++b) {
        std::int64_t number = series.values[(row * dates + d) * bands + b], exponent = stored[s].exponent[b];
        while (number != 0 && number % 10 == 0) number /= 10, ++exponent;  // 0.5000 is 0.5
        digest = joined(joined(digest, number), number == 0 ? 0 : exponent);
      }
    }
  }
  return digest;
}

std::int64_t bits_of(double number) { return std::bit_cast<std::int64_t>(number == 0 ? 0.0 : number); }  // -0 is 0

// What else a row of a table tells of itself. Few observations, say one index in percent, repeat by chance.
std::uint64_t joined_columns(std::uint64_t digest, const Samples& samples, std::size_t row,
                             const std::vector<std::uint64_t>& static_names) {
  digest = joined(digest, samples.label[row]);
  if (samples.x[row] != 0 || samples.y[row] != 0) digest = joined(joined(digest, bits_of(samples.x[row])), bits_of(samples.y[row]));
  if (!samples.longitude.empty() && !std::isnan(samples.longitude[row]))
    digest = joined(joined(digest, bits_of(double{samples.longitude[row]})), bits_of(double{samples.latitude[row]}));
  std::uint64_t statics = 0;  // a sum: the order of the columns makes no difference
  for (std::size_t s = 0; s < static_names.size(); ++s)
    if (const double value = samples.statics[row * static_names.size() + s]; !std::isnan(value))
      statics += joined(static_names[s], bits_of(value));
  return joined(digest, static_cast<std::int64_t>(statics));
}

}  // namespace

std::vector<std::uint64_t> digests_of(const Samples& samples, std::span<const std::int64_t> rows) {
  std::vector<std::uint64_t> digests;
  digests.reserve(rows.size());
  if (!samples.reference.empty()) {
    const std::uint64_t reference = hash_text(samples.reference);
    for (const std::int64_t row : rows) digests.push_back(joined(reference, samples.polygon[static_cast<std::size_t>(row)]));
    return digests;
  }
  constexpr std::size_t kReadAtOnce = 8192;  // rows after which the memory of their pages is given back
  std::vector<StoredBands> stored;
  for (const SampleSeries& series : samples.series) stored.push_back(stored_bands(series));
  std::vector<std::uint64_t> static_names;
  for (const std::string& name : samples.static_names) static_names.push_back(hash_text(name));
  for (const std::int64_t row : rows) {
    const auto r = static_cast<std::size_t>(row);
    const std::uint64_t observed = digest_of_observations(samples, r, stored);
    digests.push_back(observed == 0 ? 0 : joined_columns(observed, samples, r, static_names));
    if (digests.size() % kReadAtOnce == 0 || digests.size() == rows.size())
      for (const SampleSeries& series : samples.series) series.values.release(), series.valid.release(), samples.statics.release();
  }
  return digests;
}

SampleDigests::SampleDigests(std::vector<std::uint64_t> digests) : digests_(std::move(digests)) {
  std::erase(digests_, 0);
  keep();
}

void SampleDigests::merge(const SampleDigests& other) {
  digests_.insert(digests_.end(), other.digests_.begin(), other.digests_.end());
  below_ = std::min(below_, other.below_);
  keep();
}

void SampleDigests::keep() {
  std::ranges::sort(digests_);
  digests_.erase(std::unique(digests_.begin(), digests_.end()), digests_.end());
  digests_.erase(std::ranges::lower_bound(digests_, below_), digests_.end());
  if (digests_.size() <= kMost) return;
  below_ = digests_[kMost];
  digests_.resize(kMost);
}

bool SampleDigests::contains(std::uint64_t digest) const { return std::ranges::binary_search(digests_, digest); }

std::string SampleDigests::to_text() const {
  std::string text;
  char digits[kDigits + 1];
  const auto add = [&](std::uint64_t number) {
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
    text += digits;
  };
  add(below_);
  for (const std::uint64_t digest : digests_) add(digest);
  return text;
}

SampleDigests SampleDigests::from_text(const std::string& text, const std::string& origin) {
  const auto number_at = [&](std::size_t place) {
    std::uint64_t number = 0;
    const char* first = text.data() + place;
    const auto [end, error] = std::from_chars(first, first + kDigits, number, 16);
    if (error != std::errc{} || end != first + kDigits)
      throw UserError(join_text(origin, ": digests of samples: expected hexadecimal numbers, got \"",
                                std::string_view(text).substr(place, kDigits), "\""));
    return number;
  };
  if (text.size() < kDigits || text.size() % kDigits != 0 || text.size() > (kMost + 1) * kDigits)
    throw UserError(join_text(origin, ": digests of samples: expected 1 to ", kMost + 1, " times ", kDigits, " digits, got ", text.size()));
  SampleDigests read;
  read.below_ = number_at(0);
  for (std::size_t place = kDigits; place < text.size(); place += kDigits) read.digests_.push_back(number_at(place));
  read.keep();
  return read;
}

}  // namespace millesime
