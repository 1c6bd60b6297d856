#include "pipeline/learning/validation_samples.h"

#include <algorithm>
#include <set>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/learned_samples.h"
#include "pipeline/learning/prediction.h"

namespace millesime {
namespace {

// Held-out counts, by code.
ConfusionMatrix held_out_counts(const ModelSpec& spec) {
  ConfusionMatrix matrix(spec.classes);
  const auto& counts = spec.metrics.at("held_out").at("confusion");
  for (std::size_t row = 0; row < spec.classes.size(); ++row)
    for (std::size_t col = 0; col < spec.classes.size(); ++col)
      matrix.add(spec.classes[row], spec.classes[col], counts.at(row).at(col).get<std::int64_t>());
  return matrix;
}

}  // namespace

ValidationSamples validation_samples(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                     const std::vector<SampleSelection>& learning, const Context& context) {
  if (request.validation.empty()) return {};
  ValidationSamples validation{load_named({request.validation}, request.nomenclature, request.tables.for_reading()), {}, {}};
  const auto given = select_labelled(validation.all, SampleUse::all, 0, std::nullopt);
  const auto others = fair_samples(request.validation, "validation", ": a part of the polygons is held out then", given,
                                   digests_of_polygons(all, learning), context);
  std::set<int> codes;
  for (const SampleSelection& selection : learning)
    for (const auto row : selection.rows) codes.insert(selection.samples->label[static_cast<std::size_t>(row)]);
  for (const SampleSelection& selection : others) {
    SampleSelection known = selection, unknown = selection;
    const auto is_known = [&](std::int64_t row) { return codes.contains(selection.samples->label[static_cast<std::size_t>(row)]); };
    std::erase_if(known.rows, [&](std::int64_t row) { return !is_known(row); });
    std::erase_if(unknown.rows, is_known);
    if (!known.rows.empty()) validation.known.push_back(std::move(known));
    if (!unknown.rows.empty()) validation.unknown.push_back(std::move(unknown));
  }
  if (validation.known.empty()) throw UserError(join_text(request.validation, ": none of its samples has a class of the training samples"));
  if (!validation.unknown.empty())
    context.progress->note(join_text(request.validation, ": ", count_rows(validation.unknown), " of ", count_rows(others),
                                     " samples have classes that no sample learns; they count as wrong"));
  return validation;
}

void count_unknown(ModelFile& model, const ValidationSamples& validation, const Context& context) {
  if (validation.unknown.empty()) return;
  for (ModelFile& member : model.members) count_unknown(member, validation, context);
  ModelSpec& spec = model.spec;
  if (!spec.metrics.contains("held_out")) return;
  ConfusionMatrix matrix = held_out_counts(spec);
  const auto probabilities = predict_probabilities(model, validation.unknown, context);
  auto first = probabilities.begin();
  for (const SampleSelection& selection : validation.unknown)
    for (const auto row : selection.rows) {
      const auto last = first + spec.n_classes();
      matrix.add(selection.samples->label[static_cast<std::size_t>(row)],
                 spec.classes[static_cast<std::size_t>(std::max_element(first, last) - first)]);
      first = last;
    }
  const Accuracy accuracy = measure(matrix);
  auto& held_out = spec.metrics["held_out"];
  held_out["samples"] = accuracy.total;
  held_out["accuracy"] = accuracy.overall;
  held_out["f_score"] = accuracy.macro_f;
  held_out["unknown_to_model"] = count_rows(validation.unknown);
}

}  // namespace millesime
