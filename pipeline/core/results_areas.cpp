// Areas and accuracies that were estimated from a sample, in accuracy.json.

#include <cmath>

#include "pipeline/core/json_number.h"
#include "pipeline/core/results.h"

namespace millesime {
namespace {

using Json = nlohmann::ordered_json;  // writes NaN as null

double number_or_nan(const Json& json) { return json.is_null() ? std::nan("") : json.get<double>(); }

Json estimate_json(const Estimate& estimate) { return {{"value", estimate.value}, {"standard_error", estimate.standard_error}}; }

Estimate estimate_from_json(const Json& json) { return {number_or_nan(json.at("value")), number_or_nan(json.at("standard_error"))}; }

}  // namespace

nlohmann::ordered_json areas_json(const AreaAccuracy& areas) {
  Json classes = Json::array();
  for (const AreaEstimate& c : areas.classes)
    classes.push_back({{"code", c.code},
                       {"mapped", c.mapped_area},
                       {"area", estimate_json(c.area)},
                       {"users_accuracy", estimate_json(c.users)},
                       {"producers_accuracy", estimate_json(c.producers)}});
  return {{"unit", "ha"},
          {"covered_share", areas.covered_share},
          {"unsampled", areas.unsampled},
          {"overall_accuracy", estimate_json(areas.overall)},
          {"classes", classes}};
}

AreaAccuracy areas_from_json(const nlohmann::ordered_json& json) {
  AreaAccuracy areas;
  areas.overall = estimate_from_json(json.at("overall_accuracy"));
  for (const Json& c : json.at("classes"))
    areas.classes.push_back({whole_number<int>(c.at("code")), number_or_nan(c.at("mapped")), estimate_from_json(c.at("area")),
                             estimate_from_json(c.at("users_accuracy")), estimate_from_json(c.at("producers_accuracy"))});
  for (const Json& code : json.at("unsampled")) areas.unsampled.push_back(whole_number<int>(code));
  areas.covered_share = number_or_nan(json.at("covered_share"));
  return areas;
}

}  // namespace millesime
