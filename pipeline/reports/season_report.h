#pragma once
// The page of a model against the day of the year: accuracy, calibration, F-scores, and when a class is known.

#include <string>

#include "pipeline/learning/season_accuracy.h"

namespace millesime {

std::string season_page(const SeasonAccuracy& season, const std::string& model);
void write_season_report(const SeasonAccuracy& season, const std::string& model, const std::string& file);

}  // namespace millesime
