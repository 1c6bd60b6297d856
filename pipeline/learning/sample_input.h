#pragma once
// From Samples (observations) to ModelInput (the input of a model), with the same kernel that prepares images
// (kernels/ops/prepare.h): gap filling and indices for regular input, normalisation for both.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/base/input_table.h"
#include "models/base/model_spec.h"
#include "pipeline/core/progress.h"
#include "pipeline/core/samples.h"

namespace millesime {

// Samples chosen from one file.
struct SampleSelection {
  const Samples* samples = nullptr;
  std::string file;  // for messages
  std::vector<std::int64_t> rows;
  std::optional<Date> known_until = {};  // observations from this day on are hidden

  bool hides(Date date) const { return known_until && !(date < *known_until); }
};

enum class SampleUse { all, learn, test };

// All samples, or those for learning or testing in the run of one seed; of every region or of the named one.
SampleSelection select_samples(const Samples& samples, const std::string& file, SampleUse use, int seed,
                               const std::optional<std::string>& region = std::nullopt);

// The samples of a file, or of a part of it, and the file. `nomenclature`: name or file; "": labels are the codes of the files. Groups are
// different among all of them (number_groups). Decisions about tables are told to `progress`, if there is one.
struct NamedSamples {
  std::string file;
  Samples samples;
};
std::vector<NamedSamples> load_named(const std::vector<std::string>& files, const std::string& nomenclature, const TableRules& rules = {},
                                     Progress* progress = nullptr);

// Those of each file that have a label; files without any are left out.
std::vector<SampleSelection> select_labelled(const std::vector<NamedSamples>& all, SampleUse use, int seed,
                                             const std::optional<std::string>& region);

// Completes a spec whose architecture, parameters, input kind, nomenclature, sources (their names and indices) and, for regular input, days
// are set: bands, statics, classes and normalisation, from the training samples. A random forest reads unnormalised numbers: mean 0,
// deviation 1. UserError if the bands of files differ, or a label is not in the nomenclature.
void fit_spec(ModelSpec& spec, const std::vector<SampleSelection>& selections);

// The input of a model of `spec` from these samples. Series, bands and statics are found by name: UserError if a band or a static is
// missing. Samples of a file without the series of a source lack it; but each has the main one, under its name or as its first. Labels
// that the model does not know get target -1.
ModelInput make_input(const ModelSpec& spec, const std::vector<SampleSelection>& selections);
// The same, read a part at a time: the samples must outlive it.
InputTable make_table(const ModelSpec& spec, std::vector<SampleSelection> selections);

}  // namespace millesime
