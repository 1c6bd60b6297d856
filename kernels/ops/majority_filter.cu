#include "kernels/ops/majority_filter.impl.h"
template void millesime::majority_filter_on<millesime::Cuda>(const millesime::Cuda&, const millesime::MajorityFilterArgs&);
