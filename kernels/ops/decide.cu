#include "kernels/ops/decide.impl.h"
template void millesime::decide_on<millesime::Cuda>(const millesime::Cuda&, const millesime::DecideArgs&);
