#pragma once
// init: looks at what lies in a folder, or in a list of STAC items (sensors, tiles, years, polygons with their fields, regions) and
// writes a configuration that runs, with what it assumed. No image is opened: the names of the products say what they are.

#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

struct InitCommand {
  std::string root;    // folder to look at, or a list of STAC items
  std::string output;  // the configuration to write; paths in it are relative to it
  int year = 0;        // 0: the year that the first source has most products of

  Options declare();
};

struct FirstConfig {
  std::string toml;
  std::vector<std::string> found, assumed;  // one line each, as the file says them
  std::string classes, classes_file;        // a nomenclature of the values of the polygons, "" if a known one fits
};

// UserError where no images of a known sensor lie in the folder, or none of the year.
FirstConfig first_config(const InitCommand& command);
void write_first_config(const InitCommand& command, const FirstConfig& first);

}  // namespace millesime
