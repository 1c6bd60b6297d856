#include "pipeline/learning/unread_options.h"

#include <algorithm>

#include "models/base/option_readers.h"
#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/benchmark.h"
#include "pipeline/learning/learn_model.h"

namespace millesime {
namespace {

void add_readers(const std::string& name, InputKind input, std::vector<std::string>& readers) {
  const bool network = architecture(name).network;
  readers.emplace_back(network ? reader::kNetworks : reader::kForests);
  if (input == InputKind::regular) readers.emplace_back(reader::kRegular);
  if (network && input == InputKind::raw) readers.emplace_back(reader::kRawNetworks);
  if (name == "ltae" || name == "temporal_cnn") readers.emplace_back(reader::kInPrecision);
}

std::string unread(const std::vector<std::string>& assignments, const std::vector<std::string>& readers, const std::string& model) {
  LearningRequest request;
  Options options = request.declare();
  for (const std::string& assignment : assignments) options.set(assignment);
  return unread_options(options, readers, model);
}

}  // namespace

std::vector<std::string> readers_of(const ModelOptions& model, bool tuned) {
  std::vector<std::string> readers;
  const auto add = [&](const std::string& name) {
    add_readers(name, model.input == "auto" ? architecture(name).preferred_input : input_kind(model.input), readers);
  };
  for (const std::string& name : members_of(model.name)) {
    const bool chosen = name == kChosenModel, free = !tuned && model.input == "auto" && model.sources.size() < 2;
    if (!chosen || !free) add(chosen ? "ltae" : name);  // what auto is where it cannot choose (learn_model.h)
    if (!chosen || !free) continue;
    readers.emplace_back(reader::kChosen);
    for (const Architecture& any : architectures()) add(any.name);
  }
  return readers;
}

std::vector<std::string> readers_of(const ModelFile& model) {
  std::vector<std::string> readers;
  if (!model.script.empty()) return readers;
  for (const ModelFile& member : model.members.empty() ? std::vector{model} : model.members)
    add_readers(member.spec.architecture, member.spec.input, readers);
  return readers;
}

std::string unread_options(const Options& options, const std::vector<std::string>& readers, const std::string& model) {
  std::vector<std::string> texts;
  for (const Option& option : options.all()) {
    if (option.reader().empty() || option.origin() == "default" || std::ranges::find(readers, option.reader()) != readers.end()) continue;
    texts.push_back(join_text(option.key(), " has no effect on ", model, ": it is for ", option.reader(), " (", option.origin(), ")"));
  }
  return join_list(texts, "; ");
}

std::string unread_assignments(const std::vector<std::string>& assignments, const std::vector<std::string>& models) {
  std::vector<std::string> texts, readers;
  for (const std::string& model : models)
    for (const std::string& member : members_of(model)) {
      const std::vector<std::string> own = readers_of(training_of(member, assignments, "").model);
      readers.insert(readers.end(), own.begin(), own.end());
      texts.push_back(unread(read_member(member).assignments, own, "the model " + member));
    }
  texts.push_back(unread(assignments, readers, models.size() == 1 ? "the model " + models.front() : "any of the models"));
  std::erase(texts, "");
  return join_list(texts, "; ");
}

}  // namespace millesime
