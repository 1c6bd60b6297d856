#include "kernels/ops/training_batch.impl.h"
template void millesime::training_batch_on<millesime::Cuda>(const millesime::Cuda&, const millesime::TrainingBatchArgs&);
