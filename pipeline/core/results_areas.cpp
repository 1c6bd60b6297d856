// Areas and accuracies that were estimated from a sample, in accuracy.json.

#include <cmath>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/results.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

using Json = nlohmann::ordered_json;  // writes NaN as null

double number_or_nan(const Json& json) { return json.is_null() ? std::nan("") : json.get<double>(); }

Json estimate_json(const Estimate& estimate) {
  Json json = {{"value", estimate.value}, {"standard_error", estimate.standard_error}};
  if (!std::isnan(estimate.low)) json["low"] = estimate.low, json["high"] = estimate.high;
  return json;
}

}  // namespace

Estimate estimate_from_json(const Json& json) {
  Estimate estimate{number_or_nan(json.at("value")), number_or_nan(json.at("standard_error"))};
  if (json.contains("low")) estimate.low = number_or_nan(json.at("low")), estimate.high = number_or_nan(json.at("high"));
  return estimate;
}

std::string estimate_text(const Estimate& estimate, double unit, const std::string& name) {
  if (std::isnan(estimate.value)) return "–";
  const std::string value = fixed(unit * estimate.value, 1);
  if (std::isnan(estimate.low)) return join_text(value, " ± ", fixed(unit * estimate.half_width(), 1), name);
  return join_text(value, " (", fixed(unit * estimate.low, 1), " to ", fixed(unit * estimate.high, 1), ")", name);
}

std::vector<std::string> estimate_lines(const AreaAccuracy& areas, const Nomenclature& nomenclature) {
  const auto percent = [](const Estimate& e) { return estimate_text(e, 100, " %"); };
  std::vector<std::string> lines{"overall accuracy " + percent(areas.overall) + " (95 % interval)"};
  for (const AreaEstimate& c : areas.classes) {
    const auto index = nomenclature.index_of_code(c.code);
    lines.push_back(join_text(c.code, " ", index ? nomenclature.at(*index).name : "", ": ", estimate_text(c.area, 1, " ha"), " (map ",
                              fixed(c.mapped_area, 1), " ha), user's ", percent(c.users), ", producer's ", percent(c.producers)));
  }
  if (!areas.unsampled.empty() || areas.covered_share < 0.9995)
    lines.push_back(join_text("the estimates are of ", fixed(100 * areas.covered_share, 1),
                              " % of the area that the sample was drawn from; ", counted(areas.unsampled.size(), "stratum", "strata"),
                              " without points"));
  return lines;
}

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
