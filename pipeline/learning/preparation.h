#pragma once
// Inside learning only: observations of samples as the input of a model, by the kernel that prepares images (kernels/ops/prepare.h).

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/ops/indices.h"
#include "kernels/ops/prepare.h"
#include "models/base/model_spec.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

Date new_year(const Samples& samples);
// As the model counts its days: the year of a table is that of its middle, so that one which holds a part of a season that begins in autumn
// may be of the year before. Of the samples' year and its neighbours, the one that puts their dates into the season that the model learned.
Date new_year(const Samples& samples, const ModelSpec& spec);

// nullptr: the file has no such series, its samples lack the source. The main source may have another name in the file.
const SampleSeries* series_of(const SampleSelection& selection, const ModelSpec& spec, std::size_t source);

// Of one source; without normalisation if `normalised` is false.
class Preparation {
 public:
  Preparation(const ModelSpec& spec, std::size_t source, bool normalised);

  // Writes `count` samples to values [sample][date][feature] and valid [sample][date] (raw), whose rows have `dates` dates.
  void run(const SampleSelection& selection, const SampleSeries& from, const std::vector<int>& bands, std::int64_t first,
           std::int64_t count, std::vector<float>& values, std::vector<std::uint8_t>& valid) const;

 private:
  const SourceSpec& source_;
  InputKind input_;
  const ModelSpec& spec_;
  const std::vector<int>& days_;
  bool always_valid_;  // gap-filled input of the main source; a further source that no date observed is absent
  bool normalised_;
  IndexPlan plan_;
  GapFilling filling_;
  std::vector<float> inverse_;
};

}  // namespace millesime
