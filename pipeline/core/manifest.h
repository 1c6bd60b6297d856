#pragma once
// Manifest: what one work unit did, written last, beside its outputs. A unit is up to date when its manifest still answers for its
// configuration, its inputs, its code and its outputs; never because a file exists.

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/checksum.h"

namespace millesime {

struct Manifest {
  std::string unit;                           // "classify/T31TCJ"
  std::string code;                           // program version and the stage's revision
  std::map<std::string, std::string> config;  // the options that shape the result, as TOML literals
  std::vector<Fingerprint> inputs;
  std::vector<Fingerprint> outputs;  // paths relative to the output folder
  std::string device;                // where it ran; does not count for up-to-dateness
  nlohmann::json counts;             // what was found, filled, invalid, failed
  std::vector<std::string> papers;   // methods the unit used
};

void write_manifest(const Manifest& manifest, const std::string& file);  // atomic
Manifest read_manifest(const std::string& file);                         // UserError when damaged

}  // namespace millesime
