#pragma once
// Paths of the files of a production: every path is made here and nowhere else.

#include <string>

#include "pipeline/core/file_name.h"
#include "pipeline/stages/config.h"

namespace millesime {

struct Layout {
  std::string root;  // <output>/<edition>
  int seeds;         // runs with different splits

  explicit Layout(const Config& config)
      : root(config.output + "/" + config.edition()), seeds(config.model.path.empty() ? config.reference.seeds : 1) {}

  std::string work() const { return root + "/work"; }
  std::string stage(const std::string& name) const { return work() + "/" + name; }
  std::string plan() const { return work() + "/plan.json"; }  // what planning found out (planning.h)
  std::string manifest(const std::string& stage_name, const std::string& key) const {
    return stage(stage_name) + "/" + key + ".manifest.json";
  }
  std::string failure(const std::string& stage_name, const std::string& key) const {  // the message of a unit that failed
    return stage(stage_name) + "/" + key + ".failed.txt";
  }
  std::string lock(const std::string& stage_name, const std::string& key) const {  // held by who works on the unit
    return stage(stage_name) + "/." + key + ".lock";
  }

  std::string census(const std::string& tile) const { return stage("catalog") + "/" + tile + ".json"; }
  std::string footprint_report(const std::string& tile) const { return stage("footprint") + "/" + tile + ".json"; }
  std::string footprint(const std::string& tile) const { return stage("footprint") + "/" + tile + "_footprint.tif"; }
  std::string cubes() const { return root + "/cubes"; }  // of `millesime stack`
  std::string samples(const std::string& tile) const { return stage("sample") + "/" + tile + ".safetensors"; }
  std::string blocks(const std::string& tile) const { return stage("sample") + "/" + tile + "_blocks.csv"; }  // of each polygon
  std::string model(const std::string& region, int seed) const { return stage("train") + "/" + model_key(region, seed) + ".safetensors"; }
  std::string classification(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_class_seed_" + std::to_string(seed) + ".tif";
  }
  std::string confidence(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_confidence_seed_" + std::to_string(seed) + ".tif";
  }
  std::string probabilities(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_probabilities_seed_" + std::to_string(seed) + ".tif";
  }
  std::string level1(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_level1_seed_" + std::to_string(seed) + ".tif";
  }
  std::string deepest(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_deepest_seed_" + std::to_string(seed) + ".tif";
  }
  std::string uncertainty(const std::string& tile, int seed) const {
    return stage("classify") + "/" + tile + "_uncertainty_seed_" + std::to_string(seed) + ".tif";
  }
  std::string validity(const std::string& tile) const { return stage("classify") + "/" + tile + "_validity.tif"; }
  std::string fused_classification(const std::string& tile) const { return stage("fuse") + "/" + tile + "_class.tif"; }
  std::string fused_confidence(const std::string& tile) const { return stage("fuse") + "/" + tile + "_confidence.tif"; }
  // The input of the mosaic: the fused map of several seeds, or the only one.
  std::string final_classification(const std::string& tile) const {
    return seeds > 1 ? fused_classification(tile) : classification(tile, 0);
  }
  std::string final_confidence(const std::string& tile) const { return seeds > 1 ? fused_confidence(tile) : confidence(tile, 0); }
  std::string sheet(const std::string& key, const std::string& layer) const { return stage("mosaic") + "/" + key + "_" + layer + ".tif"; }
  std::string accuracy() const { return stage("validate") + "/accuracy.json"; }
  std::string results() const { return stage("validate") + "/RESULTS.txt"; }
  std::string confusion(int seed) const { return stage("validate") + "/confusion_seed_" + std::to_string(seed) + ".csv"; }

  static std::string model_key(const std::string& region, int seed) {
    return (region.empty() ? std::string("all") : "region_" + file_name_of(region)) + "_seed_" + std::to_string(seed);
  }
  std::string regularised() const { return stage("regularise") + "/map.tif"; }
  std::string vectors() const { return stage("vectorise"); }  // a folder
  // Products.
  std::string map() const { return product(""); }
  std::string product(const std::string& suffix) const { return root + "/" + product_name() + suffix + ".tif"; }
  std::string product_name() const { return "OCS_" + root.substr(root.rfind('/') + 1); }
  std::string report() const { return root + "/report.html"; }
  std::string collection() const { return root.substr(0, root.rfind('/')) + "/collection.json"; }  // of all editions
};

}  // namespace millesime
