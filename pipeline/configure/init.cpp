#include "pipeline/configure/init.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "pipeline/configure/found_reference.h"
#include "pipeline/configure/found_sources.h"
#include "pipeline/configure/written_config.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/core/toml_text.h"
#include "pipeline/stages/config.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

// Folders beside the images, where polygons lie.
std::vector<fs::path> folders_beside(const fs::path& root, const std::vector<FoundSource>& sources) {
  std::vector<fs::path> folders = {root}, level = folders;
  for (int depth = 0; depth < kDeepestFolder; ++depth) {
    std::vector<fs::path> next;
    for (const fs::path& folder : level)
      for (const fs::path& child : children_of(folder))
        if (std::ranges::none_of(sources, [&](const FoundSource& source) { return child.string() == source.options.root; }))
          next.push_back(child);
    folders.insert(folders.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return folders;
}

struct FoundRegions {
  std::string path, field;
};

std::optional<FoundRegions> find_named(const std::vector<FoundPolygons>& all, const std::vector<std::string>& words,
                                       const std::string& but) {
  for (const FoundPolygons& polygons : all) {
    if (polygons.path == but || !has_word(fs::path(polygons.path).stem().string(), words)) continue;
    std::optional<FoundRegions> any;
    for (const auto& [field, values] : polygons.values) {
      if (values.size() > kMostClasses || has_word(field, {"fid", "area", "shape"})) continue;
      if (has_word(field, words)) return FoundRegions{polygons.path, field};
      if (!any) any = FoundRegions{polygons.path, field};
    }
    if (any) return any;
  }
  return std::nullopt;
}

class Look {
 public:
  explicit Look(const InitCommand& command) : command_(command), here_(fs::absolute(command.output).parent_path()) {
    if (!fs::is_directory(command.root) && !fs::is_regular_file(command.root))
      throw UserError(join_text(command.root, ": no such folder or file; expected a folder that holds images, or a list of STAC items"));
    folder_ = fs::is_directory(command.root) ? fs::path(command.root) : fs::absolute(command.root).parent_path();
  }

  FirstConfig run() {
    const fs::path root = fs::absolute(command_.root).lexically_normal();
    sources_ = find_sources(root, first_.assumed);
    if (sources_.empty())
      throw UserError(join_text(command_.root, ": no images of a known sensor in it or ", kDeepestFolder,
                                " folders below; `millesime sensors` lists the sensors; expected e.g. l2a/T31TCJ/SENTINEL2A_..."));
    for (const FoundSource& source : sources_) config_.sources.push_back(source.options);
    config_.sources.erase(config_.sources.begin());
    name_sources();
    options_ = config_.declare();
    set_year();
    set_sources();
    polygons_ = find_polygons(folders_beside(fs::absolute(folder_).lexically_normal(), sources_), first_.assumed);
    set_reference();
    set_regions();
    name_unused();
    first_.toml = text();
    return std::move(first_);
  }

 private:
  std::string relative(const std::string& path) const {
    const fs::path short_path = fs::path(path).lexically_relative(here_);
    return short_path.empty() ? path : short_path.string();
  }
  void set(const std::string& key, const std::string& value, const std::string& why) { options_.at(key, why).set(value, why); }

  void name_sources() {
    for (std::size_t i = 0; i < config_.sources.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (config_.sources[i].name == config_.sources[j].name) config_.sources[i].name = sources_[i].options.sensor;
  }

  void set_year() {
    const auto& years = sources_.front().years;
    const auto most = std::ranges::max_element(years, [](const auto& a, const auto& b) { return a.second < b.second; });
    const int year = command_.year == 0 ? most->first : command_.year;
    std::vector<std::string> list;
    for (const auto& [each, number] : years) list.push_back(join_text(each, " (", number, ")"));
    if (std::ranges::none_of(years, [&](const auto& each) { return each.first == year; }))
      throw UserError(join_text(sources_.front().options.root, ": no products of ", year, "; there are those of ", join_list(list, ", ")));
    set("year", std::to_string(year), "products of the first source by year: " + join_list(list, ", "));
    if (years.size() > 1 && command_.year == 0)
      first_.assumed.push_back(join_text("the year ", year, ", of which there are most products"));
  }

  void set_sources() {
    const std::vector<std::string> sections = source_sections(config_.sources);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const FoundSource& found = sources_[i];
      const std::string what = join_text(found.title, ": ", counted(static_cast<std::size_t>(found.products), "product"), ", ",
                                         counted(found.tiles.size(), "tile"));
      first_.found.push_back(join_text(relative(found.options.root), ": ", what));
      if (config_.sources[i].name != SensorFile::load(found.options.sensor).source || i > 0)
        set(sections[i] + ".name", config_.sources[i].name, "what samples and reports call it");
      set(sections[i] + ".sensor", found.options.sensor, what);
      set(sections[i] + ".root", relative(found.options.root),
          fs::is_directory(found.options.root) ? "<root>/<tile>/<product>" : "a list of STAC items");
      if (!found.options.variant.empty()) set(sections[i] + ".variant", found.options.variant, "assumed: the items do not say it");
    }
    options_.at("tiles.names", "init").set_list(sources_.front().tiles, "those of the first source; without the line all are mapped");
  }

  void set_reference() {
    const std::vector<std::string> nomenclatures = nomenclatures_in(folder_);
    const auto reference = find_reference(polygons_, nomenclatures);
    if (!reference) {
      first_.assumed.push_back(
          "no polygons with classes were found: give reference.path and reference.class_field, or a trained model (model.path)");
      set("nomenclature", nomenclatures.front(), "assumed");
      return;
    }
    first_.found.push_back(join_text(relative(reference->polygons->path), ": ", counted(reference->polygons->features, "polygon"), ", ",
                                     counted(reference->values().size(), "value"), " of the field ", reference->field,
                                     reference->names ? ", with names in the field " + reference->names->field : ""));
    if (reference->nomenclature.empty()) {
      first_.classes = classes_of(*reference);
      first_.classes_file = fs::path(command_.output).stem().string() + "_nomenclature.csv";
      set("nomenclature", first_.classes_file, "the values of the field " + reference->field + "; give them names and colours there");
      first_.assumed.push_back(join_text("no known nomenclature has all values of the field ", reference->field,
                                         reference->names ? " with these names" : "", ": one was made of them"));
    } else {
      const bool is_file = fs::exists(reference->nomenclature);
      set("nomenclature", is_file ? relative(fs::absolute(reference->nomenclature).string()) : reference->nomenclature,
          "has all values of the field " + reference->field);
      first_.assumed.push_back(
          join_text("the values of the field ", reference->field, " are classes of the nomenclature ", reference->nomenclature,
                    reference->as_well.empty() ? "" : "; they may be codes of " + join_list(reference->as_well, ", ") + ", too"));
    }
    set("reference.path", relative(reference->polygons->path), "polygons that learn and test");
    set("reference.class_field", reference->field, "assumed: the field that holds the class");
    first_.assumed.push_back(join_text("the field ", reference->field, " of ", relative(reference->polygons->path), " holds the class"));
    reference_ = reference->polygons->path;
  }

  void set_regions() {
    const auto regions = find_named(polygons_, {"region", "eco", "climat"}, reference_);
    if (!regions) return;
    regions_ = regions->path;
    set("regions.path", relative(regions->path), "assumed: one model a region; remove the section for one model of all");
    set("regions.field", regions->field, "the field that names the region");
    first_.assumed.push_back(join_text(relative(regions->path), " holds regions, each with a model of its own"));
  }

  std::optional<FoundRegions> zones() const {
    return find_named(polygons_, {"depart", "zone", "commune", "canton", "district"}, reference_);
  }

  void name_unused() {
    const auto zones = this->zones();
    for (const FoundPolygons& each : polygons_)
      if (each.path != reference_ && each.path != regions_ && !(zones && each.path == zones->path))
        first_.assumed.push_back(join_text(relative(each.path), " is not meant (", counted(each.features, "polygon"),
                                           "): reference.path takes one file; join them if it holds reference polygons, too"));
  }

  std::string text() const {
    std::string toml = comment("Written by `millesime init`, after looking at " + fs::path(command_.root).string()) + "\n";
    for (const std::string& line : first_.found) toml += comment("Found: " + line) + "\n";
    for (const std::string& line : first_.assumed) toml += comment("Assumed: " + line) + "\n";
    toml += comment("Next: millesime run FILE --dry-run; `millesime config show FILE` prints every key with its default") + "\n\n";
    toml += to_commented_toml(options_, config_.sources);
    toml += "\n# What else a production may say:\n# [mosaic]\n# crs = \"EPSG:2154\"           # default: the UTM zone of most tiles\n";
    if (const auto zones = this->zones())
      toml += join_text("# [vectorise]\n# enabled = true\n", comment("zones = " + toml_text(relative(zones->path))), "\n",
                        comment("zones_field = " + toml_text(zones->field)), "\n");
    std::error_code error;
    std::vector<std::string> rasters;
    for (const auto& entry : fs::directory_iterator(folder_, error))
      if (const std::string ending = lower(entry.path().extension().string()); ending == ".tif" || ending == ".vrt" || ending == ".nc")
        rasters.push_back(entry.path().string());
    std::ranges::sort(rasters);
    for (const std::string& raster : rasters)
      toml += "# [[exogenous]]                 # a static input of the model\n" +
              comment("name = " + toml_text(fs::path(raster).stem().string())) + "\n" +
              comment("path = " + toml_text(relative(fs::absolute(raster).lexically_normal().string()))) + "\n";
    return toml;
  }

  const InitCommand& command_;
  fs::path here_, folder_;
  Config config_;
  Options options_;
  std::vector<FoundSource> sources_;
  std::vector<FoundPolygons> polygons_;
  std::string reference_, regions_;  // files of polygons
  FirstConfig first_;
};

}  // namespace

Options InitCommand::declare() {
  Options o;
  o.add("root", &root, "folder to look at: images, lists of STAC items, polygons; or one list").path().required();
  o.add("output", &output, "the configuration to write, TOML").path().required();
  o.add("year", &year, "the year to map; default: that of most products").range(0, 2100);
  return o;
}

FirstConfig first_config(const InitCommand& command) { return Look(command).run(); }

void write_first_config(const InitCommand& command, const FirstConfig& first) {
  if (fs::exists(command.output)) throw UserError(join_text(command.output, ": is there already; remove it or give another name"));
  if (!first.classes.empty()) write_text((fs::path(command.output).parent_path() / first.classes_file).string(), first.classes);
  write_text(command.output, first.toml);
}

}  // namespace millesime
