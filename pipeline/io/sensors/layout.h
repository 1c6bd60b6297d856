#pragma once
// Inside pipeline/io only. A layout is code: how products are found, named and packed. One file a layout in this folder.
//
// Names come from disk and are data: a name that does not match that of a product exactly is rejected, never repaired.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/io/census.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {

// What a census looks for.
struct Search {
  const SensorFile& sensor;
  std::string root, tile, variant;
  Date first, last;

  bool is_outside(Date date) const { return date < first || date > last; }
  std::string folder() const { return (root.empty() ? "." : root) + "/" + tile; }
};

// A product that was found, and the result of checking it.
struct Candidate {
  std::string entry;                  // as messages name it
  std::string pass;                   // candidates of one date and pass are versions of one another
  std::vector<std::int64_t> version;  // the greatest is the newest
  Product product;
  std::string archive;                // the archive that contains it
  std::set<std::string> bands;        // that it has
  std::vector<std::string> metadata;  // files beside the layers that were read, paths
  std::vector<std::string> problems;
};

// An entry of a tile: a product, a damaged product (with a reason), or neither. Products outside the period are not opened.
struct Entry {
  std::string name;
  std::optional<Candidate> candidate;
  std::string damage;
  bool outside_period = false;
};

class ProductLayout {
 public:
  virtual ~ProductLayout() = default;
  virtual std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const = 0;  // sorted
  virtual std::vector<Entry> entries(const Search& search) const = 0;
  // Fills in the product's layers (all but their grids), its bands and problems. Reads metadata, no image.
  virtual void find_layers(const Search& search, Candidate& candidate) const = 0;
  // Whether all products of a tile lie on one grid; where not, each is read on a grid that they have in common.
  virtual bool shares_grid() const { return true; }
};

std::vector<std::string> known_layouts();
std::unique_ptr<ProductLayout> make_layout(const std::string& name);
std::vector<std::string> layout_settings(const std::string& layout);  // keys of a sensor file that only this layout knows
void check_layout(const SensorFile& sensor);                          // UserError where the sensor file lacks what its layout needs

std::unique_ptr<ProductLayout> make_muscate();

// --- shared by layouts ------------------------------------------------------------------------------------------------------------

std::vector<std::string> sorted_names(const std::string& folder);  // UserError where it cannot be listed
bool is_folder(const std::string& path);
// In a folder or in an archive, without files of desktop systems. Empty if it cannot be listed.
std::optional<std::vector<std::string>> names_inside(const std::string& path);
std::vector<std::int64_t> version_numbers(const std::string& version);  // "1-7": 1, 7
// Whether a name is text with * for any part.
bool matches(std::string_view pattern, std::string_view name);
// The one image of `names` that a pattern of a sensor file (without extension) names; "" if there is none, a fault if there are several.
std::string only_image(const std::vector<std::string>& names, const std::string& pattern, std::vector<std::string>& problems);
std::string with_variant(std::string pattern, const std::string& variant);  // {variant} replaced
bool is_zip(const std::string& name);

}  // namespace millesime
