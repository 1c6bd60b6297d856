#include "pipeline/core/manifest.h"

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

nlohmann::json to_json(const std::vector<Fingerprint>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& f : files) list.push_back({{"path", f.path}, {"bytes", f.bytes}, {"modified_ns", f.modified_ns}, {"xxh3", f.xxh3}});
  return list;
}

std::vector<Fingerprint> fingerprints(const nlohmann::json& list) {
  std::vector<Fingerprint> files;
  for (const auto& f : list)
    files.push_back({f.at("path"), f.at("bytes").get<std::uint64_t>(), f.at("modified_ns").get<std::int64_t>(), f.at("xxh3")});
  return files;
}

}  // namespace

void write_manifest(const Manifest& manifest, const std::string& file) {
  const nlohmann::ordered_json document{{"unit", manifest.unit},
                                        {"code", manifest.code},
                                        {"config", manifest.config},
                                        {"inputs", to_json(manifest.inputs)},
                                        {"outputs", to_json(manifest.outputs)},
                                        {"device", manifest.device},
                                        {"counts", manifest.counts},
                                        {"papers", manifest.papers}};
  write_text(file, document.dump(1) + "\n");
}

Manifest read_manifest(const std::string& file) {
  try {
    const auto document = nlohmann::json::parse(read_text(file));
    return {document.at("unit"),
            document.at("code"),
            document.at("config").get<std::map<std::string, std::string>>(),
            fingerprints(document.at("inputs")),
            fingerprints(document.at("outputs")),
            document.at("device"),
            document.at("counts"),
            document.at("papers").get<std::vector<std::string>>()};
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(file, ": damaged manifest (", error.what(), "); remove it and the unit runs again"));
  }
}

}  // namespace millesime
