#pragma once
// Training batch: samples of a table with random changes (augmentation), different for every batch.
//
//   valid[s][t]     = that of the table, unless the source, the date or the season from it on is hidden
//   hidden date     : u(s, t) < date_dropout u(s), another share for every sample; one valid date, drawn too, is never hidden
//   hidden season   : with probability cut.share all dates after the position cut.first + (cut.last - cut.first) u(s), the same of
//                     every source; the first valid date is never hidden by it
//   hidden source   : u(s, source) < its probability; but never all sources of a sample
//   values[s][t][f] = v + noise g(s, t, f) where valid, 0 elsewhere
//   days[s][t]      = d (1 + stretch h(s)) + shift_days g(s)
//
// u is uniform on [0, 1), g and h have mean 0 and deviation 1; all depend only on the keys and on the position in the batch
// (kernels/base/random_bits.h): no state and no order, the same bits on every device.

#include "kernels/base/stream.h"
#include "kernels/base/training_batch_args.h"

namespace millesime {

void training_batch(const Stream& stream, const TrainingBatchArgs& args);

}  // namespace millesime
