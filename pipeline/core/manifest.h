#pragma once
// Manifest: the record of one work unit, written after its outputs, in the same folder. A unit is up to date if its manifest agrees with
// its configuration, inputs, code and outputs; never because a file exists.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/checksum.h"

namespace millesime {

struct Manifest {
  std::string unit;                           // "classify/T31TCJ"
  std::string code;                           // program version and the stage's revision
  std::map<std::string, std::string> config;  // the options that affect the result, as TOML literals
  std::vector<Fingerprint> inputs, outputs;   // paths as path_in_manifest() says
  std::string device;                         // where it ran; not compared
  nlohmann::json counts;                      // pixels, samples... found, filled, invalid, failed
  std::vector<std::string> papers;            // methods the unit used
};

// Relative to the output folder where `path` lies in it, else to the folder of the configuration, else absolute: the same wherever the
// production lies and however its folders are spelled or linked.
std::string path_in_manifest(const std::string& path, const std::string& output_folder, const std::string& config_file);

void write_manifest(const Manifest& manifest, const std::string& file);  // atomic
Manifest read_manifest(const std::string& file);                         // UserError if damaged
std::optional<Manifest> whole_manifest(const std::string& file);         // none where there is none, or a damaged one

}  // namespace millesime
