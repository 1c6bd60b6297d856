#include "pipeline/io/encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"

namespace millesime {

using nlohmann::ordered_json;

namespace {

constexpr std::pair<SampleUnit, const char*> kUnits[] = {
    {SampleUnit::reflectance, "reflectance"}, {SampleUnit::decibel, "decibel"}, {SampleUnit::celsius, "celsius"},
    {SampleUnit::millimetre, "millimetre"},   {SampleUnit::index, "index"},     {SampleUnit::number, "number"}};
constexpr std::pair<Encoding::Kind, const char*> kKinds[] = {{Encoding::Kind::stated, "stated"},
                                                             {Encoding::Kind::file, "file"},
                                                             {Encoding::Kind::linear, "linear"},
                                                             {Encoding::Kind::power, "power"}};
constexpr int kByteValues = 256, kByteBits = 8;

bool has(const std::vector<int>& values, std::int64_t value) {
  return std::ranges::any_of(values, [&](int known) { return known == value; });
}

bool any_bit(const std::vector<int>& bits, std::int64_t value) {
  return std::ranges::any_of(bits, [&](int bit) { return ((static_cast<std::uint64_t>(value) >> bit) & 1u) != 0; });
}

}  // namespace

std::string to_text(SampleUnit unit) { return std::ranges::find(kUnits, unit, &std::pair<SampleUnit, const char*>::first)->second; }

std::optional<SampleUnit> sample_unit(const std::string& text) {
  for (const auto& [unit, name] : kUnits)
    if (text == name) return unit;
  return std::nullopt;
}

double per_unit(SampleUnit unit) {
  constexpr double kReflectance = 10000, kHundredths = 100, kTenths = 10;
  switch (unit) {
    case SampleUnit::reflectance:
    case SampleUnit::index: return kReflectance;
    case SampleUnit::decibel:
    case SampleUnit::celsius: return kHundredths;
    case SampleUnit::millimetre: return kTenths;
    case SampleUnit::number: return 1;
  }
  return 1;
}

bool is_fill(double number, double fill) {
  constexpr double kNoMeasurement = 1e15, kFewDigits = 1e-3;
  return number == fill || (std::abs(fill) > kNoMeasurement && std::abs(number - fill) <= kFewDigits * std::abs(fill));
}

Encoding Encoding::of_floats() const {
  Encoding rounded = *this;
  for (std::optional<double>* number : {&rounded.nodata, &rounded.least, &rounded.most}) {
    constexpr double kMost = std::numeric_limits<float>::max();
    if (*number) *number = static_cast<double>(static_cast<float>(std::clamp(**number, -kMost, kMost)));
  }
  return rounded;
}

double Encoding::in_unit(double number) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN(), kBel = 10;
  if (std::isnan(number) || (nodata && is_fill(number, *nodata)) || (least && number < *least) || (most && number > *most)) return kMissing;
  if (kind != Kind::power) return number * factor + offset;
  return number > 0 ? kBel * std::log10(number) * factor + offset : kMissing;
}

ordered_json Encoding::to_json() const {
  ordered_json document{
      {"kind", std::ranges::find(kKinds, kind, &std::pair<Kind, const char*>::first)->second}, {"factor", factor}, {"offset", offset}};
  if (nodata) document["nodata"] = *nodata;
  if (least) document["least"] = *least;
  if (most) document["most"] = *most;
  return document;
}

Encoding Encoding::from_json(const ordered_json& document) {
  Encoding encoding;
  const std::string text = document.at("kind").get<std::string>();
  const auto known = std::ranges::find_if(kKinds, [&](const auto& pair) { return text == pair.second; });
  if (known == std::end(kKinds)) throw UserError(join_text("unknown encoding \"", text, "\""));
  encoding.kind = known->first;
  encoding.factor = document.at("factor").get<double>();
  encoding.offset = document.at("offset").get<double>();
  const auto number = [&](const char* key) {
    return document.contains(key) ? std::optional(document.at(key).get<double>()) : std::optional<double>{};
  };
  encoding.nodata = number("nodata");
  encoding.least = number("least");
  encoding.most = number("most");
  return encoding;
}

MaskMeaning::Answer MaskMeaning::of(std::int64_t value) const {
  if ((!image_values.empty() && !has(image_values, value)) || has(no_image_values, value) || any_bit(no_image_bits, value)) return no_image;
  if ((!valid_values.empty() && !has(valid_values, value)) || has(invalid_values, value) || any_bit(invalid_bits, value)) return invalid;
  return valid;
}

bool MaskMeaning::fits_a_byte() const {
  const auto fits = [](const std::vector<int>& numbers, int limit) {
    return std::ranges::all_of(numbers, [&](int number) { return number >= 0 && number < limit; });
  };
  return fits(valid_values, kByteValues) && fits(invalid_values, kByteValues) && fits(image_values, kByteValues) &&
         fits(no_image_values, kByteValues) && fits(invalid_bits, kByteBits) && fits(no_image_bits, kByteBits);
}

std::uint8_t MaskPlane::byte_for(MaskMeaning::Answer answer) const {
  if (is_coded()) return answer;
  for (int value = kByteValues - 1; value > 0; --value)
    if (meaning.of(value) == answer) return static_cast<std::uint8_t>(value);
  return 0;
}

std::uint8_t MaskPlane::byte_of(std::int64_t value) const {
  const MaskMeaning::Answer answer = meaning.of(value);
  return !is_coded() && value >= 0 && value < kByteValues ? static_cast<std::uint8_t>(value) : byte_for(answer);
}

std::uint8_t MaskPlane::byte_of_float(double value) const {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  if (std::abs(value) <= kMost && value == std::round(value)) return byte_of(static_cast<std::int64_t>(value));
  if (is_coded()) return MaskMeaning::no_image;
  const std::uint8_t byte = byte_for(MaskMeaning::no_image);
  return meaning.of(byte) == MaskMeaning::no_image ? byte : byte_for(MaskMeaning::invalid);
}

MaskRule MaskPlane::invalid() const {
  MaskRule rule{};
  for (int byte = 0; byte < kByteValues; ++byte)
    rule[static_cast<std::size_t>(byte)] = is_coded() ? byte != MaskMeaning::valid : meaning.of(byte) != MaskMeaning::valid;
  return rule;
}

MaskRule MaskPlane::no_image() const {
  MaskRule rule{};
  for (int byte = 0; byte < kByteValues; ++byte)
    rule[static_cast<std::size_t>(byte)] = is_coded() ? byte == MaskMeaning::no_image : meaning.of(byte) == MaskMeaning::no_image;
  return rule;
}

namespace {

using Values = std::vector<int> MaskMeaning::*;
constexpr std::pair<const char*, Values> kLists[] = {
    {"valid", &MaskMeaning::valid_values}, {"invalid", &MaskMeaning::invalid_values},   {"invalid_bits", &MaskMeaning::invalid_bits},
    {"image", &MaskMeaning::image_values}, {"no_image", &MaskMeaning::no_image_values}, {"no_image_bits", &MaskMeaning::no_image_bits}};

}  // namespace

ordered_json MaskPlane::to_json() const {
  ordered_json document{{"name", name}};
  for (const auto& [key, values] : kLists)
    if (!(meaning.*values).empty()) document[key] = meaning.*values;
  if (!band.empty()) document["band"] = band;
  if (optional) document["optional"] = true;
  return document;
}

MaskPlane MaskPlane::from_json(const ordered_json& document) {
  MaskPlane plane;
  plane.name = document.at("name").get<std::string>();
  for (const auto& [key, values] : kLists)
    if (document.contains(key)) {
      for (const ordered_json& value : document.at(key)) (plane.meaning.*values).push_back(whole_number<int>(value));
      for (const int bit : std::string_view(key).ends_with("bits") ? plane.meaning.*values : std::vector<int>{})
        if (bit < 0 || bit > 31) throw UserError(join_text("mask ", plane.name, ": expected bits from 0 to 31, got ", bit));
    }
  if (document.contains("band")) plane.band = document.at("band").get<std::string>();
  if (document.contains("optional")) plane.optional = document.at("optional").get<bool>();
  return plane;
}

}  // namespace millesime
