#include "kernels/ops/thermal_time.impl.h"
template void millesime::thermal_time_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ThermalTimeArgs&);
