#include "models/base/ensemble.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

void require_agreement(const ModelFile& first, const ModelFile& other) {
  if (other.spec.classes != first.spec.classes) {
    const auto codes = [](const ModelFile& model) {
      std::vector<std::string> texts;
      for (const int code : model.spec.classes) texts.push_back(std::to_string(code));
      return join_list(texts, " ");
    };
    throw UserError(join_text(other.path, ": knows the classes ", codes(other), ", but ", first.path, " knows ", codes(first),
                              "; the members of an ensemble must know the same classes: train them on the same samples"));
  }
  const auto &bands = first.spec.sources.front().bands, &other_bands = other.spec.sources.front().bands;
  if (other_bands != bands)
    throw UserError(join_text(other.path, ": reads the bands ", join_list(other_bands, ", "), ", but ", first.path, " reads ",
                              join_list(bands, ", "), "; the members of an ensemble must read the same bands"));
}

}  // namespace

ModelFile make_ensemble(const std::vector<ModelFile>& models) {
  ModelFile ensemble;
  SampleDigests known, known_polygons;
  for (const auto& model : models) {
    known.merge(model.spec.provenance.known);
    known_polygons.merge(model.spec.provenance.known_polygons);
    if (model.members.empty()) ensemble.members.push_back(model);
    double sum = 0;
    for (const auto& member : model.members) sum += member.spec.weight;
    for (const auto& member : model.members) {
      ensemble.members.push_back(member);
      ensemble.members.back().spec.weight /= sum;
    }
  }
  if (ensemble.members.size() < 2) throw UserError(join_text("an ensemble needs at least two members, got ", ensemble.members.size()));
  for (auto& member : ensemble.members) {
    require_agreement(ensemble.members.front(), member);
    member.spec.provenance.known = member.spec.provenance.known_polygons = {};  // they are in the ensemble's
  }

  ModelSpec& spec = ensemble.spec = ensemble.members.front().spec;
  spec.architecture = kEnsemble;
  spec.parameters = nlohmann::json::object();
  spec.metrics = nlohmann::json::object();
  spec.provenance.known = known, spec.provenance.known_polygons = known_polygons;
  spec.temperature = 1, spec.sharpening = 0, spec.weight = 1;
  for (const auto& member : ensemble.members)
    for (const auto& paper : member.spec.papers)
      if (std::ranges::find(spec.papers, paper) == spec.papers.end()) spec.papers.push_back(paper);
  return ensemble;
}

}  // namespace millesime
