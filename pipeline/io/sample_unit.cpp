#include "pipeline/io/sample_unit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <deque>
#include <limits>
#include <mutex>
#include <vector>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr double kPerReflectance = 10000;  // of the unit
constexpr double kHundredthsOfDecibel = 100;
constexpr double kHighest = std::numeric_limits<std::int16_t>::max();
constexpr double kFraction =
    100;  // fractions that are nowhere greater are reflectance 0..1 or percent: 100 in the unit is a reflectance of 0.01

struct Range {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  bool fractions = false;

  bool empty() const { return least > most; }
  void add(double value) {
    if (std::isnan(value)) return;
    least = std::min(least, value), most = std::max(most, value);
    fractions = fractions || value != std::round(value);
  }
};

std::string expected_one(const RasterReader& file) {
  const auto bands = std::ranges::count(file.info().each, false, &BandInfo::is_alpha);
  return bands == 1 ? "" : join_text("expected one band, got ", bands, "; give each band a file of its own (gdal_translate -b)");
}

constexpr const char* kAdvice =
    "; say how they become reflectance x 10000 (for reflectance 0..1: gdal_edit.py -scale 10000) or convert them (gdal_translate -ot "
    "Int16)";

}  // namespace

UnitScale unit_scale(const BandInfo& band) {
  if (!band.has_scale) return {};
  constexpr double kOfReflectance = 0.1;
  const double unit = std::abs(band.scale) < kOfReflectance ? kPerReflectance : 1;
  return {band.scale * unit, band.offset * unit};
}

bool is_in_unit(const BandInfo& band) {
  const UnitScale scale = unit_scale(band);
  return band.type == PixelType::i16 && scale.factor == 1 && scale.offset == 0 && !band.has_mask;
}

std::int16_t to_sample(double value) {
  if (!(value > kNodata)) return kNodata;  // NaN, too
  return static_cast<std::int16_t>(std::min(std::round(value), kHighest));
}

namespace {

// The numbers in some blocks: the middle, the first and the last, and all others while `unclear` says so.
template <class Unclear>
Range range_of(const RasterReader& file, const Layer& layer, const Unclear& unclear) {
  const auto blocks = [](int size, int block) { return (size + block - 1) / block; };
  const int across = blocks(file.grid().cols, file.info().block_width), down = blocks(file.grid().rows, file.info().block_height);
  Range range;
  const auto add_block = [&](int col, int row) {
    const std::vector<double> values = file.block_in_unit(layer.band, col, row, layer.encoding);
    const Window whole{col * file.info().block_width, row * file.info().block_height, file.info().block_width, file.info().block_height};
    const Window inside = whole.intersect(file.grid().whole());
    for (int r = 0; r < inside.height; ++r)
      for (int c = 0; c < inside.width; ++c)
        range.add(values[static_cast<std::size_t>(r) * static_cast<std::size_t>(whole.width) + static_cast<std::size_t>(c)]);
  };
  add_block(across / 2, down / 2);
  add_block(0, 0);
  add_block(across - 1, down - 1);
  for (int row = 0; row < down && unclear(range); ++row)
    for (int col = 0; col < across && unclear(range); ++col) add_block(col, row);
  return range;
}

std::string from_to(double least, double most) {
  std::array<char, 80> numbers{};
  std::snprintf(numbers.data(), numbers.size(), " from %.6g to %.6g", least, most);
  return numbers.data();
}

// Power is positive and mostly below 1, decibel of land mostly from -30 to 0.
std::string problem_of_radar(const RasterReader& file, const Layer& layer) {
  constexpr double kHundredths = 100;
  Layer as_stored = layer;
  as_stored.encoding.kind = Encoding::Kind::linear, as_stored.encoding.factor = 1, as_stored.encoding.offset = 0;
  const Range range = range_of(file, as_stored, [](const Range& known) { return known.empty(); });
  if (range.empty()) return "";
  if (layer.encoding.kind == Encoding::Kind::power)
    return range.least < 0
               ? join_text("expected linear power (encoding = \"power\"), got numbers", from_to(range.least, range.most),
                           ", which are decibel; use the sensor sentinel1_decibel, or set encoding = \"linear\" in your sensor file")
               : "";
  const double least = range.least * layer.encoding.factor / kHundredths, most = range.most * layer.encoding.factor / kHundredths;
  return least >= 0 && range.fractions ? join_text("expected decibel (encoding = \"linear\"), got numbers", from_to(least, most),
                                                   ", which are linear power; set encoding = \"power\" in the sensor file")
                                       : "";
}

// A fill value that nothing declares, by a sensor file that says how numbers become the unit: the highest number of 16 bits, or one far
// above every value. Other numbers above int16 are bright and become its highest.
std::string problem_of_fill(const RasterReader& file, const Layer& layer) {
  constexpr double kHighestU16 = std::numeric_limits<std::uint16_t>::max(), kFar = 10 * kHighest;
  const BandInfo& band = file.info().each[static_cast<std::size_t>(layer.band)];
  const Encoding& encoding = layer.encoding;
  if (encoding.most || band.type == PixelType::u8 || band.type == PixelType::i16) return "";
  const bool is_u16 = band.type == PixelType::u16, by_file = encoding.kind == Encoding::Kind::file;
  const double number = by_file ? kHighestU16 * band.scale + band.offset : kHighestU16;
  const double fill = is_u16 ? number * encoding.factor + encoding.offset : kFar;
  if (fill <= kHighest) return "";
  const Range range = range_of(file, layer, [](const Range&) { return false; });
  if (range.empty() || range.most < fill - 1) return "";
  return join_text("expected numbers of the unit as int16, got ", is_u16 ? "65535" : type_name(band.type),
                   is_u16 ? "" : from_to(range.least, range.most) + " of it",
                   ", more than int16 holds; if that is its no-data value, say so (nodata or valid_range in the sensor file, or "
                   "gdal_edit.py -a_nodata)");
}

// Numbers that the Series would round away: fractions, nowhere above a hundred, by a sensor file that says how they become the unit. And
// numbers of no unit beyond its highest; reflectance there is a bright spot.
std::string problem_of_floats(const RasterReader& file, const Layer& layer, SampleUnit unit) {
  const bool is_number = unit == SampleUnit::number;
  const PixelType type = file.info().each[static_cast<std::size_t>(layer.band)].type;
  if (!is_number && (unit != SampleUnit::reflectance || type != PixelType::f32)) return "";
  const auto looks_wrong = [&](const Range& range) {
    return type == PixelType::f32 && (range.empty() || (range.fractions && range.most <= kFraction));
  };
  const Range range = range_of(file, layer, looks_wrong);
  if (range.empty()) return "";
  const std::string got = join_text("expected ", is_number ? "numbers" : "reflectance x 10000", " that int16 holds, got ", type_name(type),
                                    from_to(range.least, range.most), " by the scale of the sensor file");
  if (looks_wrong(range))
    return join_text(got, ", whose fractions would be rounded away; ",
                     is_number ? "set a scale that makes them large (scale = 10000 for 0..1)" : "set scale = 1 where the file holds 0..1",
                     " in the sensor file");
  if (is_number && range.most > kHighest)
    return join_text(got, "; all above ", kHighest, " would become ", kHighest,
                     "; set a scale that makes them small, or valid_range where they are no data, in the sensor file");
  return "";
}

}  // namespace

std::string problem_of_band(const RasterReader& file, const Layer& layer, SampleUnit unit, bool alone) {
  if (alone)
    if (const std::string problem = expected_one(file); !problem.empty()) return problem;
  if (unit == SampleUnit::decibel) return problem_of_radar(file, layer);
  if (layer.encoding.kind != Encoding::Kind::stated) {
    const std::string problem = problem_of_fill(file, layer);
    return problem.empty() ? problem_of_floats(file, layer, unit) : problem;
  }
  const BandInfo& band = file.info().each[static_cast<std::size_t>(layer.band)];
  if (is_in_unit(band)) return "";
  const std::string expected = join_text("expected reflectance x 10000 as int16, got ", type_name(band.type));
  if (band.type == PixelType::u8 && !band.has_scale) return join_text(expected, ", which cannot hold it", kAdvice);
  const auto looks_wrong = [](const Range& range) { return range.empty() || (range.fractions && range.most <= kFraction); };
  const Range range = range_of(file, layer, looks_wrong);
  if (range.empty()) return "";  // no data at all
  const std::string got = join_text(expected, from_to(range.least, range.most), band.has_scale ? " by the scale that the file states" : "");
  if (range.fractions && range.most <= kFraction) return join_text(got, kAdvice);
  if (range.most > kHighest)
    return join_text(got, ", more than int16 holds; if that is its no-data value, say so (gdal_edit.py -a_nodata)", kAdvice);
  return "";
}

std::string problem_of_mask(const RasterReader& file, const Layer& layer, bool alone) {
  if (alone)
    if (const std::string problem = expected_one(file); !problem.empty()) return problem;
  const PixelType type = file.info().each[static_cast<std::size_t>(layer.band)].type;
  if (type != PixelType::f32) return "";
  Layer as_stored = layer;
  as_stored.encoding = {};
  as_stored.encoding.kind = Encoding::Kind::linear;
  const Range range = range_of(file, as_stored, [](const Range&) { return false; });
  if (!range.fractions) return "";  // masks of a stack have its type
  return join_text("expected a mask of whole numbers (uint8, 0 = valid), got ", type_name(type), from_to(range.least, range.most),
                   "; convert it (gdal_translate -ot Byte)");
}

const std::vector<std::int16_t>& sample_table(PixelType type, const Encoding& encoding, std::optional<double> file_nodata) {
  struct Table {
    PixelType type;
    Encoding encoding;
    std::optional<double> file_nodata;
    std::vector<std::int16_t> samples;
  };
  static std::mutex mutex;
  static std::deque<Table> tables;  // their addresses stay
  const std::lock_guard lock(mutex);
  for (const Table& table : tables)
    if (table.type == type && table.encoding == encoding && table.file_nodata == file_nodata) return table.samples;
  Table& table = tables.emplace_back(Table{type, encoding, file_nodata, {}});
  const std::uint32_t numbers = type == PixelType::u8 ? 1u << 8 : 1u << 16;
  for (std::uint32_t bits = 0; bits < numbers; ++bits) {
    const double number = type == PixelType::i16 ? static_cast<std::int16_t>(bits) : static_cast<double>(bits);
    table.samples.push_back(file_nodata && number == *file_nodata ? kNodata : to_sample(encoding.in_unit(number)));
  }
  return table.samples;
}

namespace {

// Powers of the table: of -97 to 59 decibel. What is beyond is computed.
constexpr float kLeastPower = 0x1p-32f, kPowerBeyond = 0x1p20f;
constexpr int kLastBits = 14;  // a cell spans at most 0.85 hundredths of a decibel

std::uint32_t bits_of(float power) { return std::bit_cast<std::uint32_t>(power); }

}  // namespace

bool PowerSamples::can(const Encoding& encoding, std::optional<double> file_nodata) {
  const auto is_power = [](const std::optional<double>& nodata) { return nodata && *nodata > 0; };
  return encoding.kind == Encoding::Kind::power && encoding.factor > 0 && encoding.factor <= kHundredthsOfDecibel && !encoding.least &&
         !encoding.most && !is_power(encoding.nodata) && !is_power(file_nodata);
}

const PowerSamples& PowerSamples::of(const Encoding& encoding) {
  static std::mutex mutex;
  static std::deque<PowerSamples> known;  // their addresses stay
  const std::lock_guard lock(mutex);
  for (const PowerSamples& samples : known)
    if (samples.encoding_ == encoding) return samples;
  known.push_back(PowerSamples(encoding));
  return known.back();
}

PowerSamples::PowerSamples(const Encoding& encoding) : encoding_(encoding) {
  for (std::uint32_t first = bits_of(kLeastPower); first < bits_of(kPowerBeyond); first += 1u << kLastBits) {
    const auto sample_of = [&](std::uint32_t last_bits) { return exact(std::bit_cast<float>(first + last_bits)); };
    std::uint32_t below = 0, from = 1u << kLastBits;  // the next number begins in (below, from]
    const std::int16_t sample = sample_of(below);
    if (sample_of(from - 1) != sample)
      for (--from; from - below > 1;) {
        const std::uint32_t middle = (below + from) / 2;
        (sample_of(middle) == sample ? below : from) = middle;
      }
    cells_.push_back({sample, static_cast<std::uint16_t>(from)});
  }
}

void PowerSamples::convert(const float* power, std::size_t n, std::int16_t* samples) const {
  const std::uint32_t least = bits_of(kLeastPower), span = bits_of(kPowerBeyond) - least;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t place = bits_of(power[i]) - least;
    if (place < span) {
      const Cell cell = cells_[place >> kLastBits];
      samples[i] = static_cast<std::int16_t>(cell.sample + ((place & ((1u << kLastBits) - 1)) >= cell.next));
    } else {
      samples[i] = exact(power[i]);
    }
  }
}

}  // namespace millesime
