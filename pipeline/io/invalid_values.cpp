// change_invalid() of sensor.h.

#include <algorithm>
#include <regex>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/sensor.h"

namespace millesime {

void change_invalid(std::vector<MaskPlane>& masks, const std::vector<std::string>& changes) {
  for (const std::string& change : changes) {
    static const std::regex form(R"(\s*(\S+?)\s*=\s*(\d{1,5}(?:\s*,\s*\d{1,5})*)\s*)");
    std::smatch part;
    if (!std::regex_match(change, part, form))
      throw UserError(
          join_text("invalid: expected a mask and its invalid values, e.g. \"SCL = 1, 3, 8, 9, 10, 11\", got \"", change, "\""));
    const auto mask = std::ranges::find(masks, part[1].str(), &MaskPlane::name);
    if (mask == masks.end()) {
      std::vector<std::string> names;
      for (const MaskPlane& each : masks) names.push_back(each.name);
      throw UserError(join_text("invalid: there is no mask ", part[1].str(), "; the sensor has ", join_list(names, ", ")));
    }
    MaskMeaning& meaning = mask->meaning;
    const bool bits = !meaning.invalid_bits.empty() || !meaning.no_image_bits.empty();
    std::vector<int> numbers;
    for (const std::string& number : split_text(part[2].str(), ',')) {
      numbers.push_back(std::stoi(number));
      constexpr int kMostBit = 15;
      const auto& taken = bits ? meaning.no_image_bits : meaning.no_image_values;
      if (std::ranges::find(taken, numbers.back()) != taken.end() || std::ranges::count(numbers, numbers.back()) > 1 ||
          (bits && numbers.back() > kMostBit))
        throw UserError(join_text("invalid: ", mask->name, ": expected each ", bits ? "bit (0 to 15)" : "value",
                                  " once, and none that means no image, got ", numbers.back()));
    }
    (bits ? meaning.invalid_bits : meaning.invalid_values) = numbers;
    if (!bits) meaning.valid_values.clear();
  }
}

}  // namespace millesime
