#include "kernels/ops/forest.impl.h"
template void millesime::forest_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ForestArgs&);
