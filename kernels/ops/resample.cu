#include "kernels/ops/resample.impl.h"
template void millesime::resample_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ResampleArgs&);
