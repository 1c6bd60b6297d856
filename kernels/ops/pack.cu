#include "kernels/ops/pack.impl.h"
template void millesime::pack_on<millesime::Cuda>(const millesime::Cuda&, const millesime::PackArgs&);
