#include "pipeline/io/sensor.h"

#include <sys/stat.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/sensors/sentinel2_theia.h"

namespace millesime {

using nlohmann::ordered_json;

namespace {

constexpr std::string_view kInZip = "/vsizip/{";

// A path, or a message that names some, as it is written: the same wherever the source lies and however its folder is spelled.
std::string without_root(std::string text, const std::string& root) {
  if (root.empty()) return text;
  const std::string prefix = root + "/";
  for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
    const bool begins_a_path = at == 0 || std::string_view(" \"'({").find(text[at - 1]) != std::string_view::npos;
    if (begins_a_path)
      text.erase(at, prefix.size());
    else
      ++at;
  }
  return text;
}

std::string with_root(const std::string& path, const std::string& root) {
  if (root.empty()) return path;
  if (path.starts_with(kInZip)) return std::string(kInZip) + root + "/" + path.substr(kInZip.size());
  return root + "/" + path;
}

}  // namespace

std::vector<std::string> known_sensors() { return {"sentinel2_theia"}; }

std::unique_ptr<Sensor> make_sensor(const std::string& name) {
  if (name == "sentinel2_theia") return make_sentinel2_theia();
  throw UserError(join_text("unknown sensor \"", name, "\"; known: ", join_list(known_sensors(), ", ")));
}

std::string years_of(const std::vector<OutsidePeriod>& outside) {
  std::map<int, int> years;
  for (const OutsidePeriod& product : outside) ++years[product.date.year()];
  std::string text;
  for (const auto& [year, count] : years)
    text += join_text(text.empty() ? "" : ", ", year, " (", count, count == 1 ? " product)" : " products)");
  return text;
}

namespace {

std::vector<std::string> all_of(const std::vector<std::string>& texts, std::string (*change)(std::string_view)) {
  std::vector<std::string> result;
  for (const std::string& text : texts) result.push_back(change(text));
  return result;
}

}  // namespace

int Census::n_products() const {
  int n = 0;
  for (const Acquisition& acquisition : acquisitions) n += static_cast<int>(acquisition.passes.size());
  return n;
}

ordered_json Census::to_json() const {
  ordered_json document;
  document["tile"] = tile;
  document["sensor"] = sensor;
  document["grid"] = {
      {"crs", grid.crs},   {"x0", grid.x0},    {"y0", grid.y0}, {"pixel_width", grid.pixel_width}, {"pixel_height", grid.pixel_height},
      {"cols", grid.cols}, {"rows", grid.rows}};
  document["bands"] = bands;
  document["acquisitions"] = ordered_json::array();
  for (const Acquisition& acquisition : acquisitions) {
    ordered_json passes = ordered_json::array();
    for (const Product& pass : acquisition.passes)
      passes.push_back({{"name", pass.name},
                        {"path", utf8_of_bytes(without_root(pass.path, root))},
                        {"time", pass.time},
                        {"version", pass.version},
                        {"files", pass.files}});
    document["acquisitions"].push_back({{"date", acquisition.date.iso()}, {"passes", passes}});
  }
  document["damaged"] = ordered_json::array();
  for (const Damage& damage : damaged)
    document["damaged"].push_back(
        {{"product", utf8_of_bytes(damage.product)}, {"message", utf8_of_bytes(without_root(damage.message, root))}});
  document["superseded"] = all_of(superseded, utf8_of_bytes);
  document["merged"] = merged;
  document["ignored"] = all_of(ignored, utf8_of_bytes);
  document["outside_period"] = ordered_json::array();
  for (const OutsidePeriod& outside : outside_period)
    document["outside_period"].push_back({{"product", utf8_of_bytes(outside.product)}, {"date", outside.date.iso()}});
  document["files"] = ordered_json::array();
  for (const SourceFile& file : files)
    document["files"].push_back(
        {{"path", utf8_of_bytes(without_root(file.path, root))}, {"bytes", file.bytes}, {"modified_ns", file.modified_ns}});
  return document;
}

Census Census::from_json(const ordered_json& document, const std::string& origin, const std::string& root) {
  try {
    Census census;
    census.root = root;
    census.tile = document.at("tile").get<std::string>();
    census.sensor = document.at("sensor").get<std::string>();
    const ordered_json& grid = document.at("grid");
    census.grid = {grid.at("crs").get<std::string>(),    grid.at("x0").get<double>(),           grid.at("y0").get<double>(),
                   grid.at("pixel_width").get<double>(), grid.at("pixel_height").get<double>(), whole_number<int>(grid.at("cols")),
                   whole_number<int>(grid.at("rows"))};
    census.bands = document.at("bands").get<std::vector<std::string>>();
    for (const ordered_json& entry : document.at("acquisitions")) {
      Acquisition acquisition{Date::parse(entry.at("date").get<std::string>()), {}};
      for (const ordered_json& pass : entry.at("passes"))
        acquisition.passes.push_back({pass.at("name").get<std::string>(),
                                      with_root(bytes_of_utf8(pass.at("path").get<std::string>()), root), census.tile, acquisition.date,
                                      pass.at("time").get<std::string>(), pass.at("version").get<std::string>(),
                                      pass.at("files").get<std::map<std::string, std::string>>()});
      census.acquisitions.push_back(std::move(acquisition));
    }
    for (const ordered_json& entry : document.at("damaged"))
      census.damaged.push_back(
          {bytes_of_utf8(entry.at("product").get<std::string>()), bytes_of_utf8(entry.at("message").get<std::string>())});
    census.superseded = all_of(document.at("superseded").get<std::vector<std::string>>(), bytes_of_utf8);
    census.merged = document.at("merged").get<std::vector<std::string>>();
    census.ignored = all_of(document.at("ignored").get<std::vector<std::string>>(), bytes_of_utf8);
    for (const ordered_json& entry : document.at("outside_period"))
      census.outside_period.push_back(
          {bytes_of_utf8(entry.at("product").get<std::string>()), Date::parse(entry.at("date").get<std::string>())});
    for (const ordered_json& entry : document.at("files"))
      census.files.push_back({with_root(bytes_of_utf8(entry.at("path").get<std::string>()), root),
                              whole_number<std::int64_t>(entry.at("bytes")), whole_number<std::int64_t>(entry.at("modified_ns"))});
    return census;
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(origin, ": is not a census of a tile: ", error.what(), "; remove it and run the catalog stage again"));
  }
}

void require_unchanged(const Census& census) {
  for (const SourceFile& known : census.files) {
    struct stat now {};
    if (::stat(known.path.c_str(), &now) == 0 && now.st_size == known.bytes &&
        std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec == known.modified_ns)
      continue;
    throw UserError(join_text("tile ", census.tile, ": ", known.path,
                              " was replaced or removed since the census; run again when no program writes the images"));
  }
}

Census Census::read(const std::string& file, const std::string& root) {
  try {
    return from_json(ordered_json::parse(read_text(file)), file, root);
  } catch (const nlohmann::json::exception& error) {  // of the syntax, or a number beyond any type
    throw UserError(join_text(file, ": is not JSON: ", error.what(), "; remove it and run the catalog stage again"));
  }
}

}  // namespace millesime
