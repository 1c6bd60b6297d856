#pragma once
// The report of a model: one self-contained HTML page.

#include <string>
#include <vector>

#include "pipeline/learning/model_report_data.h"

namespace millesime {

std::string model_report_html(const ModelReportData& data);
void write_model_report(const ModelReportData& data, const std::string& file);  // atomic

// Pairs of classes that are confused, the most samples first.
struct ConfusedPair {
  int a = 0, b = 0;                     // codes, a < b
  std::int64_t a_as_b = 0, b_as_a = 0;  // samples
  std::int64_t samples_a = 0, samples_b = 0;
};
std::vector<ConfusedPair> confused_pairs(const ConfusionMatrix& matrix);

}  // namespace millesime
