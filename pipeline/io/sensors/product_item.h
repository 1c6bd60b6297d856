#pragma once
// Inside pipeline/io only: what a STAC item says of a product, in a list or in a JSON file beside its images.
// https://github.com/radiantearth/stac-spec/blob/master/item-spec/item-spec.md

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/grid.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {

struct ItemAsset {
  std::string href;
  std::optional<double> scale, offset;  // of its numbers, where it states them
};

struct ProductItem {
  std::string id, collection;
  std::optional<Box> box;                   // in degrees
  nlohmann::json properties;                // of its properties, those that are a short text, a number, true or false
  std::map<std::string, ItemAsset> assets;  // by key

  std::string text(const std::string& property) const;  // a text, or a whole number; "" for none
  std::string baseline() const;                         // of the processing of Sentinel-2: "05.11"; "" for none
};

// `feature`: an object; what it lacks is empty in the item.
ProductItem product_item(const nlohmann::json& feature);

// The tile that an item is of: T31TCJ of MGRS, path and row of Landsat, or what its name says; "all" where nothing says it.
std::string tile_of(const ProductItem& item, const SensorFile& sensor);
// Whether it is of this sensor, by its platform, and by its id and collection (`items` of the sensor file).
bool is_of(const ProductItem& item, const SensorFile& sensor);

// The greatest is the newest: the baseline, when it was processed, and the number that Earth Search counts.
std::vector<std::int64_t> version_of(const ProductItem& item);
// The digits of a time, and the first of them as a number that can be compared: of 10:56:21.3, three are 105 and eight 10562130.
std::string digits_of(std::string time);
std::int64_t number_of(const std::string& time, std::size_t digits);

std::vector<std::string> asset_names(const SensorBand& band);
std::vector<std::string> asset_names(const SensorMask& mask);
const ItemAsset* asset_of(const ProductItem& item, const std::vector<std::string>& names);  // null if there is none

// Whether the offset of a band's numbers is applied, or there is none, by the variant ("applied", "raw", or "metadata"). Before processing
// baseline 04.00 there is none, whatever the flag says; then the flag counts, under any prefix, and then what the band's asset states.
// Nothing where they do not say.
std::optional<bool> offset_is_applied(const ProductItem& item, const SensorBand& band, const std::string& flag, const std::string& variant);
// What to do where they do not say.
inline constexpr const char* kChooseOffset =
    "set variant = \"raw\" for numbers as ESA delivers them (Planetary Computer, Copernicus Data Space), variant = \"applied\" where 1000 "
    "is "
    "taken off already";

}  // namespace millesime
