#pragma once
// A table of samples shared by the tests of training.

#include <string>
#include <vector>

namespace millesime::testing {

// Two bands, five dates, three classes whose seasons differ; every seventh observation is missing.
inline std::string season_table(int samples, const std::string& second_band, bool gaps = true) {
  const std::vector<std::string> days{"20210110", "20210320", "20210601", "20210812", "20211103"};
  std::string text = "label,group";
  for (const std::string& band : {std::string("B4"), second_band})
    for (const auto& day : days) text += "," + band + "_" + day;
  for (int i = 0; i < samples; ++i) {
    const int label = 1 + i % 3;
    text += "\n" + std::to_string(label) + "," + std::to_string(i / 3);
    for (int b = 0; b < 2; ++b)
      for (int d = 0; d < 5; ++d) text += gaps && (i + d) % 7 == 0 ? "," : "," + std::to_string(500 + 400 * ((d * label + b) % 5) + i % 11);
  }
  return text + "\n";
}

}  // namespace millesime::testing
