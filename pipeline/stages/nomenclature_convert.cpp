#include "pipeline/stages/nomenclature_convert.h"

#include <map>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

constexpr std::int64_t kConvertedPixels = 1 << 22;  // 4 M codes of two bytes

nlohmann::json by_code(const std::map<int, std::int64_t>& counts) {
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [code, pixels] : counts) result[std::to_string(code)] = pixels;
  return result;
}

}  // namespace

nlohmann::json convert_map(const std::string& map, const Nomenclature& from, const Nomenclature& to, const std::string& output) {
  const std::vector<int> table = conversion_table(from, to);
  const MapInput reader(map, MapKind::classes);
  RasterOptions options;
  options.nodata = 0;
  options.nomenclature = &to;
  RasterWriter writer(output, reader.grid(), class_type(to.max_code()), 1, options);

  std::map<int, std::int64_t> before, after, unknown;
  std::vector<std::int32_t> codes;
  std::vector<std::uint16_t> converted;
  for (const Window& window : split(reader.grid().whole(), options.block, options.block, kConvertedPixels)) {
    codes.resize(static_cast<std::size_t>(window.pixels()));
    converted.resize(codes.size());
    reader.read(window, codes.data());
    for (std::size_t p = 0; p < codes.size(); ++p) {
      const int code = codes[p];
      const bool known = code >= 0 && static_cast<std::size_t>(code) < table.size() && table[static_cast<std::size_t>(code)] != kNoClass;
      converted[p] = known ? static_cast<std::uint16_t>(table[static_cast<std::size_t>(code)]) : 0;
      ++(known ? before : unknown)[code];
      if (known) ++after[converted[p]];
    }
    writer.write(window, 0, converted.data());
  }
  if (!unknown.empty()) {
    std::vector<std::string> list;
    for (const auto& [code, pixels] : unknown)
      if (list.size() < 20) list.push_back(join_text(code, " (", pixels, " px)"));
    throw UserError(join_text(map, ": ", unknown.size(), " codes that the nomenclature ", from.name,
                              " does not have: ", join_list(list, ", "), unknown.size() > list.size() ? "..." : ""));
  }
  writer.commit();
  return {{"from", from.name}, {"to", to.name}, {"pixels", reader.grid().pixels()}, {"before", by_code(before)}, {"after", by_code(after)}};
}

}  // namespace millesime
