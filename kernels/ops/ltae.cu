#include "kernels/ops/ltae.impl.h"
template void millesime::ltae_on<millesime::Cuda>(const millesime::Cuda&, const millesime::LtaeArgs&);
