#pragma once
// ModelInput: labelled samples in the form that models read. pipeline/learning/sample_input.h makes it from Samples.

#include <cstdint>
#include <vector>

#include "models/base/classifier.h"

namespace millesime {

struct InputSeries {
  int dates = 0, features = 0;       // samples with fewer dates are padded with invalid ones
  std::vector<float> values;         // [sample][date][feature], normalised; 0 where invalid
  std::vector<std::uint8_t> valid;   // [sample][date]
  std::vector<float> days;           // [sample][date], the position in time: since 1 January of the mapped year, or thermal time
  std::vector<float> calendar = {};  // [sample][date], with thermal time: days since 1 January; empty: `days` are
};

struct ModelInput {
  std::vector<InputSeries> series;  // one a source
  int n_statics = 0;
  std::vector<float> statics;       // [sample][static], normalised; 0 where missing
  std::vector<int> target;          // index of the class in the spec, -1 for a class that the model does not know
  std::vector<std::int64_t> group;  // never split between training and held-out samples

  std::int64_t size() const { return static_cast<std::int64_t>(target.size()); }
  bool complete() const;                                      // whether no sample lacks a date
  Batch batch(std::int64_t first, std::int64_t count) const;  // a view
  ModelInput subset(const std::vector<std::int64_t>& samples) const;
};

}  // namespace millesime
