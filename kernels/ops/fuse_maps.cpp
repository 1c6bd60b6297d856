#include "kernels/base/cpu_clones.h"
#include "kernels/ops/fuse_maps.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(FuseMapsPixel);

void fuse_maps(const Stream& stream, const FuseMapsArgs& args) {
  MILLESIME_CHECK(args.n_maps >= 1 && args.n_maps <= kMaxMaps, "fusion of ", args.n_maps, " maps, 1 to ", kMaxMaps, " are possible");
  MILLESIME_CHECK(args.method != Fusion::dempster_shafer || (args.mass && args.n_labels > 0),
                  "Dempster-Shafer needs the masses of the maps");
  on_backend(stream, [&](const auto& backend) { fuse_maps_on(backend, args); });
}

}  // namespace millesime
