#include "kernels/ops/confusion.impl.h"
template void millesime::confusion_on<millesime::Cuda>(const millesime::Cuda&, const millesime::ConfusionArgs&);
