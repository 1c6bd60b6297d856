#pragma once
// import: an iota2 configuration in the words of this program (iota2_keys.h has the table of its keys).

#include <string>
#include <vector>

#include "pipeline/configure/iota2_keys.h"
#include "pipeline/core/options.h"

namespace millesime {

struct ImportCommand {
  std::string config;  // of iota2
  std::string output;  // the configuration to write; its nomenclature, if it needs one of its own, lies beside it
  int year = 0;        // 0: that of the dates in the configuration, or of the images

  Options declare();
};

struct Iota2Row {   // what became of a key of the file
  std::string key;  // "chain.s2_path"
  int line = 0;
  Fate fate = Fate::taken;
  std::string what;  // key of our configuration; why it is not needed; what to do
};

struct ImportedConfig {
  std::string toml;
  std::vector<Iota2Row> rows;      // in the order of the file
  std::vector<std::string> notes;  // what was assumed, and files that are not there
  std::string nomenclature;        // JSON, "" if that of the configuration needs no file of its own
  std::string nomenclature_file;   // its name, beside the output
};

// UserError with file and line for a key that iota2 does not have, a value of another kind, no images, no year.
ImportedConfig import_iota2(const ImportCommand& command);
void write_import(const ImportCommand& command, const ImportedConfig& imported);
std::string to_text(const ImportedConfig& imported);  // the table, for a terminal

}  // namespace millesime
