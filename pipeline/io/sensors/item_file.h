#pragma once
// Inside pipeline/io only: the items of a list, read once a process for each sensor.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/io/sensors/product_item.h"

namespace millesime {

struct TiledItem {
  ProductItem item;
  std::string tile;
};

struct ItemFile {
  std::vector<TiledItem> items;  // of the sensor, in the order of the list
  // Of other sensors: (tile, kind) -> number of items; the kind is a collection, or what else tells the sensor.
  std::map<std::pair<std::string, std::string>, int> others;
};

// A STAC ItemCollection (JSON), or a table (item_table.h). Read again where the file has changed. UserError where it is no list of items.
std::shared_ptr<const ItemFile> item_file(const std::string& root, const SensorFile& sensor);

}  // namespace millesime
