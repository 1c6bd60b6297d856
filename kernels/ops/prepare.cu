#include "kernels/ops/prepare.impl.h"
template void millesime::prepare_regular_on<millesime::Cuda>(const millesime::Cuda&, const millesime::PrepareRegularArgs&);
template void millesime::prepare_raw_on<millesime::Cuda>(const millesime::Cuda&, const millesime::PrepareRawArgs&);
