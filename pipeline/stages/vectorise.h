#pragma once
// Vectorise: the patches of a class map as polygons that tile the plane (pipeline/coverage), with the attributes of THEIA's OSO product, in
// one pass over the maps. With zones (departments), one output a zone: a pixel belongs to the zone that holds its centre, and neighbouring
// zones share their simplified border like neighbouring patches.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/options.h"
#include "pipeline/coverage/coverage_options.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/stages/stage.h"
#include "pipeline/stages/vectorise_options.h"

namespace millesime {

inline constexpr const char* kWholeMap = "map";       // key of the unit that makes the polygons of the whole map
inline constexpr const char* kClassField = "Classe";  // of the polygons: the code of the class

struct VectoriseCommand : VectoriseOptions {
  CoverageMaps maps;
  std::string nomenclature;  // "": the legend of the map
  std::string output;        // with zones a folder, otherwise the file

  Options declare();
};

struct VectoriseCounts {
  std::int64_t polygons = 0, vertices = 0;
  std::int64_t cm2 = 0;  // true area of all polygons
  OutlineCounts outlines;
};

// One output: the polygons of zone number `zone` (from 1; 0: of the whole map) into `files`, each in the format of its extension.
VectoriseCounts vectorise_zone(const CoverageMaps& maps, const Nomenclature& nomenclature, const VectoriseOptions& options,
                               const Zones* zones, std::uint32_t zone, const std::vector<std::string>& files, const Context& context);

// The whole command; one line a zone for the terminal.
std::vector<std::string> vectorise(const VectoriseCommand& command, const Context& context);

// The names of the zones that meet the map, apart in more than the case of their letters (names_apart.h), also from those that do not meet
// it.
std::vector<std::string> zone_names(const Zones& zones);
// departement_31.gpkg: the file of a zone of such a name, without folder.
std::string zone_file(const VectoriseOptions& options, const std::string& zone, const std::string& format);

nlohmann::json to_json(const VectoriseCounts& counts);

// One unit a zone, or one for the whole map. None unless vectorise.enabled.
Stage vectorise_stage();

}  // namespace millesime
