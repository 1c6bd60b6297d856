#include "kernels/ops/indices.impl.h"
template void millesime::indices_on<millesime::Cuda>(const millesime::Cuda&, const millesime::IndicesArgs&);
