#include "kernels/ops/reconcile.impl.h"
template void millesime::reconcile_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ReconcileArgs&);
