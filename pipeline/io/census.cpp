#include "pipeline/io/census.h"

#include <algorithm>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/internal/storage.h"

namespace millesime {

using nlohmann::ordered_json;

Grid grid_of(const ordered_json& grid) {
  return {grid.at("crs").get<std::string>(),    grid.at("x0").get<double>(),           grid.at("y0").get<double>(),
          grid.at("pixel_width").get<double>(), grid.at("pixel_height").get<double>(), whole_number<int>(grid.at("cols")),
          whole_number<int>(grid.at("rows"))};
}

namespace {

constexpr std::string_view kInArchive[] = {"/vsizip/{", "/vsitar/{"};

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
  return text == root ? "." : text;
}

std::string with_root(const std::string& path, const std::string& root) {
  const bool in_archive = std::ranges::any_of(kInArchive, [&](std::string_view archive) { return path.starts_with(archive); });
  if (root.empty() || (path.starts_with('/') && !in_archive)) return path;  // an item may lie anywhere
  if (path == ".") return root;
  for (const std::string_view archive : kInArchive)
    if (path.starts_with(archive)) return std::string(archive) + root + "/" + path.substr(archive.size());
  return root + "/" + path;
}

std::vector<std::string> all_of(const std::vector<std::string>& texts, std::string (*change)(std::string_view)) {
  std::vector<std::string> result;
  for (const std::string& text : texts) result.push_back(change(text));
  return result;
}

// A layer is its file's name where it is what most layers of that name are: on the grid that all are read on, in the usual encoding.
ordered_json json_of(const Layer& layer, const Grid& usual_grid, const Encoding& usual) {
  const std::string file = utf8_of_bytes(layer.file);
  if (layer.variable.empty() && layer.band == 0 && layer.grid == usual_grid && layer.encoding == usual) return file;
  ordered_json document{{"file", file}};
  if (!layer.variable.empty()) document["variable"] = layer.variable;
  if (layer.band != 0) document["band"] = layer.band;
  if (!(layer.grid == usual_grid)) document["grid"] = to_json(layer.grid);
  if (!(layer.encoding == usual)) document["encoding"] = layer.encoding.to_json();
  return document;
}

Layer layer_of(const ordered_json& document, const Grid& usual_grid, const Encoding& usual) {
  Layer layer;
  layer.grid = usual_grid;
  layer.encoding = usual;
  if (document.is_string()) {
    layer.file = bytes_of_utf8(document.get<std::string>());
    return layer;
  }
  layer.file = bytes_of_utf8(document.at("file").get<std::string>());
  if (document.contains("variable")) layer.variable = document.at("variable").get<std::string>();
  if (document.contains("band")) layer.band = whole_number<int>(document.at("band"));
  if (layer.band < 0) throw UserError(join_text("layer ", layer.file, ": band ", layer.band));
  if (document.contains("grid")) layer.grid = grid_of(document.at("grid"));
  if (document.contains("encoding")) layer.encoding = Encoding::from_json(document.at("encoding"));
  return layer;
}

// Of each layer name, the encoding of its first product.
std::map<std::string, Encoding> usual_encodings(const std::vector<Acquisition>& acquisitions) {
  std::map<std::string, Encoding> usual;
  for (const Acquisition& acquisition : acquisitions)
    for (const Product& pass : acquisition.passes)
      for (const auto& [name, layer] : pass.layers) usual.emplace(name, layer.encoding);
  return usual;
}

}  // namespace

std::string years_of(const std::vector<OutsidePeriod>& outside) {
  std::map<int, int> years;
  for (const OutsidePeriod& product : outside) ++years[product.date.year()];
  std::string text;
  for (const auto& [year, count] : years)
    text += join_text(text.empty() ? "" : ", ", year, " (", count, count == 1 ? " product)" : " products)");
  return text;
}

std::string Product::file_of(const Layer& layer) const {
  const std::string file = path + "/" + layer.file;
  return layer.variable.empty() ? file : variable_of(file, layer.variable);
}

ordered_json to_json(const Grid& grid) {
  return {{"crs", grid.crs},   {"x0", grid.x0},    {"y0", grid.y0}, {"pixel_width", grid.pixel_width}, {"pixel_height", grid.pixel_height},
          {"cols", grid.cols}, {"rows", grid.rows}};
}

int SourceCensus::n_products() const {
  int n = 0;
  for (const Acquisition& acquisition : acquisitions) n += static_cast<int>(acquisition.passes.size());
  return n;
}

ordered_json SourceCensus::to_json() const {
  ordered_json document;
  document["tile"] = tile;
  document["source"] = source;
  document["sensor"] = sensor;
  document["platform"] = platform;
  document["unit"] = millesime::to_text(unit);
  document["grid"] = millesime::to_json(grid);
  document["bands"] = bands;
  document["masks"] = ordered_json::array();
  for (const MaskPlane& plane : masks) document["masks"].push_back(plane.to_json());
  const std::map<std::string, Encoding> usual = usual_encodings(acquisitions);
  document["layers"] = ordered_json::object();
  for (const auto& [name, layer_grid] : grids) {
    document["layers"][name] = {{"grid", millesime::to_json(layer_grid)}};
    if (const auto encoding = usual.find(name); encoding != usual.end() && !(encoding->second == Encoding{}))
      document["layers"][name]["encoding"] = encoding->second.to_json();
  }
  document["acquisitions"] = ordered_json::array();
  for (const Acquisition& acquisition : acquisitions) {
    ordered_json passes = ordered_json::array();
    for (const Product& pass : acquisition.passes) {
      ordered_json layers = ordered_json::object();
      for (const auto& [name, layer] : pass.layers) layers[name] = json_of(layer, grids.at(name), usual.at(name));
      passes.push_back({{"name", utf8_of_bytes(pass.name)},
                        {"path", utf8_of_bytes(without_root(pass.path, root))},
                        {"time", pass.time},
                        {"version", pass.version},
                        {"layers", layers}});
    }
    document["acquisitions"].push_back({{"date", acquisition.date.iso()}, {"passes", passes}});
  }
  document["damaged"] = ordered_json::array();
  for (const Damage& damage : damaged)
    document["damaged"].push_back(
        {{"product", utf8_of_bytes(damage.product)}, {"message", utf8_of_bytes(without_root(damage.message, root))}});
  document["superseded"] = all_of(superseded, utf8_of_bytes);
  document["merged"] = all_of(merged, utf8_of_bytes);
  document["ignored"] = all_of(ignored, utf8_of_bytes);
  document["notes"] = all_of(notes, utf8_of_bytes);
  document["outside_period"] = ordered_json::array();
  for (const OutsidePeriod& outside : outside_period)
    document["outside_period"].push_back({{"product", utf8_of_bytes(outside.product)}, {"date", outside.date.iso()}});
  document["files"] = ordered_json::array();
  for (const SourceFile& file : files)
    document["files"].push_back(
        {{"path", utf8_of_bytes(without_root(file.path, root))}, {"bytes", file.bytes}, {"modified_ns", file.modified_ns}});
  return document;
}

SourceCensus SourceCensus::from_json(const ordered_json& document, const std::string& origin, const std::string& root) {
  const auto texts = [&](const char* key) { return all_of(document.at(key).get<std::vector<std::string>>(), bytes_of_utf8); };
  try {
    SourceCensus census;
    census.root = root;
    census.tile = document.at("tile").get<std::string>();
    census.source = document.at("source").get<std::string>();
    census.sensor = document.at("sensor").get<std::string>();
    census.platform = document.at("platform").get<std::string>();
    census.unit = sample_unit(document.at("unit").get<std::string>()).value_or(SampleUnit::number);
    census.grid = grid_of(document.at("grid"));
    census.bands = document.at("bands").get<std::vector<std::string>>();
    for (const ordered_json& plane : document.at("masks")) census.masks.push_back(MaskPlane::from_json(plane));
    std::map<std::string, Encoding> usual;
    for (const auto& [name, entry] : document.at("layers").items()) {
      census.grids[name] = grid_of(entry.at("grid"));
      usual[name] = entry.contains("encoding") ? Encoding::from_json(entry.at("encoding")) : Encoding{};
    }
    for (const ordered_json& entry : document.at("acquisitions")) {
      Acquisition acquisition{Date::parse(entry.at("date").get<std::string>()), {}};
      for (const ordered_json& pass : entry.at("passes")) {
        Product product{bytes_of_utf8(pass.at("name").get<std::string>()),
                        with_root(bytes_of_utf8(pass.at("path").get<std::string>()), root),
                        census.tile,
                        acquisition.date,
                        pass.at("time").get<std::string>(),
                        pass.at("version").get<std::string>(),
                        {}};
        for (const auto& [name, layer] : pass.at("layers").items()) {
          const auto known = census.grids.find(name);
          if (known == census.grids.end()) throw UserError(join_text(origin, ": layer ", name, " has no grid"));
          product.layers[name] = layer_of(layer, known->second, usual.at(name));
        }
        acquisition.passes.push_back(std::move(product));
      }
      census.acquisitions.push_back(std::move(acquisition));
    }
    for (const ordered_json& entry : document.at("damaged"))
      census.damaged.push_back(
          {bytes_of_utf8(entry.at("product").get<std::string>()), bytes_of_utf8(entry.at("message").get<std::string>())});
    census.superseded = texts("superseded");
    census.merged = texts("merged");
    census.ignored = texts("ignored");
    census.notes = texts("notes");
    for (const ordered_json& entry : document.value("outside_period", ordered_json::array()))
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

void require_unchanged(const SourceCensus& census) {
  for (const SourceFile& known : census.files) {
    const std::optional<FileState> now = state_of(known.path);
    if (now && now->bytes == known.bytes && now->modified_ns == known.modified_ns) continue;
    throw UserError(join_text("tile ", census.tile, ": ", known.path,
                              " was replaced or removed since the census; run again when no program writes the images"));
  }
}

ordered_json TileImages::to_json() const {
  ordered_json document{{"tile", tile}, {"grid", millesime::to_json(grid)}, {"sources", ordered_json::array()}};
  for (const SourceCensus& source : sources) {
    ordered_json census = source.to_json();
    census.erase("outside_period");
    document["sources"].push_back(std::move(census));
  }
  return document;
}

TileImages TileImages::from_json(const ordered_json& document, const std::string& origin, const std::vector<std::string>& roots) {
  try {
    TileImages images{document.at("tile").get<std::string>(), grid_of(document.at("grid")), {}};
    for (const ordered_json& source : document.at("sources")) {
      const std::size_t place = images.sources.size();
      images.sources.push_back(SourceCensus::from_json(source, origin, place < roots.size() ? folder_of_products(roots[place]) : ""));
    }
    if (images.sources.empty()) throw UserError(join_text(origin, ": is not a census of a tile: it has no source"));
    return images;
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(origin, ": is not a census of a tile: ", error.what(), "; remove it and run the catalog stage again"));
  }
}

TileImages TileImages::read(const std::string& file, const std::vector<std::string>& roots) {
  try {
    return from_json(ordered_json::parse(read_text(file)), file, roots);
  } catch (const nlohmann::json::exception& error) {  // of the syntax, or a number beyond any type
    throw UserError(join_text(file, ": is not JSON: ", error.what(), "; remove it and run the catalog stage again"));
  }
}

}  // namespace millesime
