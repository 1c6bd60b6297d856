#pragma once
// Inside pipeline/io only: numbers that mostly stand for no data, where neither the file nor the sensor file says so.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/io/census.h"

namespace millesime {

class RasterReader;
struct FoundProduct;

struct UndeclaredFill {
  std::string file, band;
  double number = 0;
  std::int64_t pixels = 0, of = 0;  // in the blocks that were looked at
};

// -9999 and the like, where such a number would be read as a value: in the corners and in the middle. Nothing where no-data values or
// a valid range are declared.
std::optional<UndeclaredFill> undeclared_fill(const RasterReader& file, const Layer& layer, const std::string& band);
// What a reader of the census should know of those in these products; "" for none.
std::string note_on_fills(const std::vector<FoundProduct>& products);

}  // namespace millesime
