#include "kernels/ops/sieve.impl.h"
template void millesime::sieve_on<millesime::Cuda>(const millesime::Cuda&, const millesime::SieveArgs&);
