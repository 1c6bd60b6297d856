#include "models/arch/make_network.h"

#include <map>
#include <string>

#include "models/arch/inception_time.h"
#include "models/arch/ltae.h"
#include "models/arch/mlp.h"
#include "models/arch/temporal_cnn.h"
#include "models/arch/transformer.h"
#include "pipeline/core/error.h"

namespace millesime {

std::shared_ptr<Network> make_network(const ModelSpec& spec) {
  using Make = std::shared_ptr<Network> (*)(const ModelSpec&);
  static const std::map<std::string, Make> kMakers = {{"inception_time", make_inception_time},
                                                      {"ltae", make_ltae},
                                                      {"mlp", make_mlp},
                                                      {"temporal_cnn", make_temporal_cnn},
                                                      {"transformer", make_transformer}};
  const auto maker = kMakers.find(spec.architecture);
  MILLESIME_CHECK(maker != kMakers.end(), spec.architecture, " is not a network");
  return maker->second(spec);
}

}  // namespace millesime
