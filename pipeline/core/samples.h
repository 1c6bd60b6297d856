#pragma once
// Samples: labelled time series, from images or from a table: the input of training, evaluation and prediction.
//
// The working file is samples.safetensors (pipeline/core/samples_file.cpp documents its tensors); CSV is for exchange. A file holds one
// part or several, each a Samples: the samples of a tile keep the acquisitions of their tile, so that putting files together changes
// nothing.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/column.h"
#include "pipeline/core/dates.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/table_rules.h"

namespace millesime {

// Observations of one source (a sensor) on its own dates.
struct SampleSeries {
  std::string source;  // "sentinel2", "sentinel1", ...
  std::vector<std::string> bands;
  std::vector<float> scale;      // per band: number = stored number * scale (1 keeps the integers of a product or a table)
  std::vector<Date> dates;       // in time order
  Column<std::int16_t> values;   // [sample][date][band]; kNodata where invalid
  Column<std::uint8_t> valid;    // [sample][date]
  std::vector<float> unit = {};  // per band: physical value = number * unit (0.0001 of reflectance x 10000); 0, {}: band_steps.h
};

// How a sample is used in the run of one seed. Both: only in tables whose makers say so. Unused: in a learning polygon, but
// not selected. Final map: held out from every seed, to judge the final map and nothing else.
enum class Split : std::uint8_t { learn = 0, test = 1, both = 2, unused = 3, final_map = 4 };
inline constexpr Split kSplits[] = {Split::learn, Split::test, Split::both, Split::unused, Split::final_map};

struct Samples {
  std::string tile;                       // "" if the samples come from a table
  std::string reference;                  // what the polygons' numbers are of, as a checksum; "": of this file alone
  int year = 0;                           // positions in time are counted in days from 1 January of this year
  std::vector<SampleSeries> series;       // the first one is the main source
  std::vector<std::string> static_names;  // elevation, slope, climate...
  std::vector<std::string> region_names;  // {""} without regions

  // one entry a sample
  std::vector<std::int32_t> label;    // class code
  std::vector<std::int64_t> polygon;  // group: never split between learn and test
  std::vector<std::int64_t> group;    // the same, different among all that were loaded together (number_groups); empty: the polygon
  Column<std::int32_t> region;        // index in region_names
  Column<double> x, y;                // map position (of the pixel's centre) or 0
  Column<float> longitude, latitude;  // the same in degrees (WGS 84); NaN where not known; empty: of no sample
  Column<std::int32_t> col, row;      // pixel in the tile, -1 for tables
  Column<float> statics;              // [sample][static]; NaN where missing
  int n_seeds = 1;
  Column<std::uint8_t> split;      // [sample][seed], a Split
  std::vector<std::string> notes;  // what reading a table decided: which numbers are missing values, what precision is kept

  std::int64_t size() const { return static_cast<std::int64_t>(label.size()); }
  std::int64_t group_of(std::int64_t sample) const {
    return group.empty() ? polygon[static_cast<std::size_t>(sample)] : group[static_cast<std::size_t>(sample)];
  }
  Split split_of(std::int64_t sample, int seed) const {
    return static_cast<Split>(split[static_cast<std::size_t>(sample * n_seeds + seed)]);
  }
};

// Checks names, shapes, types, sizes and codes before it allocates; UserError with file and tensor. Series and most columns stay in the
// file, which is mapped into memory: samples of any number can be read in less memory than they have.
Samples read_samples(const std::string& file);             // of one part; UserError for a file of several
std::vector<Samples> read_parts(const std::string& file);  // at least one
// Atomic; same samples, same bytes. Parts agree in year, splits, static inputs, sources and their bands (join_samples).
void write_samples(const Samples& samples, const std::string& file);
void write_parts(const std::vector<Samples>& parts, const std::string& file);

// One row a sample, one column each:
//   label                 class code (1 to 2147483647), or a class name if a nomenclature is given; 0 or empty if it is not known
//   group                 optional: polygon, a number or a name; without it every row is its own group
//   tile                  optional: rows of different tiles are different parts, each with the dates on which one of its rows has a value
//   tile_part             optional: tells apart parts of one tile
//   x, y                  optional: map position
//   longitude, latitude   optional: the same in degrees (WGS 84), for models that read coordinates; an empty cell is not known
//   region                optional: name of the region
//   split, or split_0...  optional: learn, test, both, unused or final, for each seed; without it all learn
//   <BAND>_<YYYYMMDD>     an observation (also _2021-06-01, _2021152), or <SOURCE>:<BAND>_<YYYYMMDD>
//   any other             a static input
// An observation is cloudy or missing, and a static input missing, where the cell is empty, "nan", "NA", an infinity or a fill value.
// Sources: B1 to B12 and B8A are "sentinel2"; VV, VH, HH and HV are "sentinel1"; other bands that have the same dates are one source
// ("series", "series_2"...). A date of a source is valid if all its bands have a value; otherwise all of them are set to kNodata.
// Fill values (-9999, 65535, 1e20..., extremes that repeat) are missing where they lie plainly beyond a band's other numbers, and refused
// where they may be numbers (table_numbers.h); a static column that numbers rows or groups is refused; `rules` says otherwise.
// Numbers: a band of integers that fit into int16 is stored as it is (and kNodata, -10000, is missing, as in the images). Other
// bands are stored as rounded multiples of a power of ten: as many decimals as their numbers have and int16 holds (-0.2 to 0.9: four). A
// number so large that hardly a digit of the others is left is refused.
// Files of write_samples_csv() are read back equal (except for col, row and notes) where the file beside them is there (table_facts.h).
// UserError with file, line and column.
std::vector<Samples> read_parts_csv(const std::string& file, const Nomenclature* nomenclature = nullptr, const TableRules& rules = {});
// Of one part.
Samples read_samples_csv(const std::string& file, const Nomenclature* nomenclature = nullptr, const TableRules& rules = {});
// Atomic, with FILE.json beside it. Of parts: a column for each date that one of them has.
void write_samples_csv(const Samples& samples, const std::string& file);
void write_samples_csv(const std::vector<Samples>& parts, const std::string& file);

// By the file's name: CSV if it ends in .csv, the working format otherwise.
std::vector<Samples> load_parts(const std::string& file, const Nomenclature* nomenclature = nullptr, const TableRules& rules = {});

// The samples of several files (the tiles of a production) as parts of one. Files must agree in year, bands, static inputs and number of
// seeds: UserError with both files otherwise. Polygons get their groups' numbers.
std::vector<Samples> join_samples(const std::vector<std::string>& files);

// Gives each sample a group that is different among all parts: polygons of one reference are the same polygon in every part, those of
// different files are not. A polygon keeps its number unless an earlier part has it already.
struct FilePart {
  std::string file;
  Samples* samples = nullptr;
};
void number_groups(const std::vector<FilePart>& parts);

// A summary: samples and polygons per class and split; bands, the precision they are kept with, dates and share of missing
// observations per source; statics.
nlohmann::ordered_json samples_summary(const std::vector<Samples>& parts);
std::string to_text(const std::vector<Samples>& parts, const Nomenclature* nomenclature = nullptr);  // the same as a printed table

const char* to_text(Split split);  // "learn", "test", "both", "unused", "final"

// Bug if the samples are inconsistent (sizes, dates out of order).
void check(const Samples& samples);

}  // namespace millesime
