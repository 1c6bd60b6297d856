#include "kernels/ops/uncertainty.impl.h"
template void millesime::uncertainty_on<millesime::Cuda>(const millesime::Cuda&, const millesime::UncertaintyArgs&);
