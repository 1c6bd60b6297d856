#include "kernels/ops/validity.impl.h"
template void millesime::validity_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ValidityArgs&);
