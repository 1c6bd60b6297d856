#pragma once
// The files of an edition, made one by one in a folder, with the list of them for the STAC item.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/language.h"
#include "pipeline/core/results.h"
#include "pipeline/io/color_ramp.h"
#include "pipeline/io/stac.h"
#include "pipeline/stages/levels.h"
#include "pipeline/stages/publish.h"

namespace millesime {

class Products {
 public:
  // `folder`: where the files are made.
  Products(const Publication& publication, const MapSummary& summary, std::string folder);

  std::string path(const std::string& ending) const { return folder_ + "/" + publication_.name + ending; }
  const Nomenclature& nomenclature() const { return nomenclature_; }
  Language language() const { return language_; }
  const std::string& edition() const { return edition_; }
  const std::vector<StacAsset>& assets() const { return assets_; }

  void write_map();
  void write_regularised(const MapSummary& summary);  // of the regularised map
  void write_level(LevelMap map, const MapSummary& summary);
  void write_number(const std::string& source, const std::string& suffix, const ColorRamp& ramp, double maximum, const std::string& title,
                    const StacBand& band);
  void write_polygons();
  void write_qgis();
  void write_accuracy(const std::optional<AreaAccuracy>& areas);
  void write_document(const std::string& key, const std::string& file, const std::string& title, const std::string& media_type,
                      const std::string& text);
  std::string write_stac();  // returns the item's checksum: the item has those of all other files

 private:
  void write_classes(const std::string& source, const std::string& suffix, const std::string& key, const std::string& title,
                     const Nomenclature& legend, const MapSummary& summary);
  void add_file(const std::string& key, const std::string& file, const std::string& title, const char* media_type);
  const char* say(const char* english, const char* french) const { return millesime::say(language_, english, french); }

  const Publication& publication_;
  const MapSummary& summary_;
  Nomenclature nomenclature_, level1_, deepest_;  // in the language of the products; the legends of the maps of levels
  Language language_;
  std::string edition_;  // "2021-06"
  std::string folder_;
  std::vector<StacAsset> assets_;
};

}  // namespace millesime
