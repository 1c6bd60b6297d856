#include "kernels/ops/smooth.impl.h"
template void millesime::smooth_on<millesime::Cuda>(const millesime::Cuda&, const millesime::SmoothArgs&);
