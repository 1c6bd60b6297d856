#pragma once
// Validate: compares maps with a reference. As a stage, on the pixels that no model learned from; as a command, for any
// map and any polygons, or for confusion matrices of other programs. core/results.h documents the files.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/results.h"
#include "pipeline/core/samples.h"
#include "pipeline/stages/names_language.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// One unit: for each seed it compares the pixels of its test polygons with each tile's map of that seed; for the final map, the pixels of
// the polygons that are held out from every seed (with one seed, its test polygons) with the mosaic, whose areas are estimated from that
// matrix. A class that learns and has no such polygon is listed as not judged. Writes confusion_seed_<i>.csv, accuracy.json and
// RESULTS.txt.
Stage validate_stage();

struct ValidateCommand {
  std::string classification;           // a map of class codes, with
  std::string confidence;               // its confidence, 0..100 (optional, same grid), and
  std::string reference, layer, field;  // polygons or points of any CRS; the field holds class codes or names
  std::string sampling = "design";      // of points, and
  std::string strata;                   // their strata, a raster (validate_points.h)
  std::string disagreements = "error";  // what counts where two interpreters disagree
  std::string validity;                 // number of valid dates, for the histograms (optional, same grid)
  bool right_or_wrong = false;          // also right_or_wrong.tif and histograms.csv
  std::string learned;                  // polygons that models learned from, for that map; field as of `reference`
  std::vector<std::string> confusion;   // or, instead of a map: confusion matrices, one a run
  bool add = false;                     // the matrices are parts of one run (tiles): added into one
  bool normalised = false;              // also the matrix in shares
  std::string nomenclature;             // "": the legend of the map; without one each code is its own name
  NamesLanguage names;
  std::string output;  // folder of RESULTS.txt, accuracy.json and, for one run, confusion.csv

  Options declare();
};

// The class of a label: a code of any kind where no nomenclature is given, and a name where that or the legend of the map has it.
struct LabelClasses {
  std::optional<Nomenclature> given, legend;
  NamesLanguage names;
  explicit LabelClasses(const ValidateCommand& command);
  std::optional<int> code_of(const std::string& text) const;
  Nomenclature naming(const std::vector<int>& codes) const;  // for the results: what has no name is called by its code
};

// With points also accuracy.json's areas, sampling and agreement of interpreters. `lines`: for the terminal, if it is not null.
AccuracyReport validate(const ValidateCommand& command, const Context& context, std::vector<std::string>* lines = nullptr);

// Adds a tile's map at the samples that test the run of `seed` (Split test). `confidence` may be "".
void add_tests(const Samples& samples, int seed, const std::string& classification, const std::string& confidence, MapAccuracy& result);

}  // namespace millesime
