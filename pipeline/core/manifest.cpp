#include "pipeline/core/manifest.h"

#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"

namespace millesime {
namespace {

nlohmann::json to_json(const std::vector<Fingerprint>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& f : files)
    list.push_back({{"path", utf8_of_bytes(f.path)}, {"bytes", f.bytes}, {"modified_ns", f.modified_ns}, {"xxh3", f.xxh3}});
  return list;
}

std::vector<Fingerprint> fingerprints(const nlohmann::json& list) {
  std::vector<Fingerprint> files;
  for (const auto& f : list)
    files.push_back({bytes_of_utf8(f.at("path").get<std::string>()), whole_number<std::uint64_t>(f.at("bytes")),
                     whole_number<std::int64_t>(f.at("modified_ns")), f.at("xxh3")});
  return files;
}

using Texts = std::map<std::string, std::string>;
Texts all_of(const Texts& texts, std::string (*change)(std::string_view)) {  // values may be paths
  Texts result;
  for (const auto& [key, value] : texts) result[key] = change(value);
  return result;
}

}  // namespace

std::string path_in_manifest(const std::string& path, const std::string& output_folder, const std::string& config_file) {
  namespace fs = std::filesystem;
  const auto folder_of = [](const fs::path& file) {
    const fs::path folder = file.parent_path();
    return fs::weakly_canonical(fs::absolute(folder.empty() ? fs::path(".") : folder));
  };
  const fs::path file = folder_of(path) / fs::path(path).filename();  // a link keeps its own name
  for (const fs::path& base : {fs::weakly_canonical(fs::absolute(output_folder)), folder_of(config_file)}) {
    const fs::path relative = file.lexically_relative(base);
    if (!relative.empty() && *relative.begin() != "..") return relative.string();
  }
  return file.string();
}

void write_manifest(const Manifest& manifest, const std::string& file) {
  const nlohmann::ordered_json document{{"unit", manifest.unit},
                                        {"code", manifest.code},
                                        {"config", all_of(manifest.config, utf8_of_bytes)},
                                        {"inputs", to_json(manifest.inputs)},
                                        {"outputs", to_json(manifest.outputs)},
                                        {"device", manifest.device},
                                        {"counts", manifest.counts},
                                        {"papers", manifest.papers}};
  write_text(file, json_text(document, 1) + "\n");
}

Manifest read_manifest(const std::string& file) {
  try {
    const auto document = nlohmann::json::parse(read_text(file));
    return {document.at("unit"),
            document.at("code"),
            all_of(document.at("config").get<Texts>(), bytes_of_utf8),
            fingerprints(document.at("inputs")),
            fingerprints(document.at("outputs")),
            document.at("device"),
            document.at("counts"),
            document.at("papers").get<std::vector<std::string>>()};
  } catch (const nlohmann::json::exception&) {
    throw UserError(join_text(file, ": damaged manifest; remove it and the unit runs again"));
  }
}

std::optional<Manifest> whole_manifest(const std::string& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    return read_manifest(file);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

}  // namespace millesime
