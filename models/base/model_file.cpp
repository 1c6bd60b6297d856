#include "models/base/model_file.h"

#include <charconv>
#include <filesystem>

#include "models/base/ensemble.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"

namespace millesime {
namespace {

constexpr const char* kSpecKey = "millesime.model";
constexpr const char* kMembersKey = "millesime.members";

nlohmann::json metadata_json(const SafetensorsFile& file, const char* key, const std::string& path) {
  const auto parsed = nlohmann::json::parse(file.metadata().at(key), nullptr, false);
  if (parsed.is_discarded()) throw UserError(join_text(path, ": metadata \"", key, "\" is not JSON; the file is damaged"));
  return parsed;
}

void read_tensor(const SafetensorsFile& file, const std::string& name, ModelFile& model, const std::string& own_name) {
  const TensorView& view = file.view(name);
  if (view.type == TensorType::f32)
    model.tensors[own_name] = {view.shape, file.vector<float>(name, view.shape)};
  else if (view.type == TensorType::i32)
    model.integers[own_name] = {view.shape, file.vector<std::int32_t>(name, view.shape)};
  else
    throw UserError(join_text(model.path, ": tensor \"", name, "\": expected 32-bit floats or integers"));
}

std::vector<ModelFile> read_members(const SafetensorsFile& file, const std::string& path) {
  const auto specs = file.metadata().contains(kMembersKey) ? metadata_json(file, kMembersKey, path) : nlohmann::json();
  if (!specs.is_array() || specs.size() < 2)
    throw UserError(join_text(path, ": an ensemble without the list \"", kMembersKey, "\" of its members; the file is damaged"));
  std::vector<ModelFile> members;
  for (const auto& spec : specs) {
    auto& member = members.emplace_back();
    member.path = join_text(path, " (member ", members.size() - 1, ")");
    member.spec = ModelSpec::from_json(spec, member.path);
    if (member.spec.architecture == kEnsemble) throw UserError(join_text(member.path, ": an ensemble in an ensemble"));
  }
  for (const auto& name : file.names()) {
    const auto slash = name.find('/');
    std::size_t member = members.size();
    if (slash != std::string::npos) std::from_chars(name.data(), name.data() + slash, member);
    if (member >= members.size())
      throw UserError(join_text(path, ": tensor \"", name, "\" belongs to none of the ", members.size(), " members"));
    read_tensor(file, name, members[member], name.substr(slash + 1));
  }
  return members;
}

void add_tensors(SafetensorsWriter& writer, const ModelFile& model, const std::string& prefix) {
  for (const auto& [name, tensor] : model.tensors) writer.add(prefix + name, tensor.shape, tensor.values.data());
  for (const auto& [name, tensor] : model.integers) writer.add(prefix + name, tensor.shape, tensor.values.data());
}

// The spec of a program, from NAME.json beside NAME.pt; fields that such programs do not need may be left out.
ModelFile read_script(const std::string& path) {
  const std::string sidecar = std::filesystem::path(path).replace_extension(".json").string();
  if (!std::filesystem::exists(sidecar))
    throw UserError(join_text(path, ": ", sidecar,
                              " is missing: it must describe what the program reads and returns; models/TORCHSCRIPT.md shows an example"));
  const auto told = nlohmann::json::parse(read_text(sidecar), nullptr, false);
  if (!told.is_object()) throw UserError(join_text(sidecar, ": expected a JSON object"));
  nlohmann::json spec{{"format", 1},
                      {"parameters", nlohmann::json::object()},
                      {"input", "raw"},
                      {"days", nlohmann::json::array()},
                      {"statics", nlohmann::json::array()},
                      {"papers", nlohmann::json::array()},
                      {"metrics", nlohmann::json::object()},
                      {"temperature", 1},
                      {"provenance", Provenance().to_json()}};
  spec.update(told);
  spec["architecture"] = kScript;
  if (spec.contains("sources") && spec["sources"].is_array())
    for (auto& source : spec["sources"])
      if (source.is_object() && !source.contains("indices")) source["indices"] = nlohmann::json::array();
  if (spec.contains("nomenclature") && spec["nomenclature"].is_string())
    spec["nomenclature"] = nlohmann::json::parse(Nomenclature::load(spec["nomenclature"].get<std::string>()).to_json());
  ModelFile model;
  model.path = model.script = path;
  model.spec = ModelSpec::from_json(spec, sidecar);
  return model;
}

}  // namespace

std::int64_t ModelFile::parameters() const {
  std::size_t n = 0;
  for (const auto& [name, tensor] : tensors) n += tensor.values.size();
  for (const auto& [name, tensor] : integers) n += tensor.values.size();
  auto total = static_cast<std::int64_t>(n);
  for (const auto& member : members) total += member.parameters();
  return total;
}

ModelFile ModelFile::read(const std::string& path, Trust trust) {
  if (path.ends_with(".pt") || path.ends_with(".pth")) {
    if (trust == Trust::programs) return read_script(path);
    throw UserError(join_text(path,
                              ": is a TorchScript program, not data: running it gives its author all your rights on this machine. "
                              "Use --trust-model (of classify, evaluate and predict) to run it; models in .safetensors contain no code"));
  }
  const SafetensorsFile file = SafetensorsFile::open(path);
  if (!file.metadata().contains(kSpecKey))
    throw UserError(join_text(path, ": not a model of Millesime: its metadata lack \"", kSpecKey, "\" (a samples file?)"));
  ModelFile model;
  model.path = path;
  model.spec = ModelSpec::from_json(metadata_json(file, kSpecKey, path), path);
  if (model.spec.architecture == kEnsemble) {
    ModelFile ensemble = make_ensemble(read_members(file, path));  // the members have everything but what is of their mean
    ensemble.path = path;
    ensemble.spec.metrics = model.spec.metrics;
    ensemble.spec.provenance = model.spec.provenance;
    return ensemble;
  }
  for (const auto& name : file.names()) read_tensor(file, name, model, name);
  return model;
}

void ModelFile::write(const std::string& file) const {
  if (!script.empty()) throw UserError(join_text(script, ": a program is not stored in a model file"));
  SafetensorsWriter writer;
  writer.metadata(kSpecKey, spec.to_json().dump());
  add_tensors(writer, *this, "");
  if (!members.empty()) {
    auto specs = nlohmann::json::array();
    for (std::size_t m = 0; m < members.size(); ++m) {
      specs.push_back(members[m].spec.to_json());
      add_tensors(writer, members[m], join_text(m, "/"));
    }
    writer.metadata(kMembersKey, specs.dump());
  }
  writer.write(file);
}

}  // namespace millesime
