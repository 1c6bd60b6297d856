#pragma once
// The layouts in which a world's Sentinel-2 images are written.

#include <memory>
#include <string>
#include <vector>

#include "pipeline/simulate/render.h"

namespace millesime::simulated {

// The files of one product, open for writing, strip by strip.
class ProductFiles {
 public:
  virtual ~ProductFiles() = default;
  virtual void write(const Window& window, const Strip& strip, int threads) = 0;
  virtual void commit(int threads) = 0;
};

struct OpticalLayout {
  const char* sensor;  // a name in configs/sensors
  const char* folder;  // <folder>/<tile>/<product>
  std::string (*name)(const Pass& pass, const std::string& tile);
  std::unique_ptr<ProductFiles> (*open)(const std::string& folder, const std::string& name, const Tile& tile, const Pass& pass);
};

// Level 2A of THEIA; its monthly synthesis L3A; level 2A of ESA. Their images are of the same reflectance.
const OpticalLayout& theia_l2a();
const OpticalLayout& theia_l3a();
const OpticalLayout& sen2cor();

}  // namespace millesime::simulated
