#pragma once
// Inside sensors/sentinel2_theia only: the entries of a tile's folder, by their names. Names come from disk and are data: a name that does
// not match that of a product exactly is rejected, never repaired.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/io/sensor.h"

namespace millesime::theia {

bool is_tile_name(const std::string& name);                                 // T31TCJ
std::string tile_folder(const std::string& root, const std::string& tile);  // UserError for anything else
std::vector<int> version_numbers(const std::string& version);               // "1-7": 1, 7
std::vector<std::string> sorted_names(const std::string& folder);           // UserError where it cannot be listed
bool is_folder(const std::string& path);
// In a folder or in a zip, without files of desktop systems. Empty if it cannot be listed.
std::optional<std::vector<std::string>> names_inside(const std::string& path);

// A product that was found, and the result of checking it.
struct Candidate {
  std::string entry;  // in the tile's folder
  std::string platform_and_time;
  Product product;
  std::string archive;  // the zip that contains it
  std::set<std::string> bands;
  std::map<std::string, Grid> grids;  // of each file that could be opened, by band or mask
  std::vector<std::string> problems;

  std::string file(const std::string& layer) const { return product.path + "/" + product.files.at(layer); }
};

// Classifies an entry of the tile's folder: a product, a damaged product (with a reason), or neither. Products outside the period are not
// opened.
struct Entry {
  std::optional<Candidate> candidate;
  std::string damage;
  bool outside_period = false;
};

Entry look_at(const std::string& folder, const std::string& entry, Date first, Date last);

}  // namespace millesime::theia
