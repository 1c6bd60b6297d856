#pragma once
// Arguments of kernels/ops/training_batch.h. They are here because the training (models/base) makes batches without knowing the kernels.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMostSources = 32;

// The end of the season is hidden from a share of the samples, after a position in time drawn between two; of a sample that loses it, the
// same in every source.
struct SeasonCut {
  float share = 0;  // 0: none
  float first = 0, last = 0;
};

struct TrainingBatchArgs {
  std::int64_t samples = 0;
  int n_dates = 0, n_features = 0;
  const std::int64_t* rows = nullptr;  // [sample], its row of the table
  // the table
  const float* table_values = nullptr;        // [row][date][feature]
  const std::uint8_t* table_valid = nullptr;  // [row][date]
  const float* table_days = nullptr;          // [row][date]
  // a source is hidden where there are several
  const std::uint32_t* present = nullptr;             // [row], bit s: the row has source s; null: no source is hidden
  int source = 0;                                     // which one this is
  float hide_main = 0, hide_other = 0;                // probabilities of source 0 and of the others
  std::uint32_t sources_key = 0;                      // the same for all sources of a batch
  float date_dropout = 0, noise = 0, shift_days = 0;  // 0: none
  float stretch = 0;                                  // of the positions in time, about 0
  SeasonCut cut;
  std::uint32_t key = 0;
  // the batch
  float* values = nullptr;        // [sample][date][feature]
  std::uint8_t* valid = nullptr;  // [sample][date]
  float* days = nullptr;          // [sample][date]
};

using MakeTrainingBatch = void (*)(const Stream&, const TrainingBatchArgs&);

}  // namespace millesime
