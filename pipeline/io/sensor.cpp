#include "pipeline/io/sensor.h"

#include <sys/stat.h>

#include <charconv>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/sensors/sentinel2_theia.h"

namespace millesime {

using nlohmann::ordered_json;

namespace {

int year_of(const std::string& key, const std::string& origin) {
  int year = 0;
  const char* end = key.data() + key.size();
  if (const auto read = std::from_chars(key.data(), end, year); read.ec == std::errc() && read.ptr == end) return year;
  throw UserError(join_text(origin, ": is not a census of a tile: other_years has \"", key,
                            "\", expected a year; remove it and run the catalog stage again"));
}

}  // namespace

std::unique_ptr<Sensor> make_sensor(const std::string& name) {
  if (name == "sentinel2_theia") return make_sentinel2_theia();
  throw UserError(join_text("unknown sensor \"", name, "\"; known: sentinel2_theia"));
}

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
      passes.push_back({{"name", pass.name}, {"path", pass.path}, {"time", pass.time}, {"version", pass.version}, {"files", pass.files}});
    document["acquisitions"].push_back({{"date", acquisition.date.iso()}, {"passes", passes}});
  }
  document["damaged"] = ordered_json::array();
  for (const Damage& damage : damaged) document["damaged"].push_back({{"product", damage.product}, {"message", damage.message}});
  document["superseded"] = superseded;
  document["merged"] = merged;
  document["ignored"] = ignored;
  document["other_years"] = ordered_json::object();
  for (const auto& [year, count] : other_years) document["other_years"][std::to_string(year)] = count;
  document["files"] = ordered_json::array();
  for (const SourceFile& file : files)
    document["files"].push_back({{"path", file.path}, {"bytes", file.bytes}, {"modified_ns", file.modified_ns}});
  return document;
}

Census Census::from_json(const ordered_json& document, const std::string& origin) {
  try {
    Census census;
    census.tile = document.at("tile").get<std::string>();
    census.sensor = document.at("sensor").get<std::string>();
    const ordered_json& grid = document.at("grid");
    census.grid = {grid.at("crs").get<std::string>(),
                   grid.at("x0").get<double>(),
                   grid.at("y0").get<double>(),
                   grid.at("pixel_width").get<double>(),
                   grid.at("pixel_height").get<double>(),
                   grid.at("cols").get<int>(),
                   grid.at("rows").get<int>()};
    census.bands = document.at("bands").get<std::vector<std::string>>();
    for (const ordered_json& entry : document.at("acquisitions")) {
      Acquisition acquisition{Date::parse(entry.at("date").get<std::string>()), {}};
      for (const ordered_json& pass : entry.at("passes"))
        acquisition.passes.push_back({pass.at("name").get<std::string>(), pass.at("path").get<std::string>(), census.tile, acquisition.date,
                                      pass.at("time").get<std::string>(), pass.at("version").get<std::string>(),
                                      pass.at("files").get<std::map<std::string, std::string>>()});
      census.acquisitions.push_back(std::move(acquisition));
    }
    for (const ordered_json& entry : document.at("damaged"))
      census.damaged.push_back({entry.at("product").get<std::string>(), entry.at("message").get<std::string>()});
    census.superseded = document.at("superseded").get<std::vector<std::string>>();
    census.merged = document.at("merged").get<std::vector<std::string>>();
    census.ignored = document.at("ignored").get<std::vector<std::string>>();
    for (const auto& [year, count] : document.at("other_years").items()) census.other_years[year_of(year, origin)] = count.get<int>();
    for (const ordered_json& entry : document.at("files"))
      census.files.push_back(
          {entry.at("path").get<std::string>(), entry.at("bytes").get<std::int64_t>(), entry.at("modified_ns").get<std::int64_t>()});
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

Census Census::read(const std::string& file) {
  try {
    return from_json(ordered_json::parse(read_text(file)), file);
  } catch (const nlohmann::json::exception& error) {  // of the syntax, or a number beyond any type
    throw UserError(join_text(file, ": is not JSON: ", error.what(), "; remove it and run the catalog stage again"));
  }
}

}  // namespace millesime
