#include "kernels/ops/map_values.impl.h"
template void millesime::map_values_on<millesime::Cuda>(const millesime::Cuda&, const millesime::MapValuesArgs&);
