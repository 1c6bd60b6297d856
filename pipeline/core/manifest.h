#pragma once
// Manifest: the record of one work unit, written after its outputs, in the same folder. A unit is up to date if its manifest agrees with
// its configuration, inputs, code and outputs; never because a file exists.

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/checksum.h"

namespace millesime {

struct Manifest {
  std::string unit;                           // "classify/T31TCJ"
  std::string code;                           // program version and the stage's revision
  std::map<std::string, std::string> config;  // the options that affect the result, as TOML literals
  std::vector<Fingerprint> inputs;
  std::vector<Fingerprint> outputs;  // paths relative to the output folder
  std::string device;                // where it ran; not compared
  nlohmann::json counts;             // pixels, samples... found, filled, invalid, failed
  std::vector<std::string> papers;   // methods the unit used
};

void write_manifest(const Manifest& manifest, const std::string& file);  // atomic
Manifest read_manifest(const std::string& file);                         // UserError if damaged

}  // namespace millesime
