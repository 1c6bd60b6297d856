#include "kernels/ops/sieve.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

void sieve(const Stream& stream, const SieveArgs& args) {
  MILLESIME_CHECK(args.connectivity == 4 || args.connectivity == 8, "connectivity ", args.connectivity);
  for (int c = 0; c < args.n_classes; ++c)
    MILLESIME_CHECK(args.classes[c] > (c == 0 ? 0 : args.classes[c - 1]), "classes of a sieve do not rise at ", c);
  on_backend(stream, [&](const auto& backend) { sieve_on(backend, args); });
}

}  // namespace millesime
