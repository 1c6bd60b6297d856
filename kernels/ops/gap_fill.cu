#include "kernels/ops/gap_fill.impl.h"
template void millesime::gap_fill_on<millesime::Cuda>(const millesime::Cuda&, const millesime::GapFillArgs&);
