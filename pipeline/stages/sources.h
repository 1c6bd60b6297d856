#pragma once
// The sources of a production, [[source]]: where its images lie, and of which sensor they are.

#include <string>
#include <vector>

#include "pipeline/core/language.h"
#include "pipeline/core/options.h"
#include "pipeline/io/sensor.h"

namespace millesime {

struct Config;

void declare_source(SourceOptions& source, Options& options);  // in the section of this source

// Where the keys of each source are: "source", then "source.NAME" of each further one.
std::vector<std::string> source_sections(const std::vector<SourceOptions>& sources);

// One source a [[source]] of the file, with its sensor and name alone; where it has none, one without. UserError that shows the new form
// for a file with [sensors.NAME]; for two sources of one name.
std::vector<SourceOptions> named_sources(const std::string& file);

// Brings names to those of the sensor file: sensors that are files of the configuration's folder, own names of bands (the sensor's where
// none are given). UserError for an unknown sensor or band.
void resolve_sources(std::vector<SourceOptions>& sources, const std::string& file);

// Indices in a source's own bands: common names in an expression become its own ("EVI3 = nir / red"), and an index of the table, which
// names bands of Sentinel-2, becomes an expression of the bands that mean the same here. UserError for an index that needs a band the
// sensor has not.
std::vector<std::string> own_indices(const std::vector<std::string>& indices, const SensorFile& sensor);
// Likewise of a further source: those that are written in common names, or stand in the table, and that its `bands` suffice for.
std::vector<std::string> indices_elsewhere(const std::vector<std::string>& indices, const SensorFile& sensor,
                                           const std::vector<std::string>& bands);

CensusRequest census_request(const SourceOptions& source, const std::string& tile, Date first, Date last);

// UserError for a further source without any acquisition in the period over any tile, unless classify.missing_sources allows it. Reads
// the census of each tile until every source has been met.
void require_sources_somewhere(const Config& config);

std::vector<std::string> source_roots(const Config& config);  // of each source, as TileImages::read() takes them

// Where the further sources are absent, one line each: tiles that are mapped without them, and the share of pixels that no date of theirs
// sees, as the manifests of the classified tiles count them.
std::vector<std::string> notes_on_sources(const Config& config, Language language);

// The keys of every source that a unit depends on, e.g. {"bands", "resampling"}.
std::vector<std::string> source_keys(const Config& config, const std::vector<std::string>& names);

}  // namespace millesime
