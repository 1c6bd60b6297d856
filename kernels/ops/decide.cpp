#include "kernels/base/cpu_clones.h"
#include "kernels/ops/decide.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(DecideLanes);

void decide(const Stream& stream, const DecideArgs& args) {
  if (args.pixels == 0) return;
  MILLESIME_CHECK((args.logits != nullptr) + (args.scores != nullptr) + (args.votes != nullptr) == 1,
                  "decide takes logits, scores or votes");
  MILLESIME_CHECK(!args.votes || args.n_trees > 0, "votes of ", args.n_trees, " trees");
  MILLESIME_CHECK(!args.vote_logits || args.votes, "vote_logits need votes");
  MILLESIME_CHECK(args.n_classes >= 1 && args.n_classes <= kMostLabels, "decide among ", args.n_classes, " classes");
  on_backend(stream, [&](const auto& backend) { decide_on(backend, args); });
}

}  // namespace millesime
