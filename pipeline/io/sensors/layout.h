#pragma once
// Inside pipeline/io only. A layout is code: how products are found, named and packed. One file a layout in this folder.
//
// Names come from disk and are data: a name that does not match that of a product exactly is rejected, never repaired.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/io/census.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/internal/undeclared_fill.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {

class RasterReader;
struct CensusRequest;

// What a census looks for.
struct Search {
  const SensorFile& sensor;
  std::string root, tile, variant;
  Date first, last;
  bool beside = false;  // another source gives the tile's grid: products of any tile count where they meet it

  bool is_outside(Date date) const { return date < first || date > last; }
  std::string folder() const { return (root.empty() ? "." : root) + "/" + tile; }
};

Search search_of(const SensorFile& sensor, const CensusRequest& request);  // UserError for a variant that the sensor does not have

// A product that was found, and the result of checking it.
struct FoundProduct {
  std::string entry;                  // as messages name it
  std::string pass;                   // candidates of one date and pass are versions of one another
  std::vector<std::int64_t> version;  // the greatest is the newest
  std::string part;                   // parts of a pass whose versions begin alike are merged; "": a pass has no parts
  Product product;
  std::string archive;                // the archive that contains it
  std::set<std::string> bands;        // that it has
  std::vector<std::string> metadata;  // files beside the layers that were read, paths
  std::vector<std::string> problems;
  std::vector<UndeclaredFill> fills;
  std::string without_images;  // why its producer wrote no image; it is left out with a note
};

// An entry of a tile: a product, a damaged product (with a reason), or neither. Products outside the period are not opened.
struct Entry {
  std::string name;
  std::optional<FoundProduct> candidate;
  std::string damage;
  bool outside_period = false;
  std::string path = {};  // "": in the tile's folder
};

inline std::string path_of(const Search& search, const Entry& entry) {
  return entry.path.empty() ? search.folder() + "/" + entry.name : entry.path;
}

inline constexpr const char* kBrokenLink = "is a link to a product that is not there; mend or remove the link";

// The reason of an entry that is a named pipe, a socket or a device; "" of any other.
std::string special_damage(const std::string& path);
std::string special_damage(const FolderEntry& entry);

// Looks for such names among the images of products on this machine, each folder once.
class SpecialFiles {
 public:
  // A product of which an image, or what GDAL would read with it, is special: none of its files is opened, its problems tell.
  void take_out(FoundProduct& candidate);
  const std::vector<std::string>& others() const { return others_; }  // that lie beside images, with what they are

 private:
  const std::map<std::string, std::string>& in(const std::string& folder);  // what each special name is
  std::map<std::string, std::map<std::string, std::string>> known_;         // by folder
  std::vector<std::string> others_;
};

class ProductLayout {
 public:
  virtual ~ProductLayout() = default;
  virtual std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const = 0;  // sorted
  virtual std::vector<Entry> entries(const Search& search) const = 0;
  // Rasters below the root that no pattern of the sensor names, relative to it; none of a layout whose entries tell.
  virtual std::vector<std::string> unmatched(const SensorFile&, const std::string&) const { return {}; }
  // Fills in the product's layers (all but their grids), its bands and problems. Reads metadata, no image.
  virtual void find_layers(const Search& search, FoundProduct& candidate) const = 0;
  // Whether all products of a tile lie on one grid; where not, each is read on a grid that they have in common.
  virtual bool shares_grid() const { return true; }
  // Whether what the numbers mean is in metadata that STAC items lack, so that no list can be read.
  virtual bool reads_encodings() const { return false; }
  // The grid of a tile that its name tells, where its products do not.
  virtual std::optional<Grid> grid_of_tile(const Search&) const { return std::nullopt; }
  // What is wrong with the numbers of a mask that this layout knows; "" where nothing is.
  virtual std::string problem_of_mask(const std::string&, const RasterReader&) const { return ""; }
};

std::vector<std::string> known_layouts();
std::unique_ptr<ProductLayout> make_layout(const std::string& name);
std::vector<std::string> layout_settings(const std::string& layout);  // keys of a sensor file that only this layout knows
void check_layout(const SensorFile& sensor);                          // UserError where the sensor file lacks what its layout needs

std::unique_ptr<ProductLayout> make_muscate();
std::unique_ptr<ProductLayout> make_safe();
std::unique_ptr<ProductLayout> make_landsat_c2();
std::unique_ptr<ProductLayout> make_raster_series();
std::unique_ptr<ProductLayout> make_item_list();  // of any sensor
void check_raster_series(const SensorFile& sensor);

// --- shared by layouts ------------------------------------------------------------------------------------------------------------

std::string canonical_tile(const std::string& name);  // 31TCJ and T31TCJ are one tile, as are 5QKB and T05QKB
// In a folder or in an archive, without files of desktop systems. Empty if it cannot be listed, UserError where
// that is not permitted: it is no damage of a product.
std::optional<std::vector<std::string>> names_inside(const std::string& path);
// The one folder that an archive holds, or the archive's own content, of these names.
std::string inside_only_folder(const std::string& archive, const std::vector<std::string>& names);
// Where a product's content is: download programs put a product into a folder of its own name (<name>/<name>.SAFE).
std::string inside_own_folder(const std::string& product, const std::string& name);
std::vector<std::int64_t> version_numbers(const std::string& version);  // "1-7": 1, 7; "": none
// Whether a name is text with * for any part.
bool matches(std::string_view pattern, std::string_view name);
// The one image of `names` that a pattern of a sensor file (without extension) names; "" if there is none, a fault if there are several.
std::string only_image(const std::vector<std::string>& names, const std::string& pattern, std::vector<std::string>& problems);
// Fills in the layers of bands and masks, the bands and the problems of a product. `image`: the file that a pattern of the sensor file
// names, "" for none. `missing`: the message for a mask that has to be there.
void add_layers(const SensorFile& sensor, const std::function<std::string(const std::string& pattern)>& image, FoundProduct& found,
                const std::function<std::string(const SensorMask& mask)>& missing);
std::string with_variant(std::string pattern, const std::string& variant);  // {variant} replaced
bool is_zip(const std::string& name);

// For products that lie in <root>/<tile>/ or beside each other in <root>.
std::string folder_of_tile(const Search& search);  // the tile's folder if there is one, else the root

// What lies in the folder of a tile (<root>/T31TCJ or <root>/31TCJ), and what in the root has the tile in its name. Folders of years,
// months and days may divide both (<root>/2021/05/11).
struct TileEntries {
  struct Each {
    FolderEntry listed;
    bool in_own_folder;
  };
  std::vector<Each> entries;
  bool has_own_folder = false;
};
TileEntries entries_of_tile(const Search& search);  // UserError where the root is no folder

inline constexpr int kFoldersOfDays = 3;  // year, month, day
// The folders of tiles under a root, and the tiles that names beside them tell (`tile_of`: "" for none), in `deeper` folders of days at
// most.
std::vector<std::string> tiles_of_folders_or_names(const SensorFile& sensor, const std::string& root,
                                                   const std::function<std::string(const std::string&)>& tile_of, int deeper = 0);

}  // namespace millesime
