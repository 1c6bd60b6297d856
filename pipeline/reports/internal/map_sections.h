#pragma once
// Sections of the report of a map; "" where the data are missing.

#include <string>

#include "pipeline/reports/map_report.h"

namespace millesime {

std::string map_section(const ReportData& data);          // the map to zoom into, and its legend
std::string quality_section(const ReportData& data);      // confidence and validity
std::string regularised_section(const ReportData& data);  // areas with and without small patches
std::string confusion_section(const ReportData& data);    // classes that are confused: where, and what would help
std::string census_section(const ReportData& data);
std::string unmapped_section(const ReportData& data);
std::string file_section(const ReportData& data);
std::string provenance_section(const ReportData& data);

std::string sample_units(const AccuracyReport& accuracy, std::int64_t n, const html::Words& w);  // "point", "blocks"

}  // namespace millesime
