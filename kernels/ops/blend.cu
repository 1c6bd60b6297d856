#include "kernels/ops/blend.impl.h"
template void millesime::blend_on<millesime::Cuda>(const millesime::Cuda&, const millesime::BlendArgs&);
