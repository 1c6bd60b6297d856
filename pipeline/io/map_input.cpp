#include "pipeline/io/map_input.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr std::int64_t kAtOnce = std::int64_t{1} << 22;  // px
constexpr float kPercent = 100, kPerMille = 1000;

const char* name_of(MapKind kind) {
  switch (kind) {
    case MapKind::classes: return "a class map";
    case MapKind::confidence: return "a confidence map";
    case MapKind::validity: return "a map of the number of valid acquisitions";
  }
  throw Bug("unknown kind of map");
}

// What is known of a file's numbers.
struct SampleRange {
  float lowest = 0, highest = 0;  // with data
  bool fractions = false;
  Window of_lowest, of_highest, of_fraction;  // one pixel
  float fraction = 0;

  void add(float number, const Window& window, std::size_t i) {
    const int col = static_cast<int>(i % static_cast<std::size_t>(window.width)),
              row = static_cast<int>(i / static_cast<std::size_t>(window.width));
    const Window pixel{window.col + col, window.row + row, 1, 1};
    if (number < lowest) lowest = number, of_lowest = pixel;
    if (number > highest) highest = number, of_highest = pixel;
    if (!fractions && number != std::floor(number)) fractions = true, fraction = number, of_fraction = pixel;
  }
};

[[noreturn]] void refuse(const std::string& path, MapKind kind, const std::string& expected, float number, const Window& pixel,
                         const std::string& advice) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", static_cast<double>(number));
  throw UserError(join_text(path, ": expected ", name_of(kind), ", ", expected, ", got ", digits, " at column ", pixel.col, ", row ",
                            pixel.row, "; ", advice));
}

}  // namespace

MapInput::MapInput(const std::string& file, MapKind kind) : reader_(file) {
  form_.kind = kind;
  find_form();
}

MapInput::MapInput(const std::string& file, const MapForm& form) : reader_(file), form_(form) {}

std::vector<float> MapInput::numbers(const Window& window) const {
  std::vector<float> numbers(static_cast<std::size_t>(window.pixels()));
  reader_.read_numbers(window, 0, numbers.data());
  return numbers;
}

void MapInput::find_form() {
  const RasterInfo& info = reader_.info();
  const auto alphas = std::ranges::count_if(info.each, &BandInfo::is_alpha);  // they hide pixels, see RasterReader::read_numbers
  if (info.bands - alphas != 1 || info.each.front().is_alpha)
    throw UserError(join_text(path(), ": expected ", name_of(form_.kind), ", one band, got ", info.bands,
                              " bands; choose one, e.g. with gdal_translate -b 1"));
  const BandInfo& band = info.each.front();
  const bool plain = (!band.nodata || *band.nodata == 0) && !band.has_scale && !band.has_mask;
  if (info.type == PixelType::u8 && plain) return;

  form_.as_stored = false;
  SampleRange range;
  for (const Window& window : split(grid().whole(), info.block_width, info.block_height, kAtOnce)) {
    const std::vector<float> values = numbers(window);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!std::isnan(values[i])) range.add(values[i], window, i);
  }
  const MapKind kind = form_.kind;
  std::string nodata = band.nodata && *band.nodata != 0 ? join_text(", ", *band.nodata, " is no data") : "";
  if (band.has_mask) nodata += ", what its mask hides is no data";
  const auto assume = [&](const char* what) {
    form_.assumed = join_text(path(), ": ", type_name(info.type), nodata, ", taken for ", what);
  };
  if (range.lowest < 0)
    refuse(path(), kind, "numbers from 0", range.lowest, range.of_lowest,
           "if it is no data, declare it, e.g. with gdal_edit.py -a_nodata; otherwise name the right file");
  if (kind == MapKind::confidence) {
    if (range.highest <= 1 && (range.fractions || info.type == PixelType::f32)) {
      form_.factor = kPercent, assume("probabilities 0 to 1");
    } else if (range.highest <= kPercent) {
      assume("percent");
      form_.whole_percents = !range.fractions;
    } else if (range.highest <= kPerMille && !range.fractions && info.type != PixelType::u8) {
      form_.factor = kPercent / kPerMille, assume("per mille");
    } else {
      refuse(path(), kind, "probabilities 0 to 1, percent 0 to 100 or per mille 0 to 1000", range.highest, range.of_highest,
             "bring it to percent, e.g. with gdal_translate -ot Float32 -scale 0 HIGHEST 0 100");
    }
    form_.highest = static_cast<int>(kPercent);
    return;
  }
  if (range.fractions)
    refuse(path(), kind, "whole numbers", range.fraction, range.of_fraction,
           "is it another layer, for example a confidence? Name the right file");
  if (kind == MapKind::classes && range.highest > static_cast<float>(kMaxCode))
    refuse(path(), kind, join_text("codes 0 to ", kMaxCode), range.highest, range.of_highest,
           "if it is no data, declare it, e.g. with gdal_edit.py -a_nodata; otherwise renumber the classes");
  form_.highest = static_cast<int>(std::min(range.highest, static_cast<float>(kMaxCode)));
  form_.as_stored = plain && info.type != PixelType::f32 && (kind == MapKind::classes || form_.highest <= 255);
  const bool usual = form_.as_stored && (info.type == PixelType::u8 || (info.type == PixelType::u16 && kind == MapKind::classes));
  if (!usual)
    assume(kind == MapKind::classes ? "class codes"
           : range.highest > 255    ? "numbers of acquisitions, those above 255 for 255"
                                    : "numbers of acquisitions");
}

MapInput open_map(const std::string& file, MapKind kind, const Context& context) {
  MapInput map(file, kind);
  if (!map.form().assumed.empty()) context.progress->note(map.form().assumed);
  return map;
}

template <class T>
void MapInput::read(const Window& window, T* values) const {
  const auto pixels = static_cast<std::size_t>(window.pixels());
  if (form_.as_stored) {
    reader_.read(window, 0, values);
    if (form_.kind != MapKind::confidence) return;
    const T* above = std::find_if(values, values + pixels, [](T value) { return static_cast<float>(value) > kPercent; });
    if (above == values + pixels) return;
    const auto i = static_cast<int>(above - values);
    refuse(
        path(), form_.kind, "percent 0 to 100", static_cast<float>(*above),
        {window.col + i % window.width, window.row + i / window.width, 1, 1},
        "if it is no data, declare it, e.g. with gdal_edit.py -a_nodata; otherwise bring it to percent, e.g. with gdal_translate -scale 0 "
        "255 0 100");
  }
  const float most = form_.kind == MapKind::validity ? 255.0F : static_cast<float>(kMaxCode);
  const std::vector<float> stored = numbers(window);
  std::ranges::transform(stored, values, [&](float number) {
    return std::isnan(number) ? T{0} : static_cast<T>(std::clamp(number * form_.factor, 0.0F, most));
  });
}

void MapInput::read_probabilities(const Window& window, float* probabilities) const {
  const auto pixels = static_cast<std::size_t>(window.pixels());
  if (form_.as_stored) {
    std::vector<std::uint8_t> percent(pixels);
    read(window, percent.data());
    std::ranges::transform(percent, probabilities, [](std::uint8_t value) { return static_cast<float>(middle_of_percent(value)); });
    return;
  }
  const std::vector<float> stored = numbers(window);
  std::ranges::transform(stored, probabilities, [&](float number) {
    if (std::isnan(number)) return 0.0F;
    return form_.whole_percents ? static_cast<float>(middle_of_percent(static_cast<int>(number)))
                                : std::min(1.0F, number * form_.factor / kPercent);
  });
}

template void MapInput::read<std::uint8_t>(const Window&, std::uint8_t*) const;
template void MapInput::read<std::uint16_t>(const Window&, std::uint16_t*) const;
template void MapInput::read<std::int32_t>(const Window&, std::int32_t*) const;

}  // namespace millesime
