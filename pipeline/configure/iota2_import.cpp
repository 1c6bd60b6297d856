// Length: the actions of all keys are one list, which reads beside the table of iota2_keys.cpp.

#include "pipeline/configure/iota2_import.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "pipeline/configure/iota2_values.h"
#include "pipeline/configure/written_config.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/iota2_file.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/config.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using Entry = Iota2Entry;

// The sources of iota2 in the order in which the first gives the tiles.
struct Iota2Source {
  const char *key, *section, *sensor;
};
constexpr Iota2Source kSources[] = {{"s2path", "sentinel2", "sentinel2_theia"},
                                    {"s2s2cpath", "sentinel2s2c", "sentinel2_sen2cor"},
                                    {"s2l3apath", "sentinel2l3a", "sentinel2_l3a"},
                                    {"l8path", "landsat8", "landsat8_theia"},
                                    {"s1path", "sentinel1", "sentinel1_s1tiling"}};

class Importer {
 public:
  explicit Importer(const ImportCommand& command)
      : command_(command), root_(read_iota2_file(command.config)), places_{fs::path(command.config).parent_path(), imported_.notes} {}

  ImportedConfig run() {
    collect();
    find_sources();
    options_ = config_.declare();
    for (std::size_t i = 0; i < config_.sources.size(); ++i) {
      const std::string section = source_sections(config_.sources)[i];
      set(section + ".sensor", config_.sources[i].sensor, source_origins_[i]);
      set(section + ".root", config_.sources[i].root, source_origins_[i]);
      if (i > 0) set(section + ".name", config_.sources[i].name, source_origins_[i]);
    }
    set("reference.learn_ratio", "0.5", "iota2's default");
    for (std::size_t i = 0; i < entries_.size(); ++i) take(i);
    finish_classes();
    finish_time();
    finish_rules();
    finish_year();
    imported_.toml = text();
    return std::move(imported_);
  }

 private:
  struct Found {
    const Entry* entry;
    std::string section, name;  // plain names, "argtrain" and "sampleselection"
    const Iota2Key* key;
    std::string origin;  // "chain.s2_path, line 12"
  };

  // Every key of the file with its row; an unknown one is an error.
  void collect() {
    for (const Entry& section : root_.entries) {
      if (!section.is_mapping())
        throw UserError(join_text(section.where, ": expected a section, \"", shown_text(section.key), " : { ... }\""));
      for (const Entry& entry : section.entries) {
        const Iota2Key& key = find_iota2_key(section.key, entry.key, entry.where);
        const std::string name = section.key + "." + entry.key;
        imported_.rows.push_back({name, entry.line, key.fate, std::string(key.what)});
        entries_.push_back({&entry, iota2_name(section.key), iota2_name(entry.key), &key, join_text(name, ", line ", entry.line)});
        if (key.fate == Fate::taken && is_none(entry)) imported_.rows.back().what = "not set";
      }
    }
  }

  const Found* find(const std::string& name, const std::string& section = "") const {
    const auto found = std::ranges::find_if(entries_, [&](const Found& each) {
      return each.name == name && (section.empty() || each.section == section) && !is_none(*each.entry);
    });
    return found == entries_.end() ? nullptr : &*found;
  }
  bool is_true(const std::string& name) const { return find(name) && flag_of(*find(name)->entry); }

  Iota2Row& row_of(const Found& found) { return imported_.rows[static_cast<std::size_t>(&found - entries_.data())]; }
  void refuse(const Found& found, const std::string& what) {
    row_of(found).fate = Fate::absent;
    row_of(found).what = what;
  }
  void note(std::string text) { imported_.notes.push_back(std::move(text)); }

  void set(const std::string& key, const std::string& value, const std::string& origin) {
    try {
      options_.at(key, origin).set(value, origin);
    } catch (const UserError& error) {
      throw with_context(command_.config, error);
    }
  }
  void set_list(const std::string& key, const std::vector<std::string>& values, const std::string& origin) {
    options_.at(key, origin).set_list(values, origin);
  }

  std::string path_of(const Entry& entry) { return places_.path_of(entry); }

  void find_sources() {
    config_.sources.clear();
    for (const Iota2Source& known : kSources)
      if (const Found* found = find(known.key)) {
        std::string root = path_of(*found->entry);
        if (std::string_view(known.key) == "s1path") root = radar_folder(*found, root);
        if (root.empty()) continue;
        config_.sources.push_back({.name = SensorFile::load(known.sensor).source, .sensor = known.sensor, .root = root});
        source_origins_.push_back(found->origin);
        sections_.emplace_back(known.section);
      }
    if (config_.sources.empty())
      throw UserError(join_text(command_.config,
                                ": names no images that can be read; expected s2_path, s2_s2c_path, s2_l3a_path, l8_path "
                                "or s1_path in the section chain"));
  }

  // Output in the file of S1Tiling, lines "key = value" in [Paths].
  std::string radar_folder(const Found& found, const std::string& file) {
    if (fs::is_directory(file)) return file;
    if (fs::is_regular_file(file))
      for (const std::string& line : split_text(read_text(file), '\n'))
        if (const auto sign = line.find_first_of("=:"); sign != std::string::npos && lower(trim(line.substr(0, sign))) == "output")
          return std::string(trim(line.substr(sign + 1)));
    refuse(found, "the radar images are where `output` in [Paths] of " + file + " says; add [[source]] sensor = \"sentinel1_s1tiling\"");
    return "";
  }

  void take(std::size_t i) {
    const Found& found = entries_[i];
    if (found.key->fate != Fate::taken || is_none(*found.entry)) return;
    if (std::ranges::any_of(kSources, [&](const Iota2Source& known) { return found.name == known.key; })) return;
    using Action = std::function<void(Importer&, const Found&)>;
    const auto text = [](const char* key) -> Action {
      return [key](Importer& me, const Found& f) { me.set(key, text_of(*f.entry), f.origin); };
    };
    const auto whole = [](const char* key) -> Action {
      return [key](Importer& me, const Found& f) { me.set(key, number_text(number_of(*f.entry)), f.origin); };
    };
    const auto path = [](const char* key) -> Action {
      return [key](Importer& me, const Found& f) { me.set(key, me.path_of(*f.entry), f.origin); };
    };
    const auto when = [](const char* key, const char* value) -> Action {
      return [key, value](Importer& me, const Found& f) {
        if (flag_of(*f.entry)) me.set(key, value, f.origin);
      };
    };
    const Action later = [](Importer&, const Found&) {};  // read with others in finish_...
    static const std::map<std::string, Action> actions = {
        {"outputpath", [](Importer& me, const Found& f) { me.set("output", me.places_.absolute(text_of(*f.entry)), f.origin); }},
        {"nomenclaturepath", later},
        {"colortable", later},
        {"listtile", [](Importer& me, const Found& f) { me.set_list("tiles.names", words_of(*f.entry), f.origin); }},
        {"groundtruth", path("reference.path")},
        {"datafield", text("reference.class_field")},
        {"regionpath", path("regions.path")},
        {"regionfield", text("regions.field")},
        {"proj", [](Importer& me, const Found& f) { me.take_projection(f); }},
        {"spatialresolution",
         [](Importer& me, const Found& f) {
           const std::vector<std::string> sizes = words_of(*f.entry);
           if (!sizes.empty()) me.set("mosaic.resolution", sizes.front(), f.origin);
         }},
        {"runs", whole("reference.seeds")},
        {"randomseed", whole("reference.random_seed")},
        {"ratio", whole("reference.learn_ratio")},
        {"splitgroundtruth", later},
        {"sampleselection", [](Importer& me, const Found& f) { me.take_all(f, sample_selection(*f.entry, me.places_)); }},
        {"sampleaugmentation", [](Importer& me, const Found& f) { me.take_all(f, sample_augmentation(*f.entry, me.places_)); }},
        {"classifier", [](Importer& me, const Found& f) { me.take_classifier(f); }},
        {"options", [](Importer& me, const Found& f) { me.take_all(f, forest_options(*f.entry, me.places_)); }},
        {"otbclassifieroptions", [](Importer& me, const Found& f) { me.take_all(f, forest_options(*f.entry, me.places_)); }},
        {"features", later},
        {"featuresfromrawdates", when("model.input", "raw")},
        {"enableboundaryfusion", later},
        {"boundaryexteriorbuffersize", later},
        {"boundaryinteriorbuffersize", later},
        {"enableprobabilitymap", when("classify.probabilities", "true")},
        {"generatefinalprobabilitymap", when("classify.probabilities", "true")},
        {"mergefinalclassificationsmethod",
         [](Importer& me, const Found& f) {
           const std::string method = lower(text_of(*f.entry));
           if (method != "majorityvoting" && method != "dempstershafer")
             throw UserError(join_text(f.entry->where, ": expected majorityvoting or dempstershafer, got \"", shown_text(method), "\""));
           me.set("fuse.method", method == "dempstershafer" ? "dempster-shafer" : "majority", f.origin);
         }},
        {"mergefinalclassificationsratio", later},
        {"startdate", later},
        {"enddate", later},
        {"temporalresolution", later},
        {"keepbands", later},
        {"autodate", later},
        {"extractbands", later},
        {"umc1", whole("regularise.min_pixels")},
        {"umc2", whole("regularise.min_pixels_resampled")},
        {"rssize", whole("regularise.resolution")},
        {"mmu", [](Importer& me, const Found& f) { me.set("regularise.min_area", number_text(number_of(*f.entry)) + " m2", f.origin); }},
        {"nomenclature", later},
        {"douglas", whole("vectorise.tolerance")},
        {"hermite",
         [](Importer& me, const Found& f) {
           if (lower(text_of(*f.entry)) != "false" && text_of(*f.entry) != "0") me.set("vectorise.smoothing", "hermite", f.origin);
         }},
        {"angle", [](Importer& me, const Found& f) { me.set("vectorise.outline", flag_of(*f.entry) ? "diagonals" : "pixels", f.origin); }},
        {"clipfile",
         [](Importer& me, const Found& f) {
           if (me.find("clipfield"))
             me.set("vectorise.zones", me.path_of(*f.entry), f.origin);
           else
             me.refuse(f, "zones need a field that names them: vectorise.zones and vectorise.zones_field");
         }},
        {"clipfield", text("vectorise.zones_field")},
        {"outprefix", text("vectorise.prefix")},
        {"dozip",
         [](Importer& me, const Found& f) {
           if (flag_of(*f.entry)) me.set_list("vectorise.formats", {"zip"}, f.origin);
         }},
        {"buildersclassname", [](Importer& me, const Found& f) { me.take_builders(f); }},
        {"modeltype", [](Importer& me, const Found& f) { me.take_classifier(f); }},
        {"nestimators", whole("train.trees")},
        {"maxdepth", whole("train.depth")},
        {"minsamplessplit",  // the smallest node that is split; min_leaf is the largest that is not
         [](Importer& me, const Found& f) { me.set("train.min_leaf", number_text(number_of(*f.entry) - 1), f.origin); }},
    };
    const auto action = actions.find(found.name);
    MILLESIME_CHECK(action != actions.end(), "iota2 key ", found.name, " is said to be taken over, and nothing does it");
    action->second(*this, found);
  }

  void take_all(const Found& found, const std::vector<Iota2Setting>& settings) {
    for (const Iota2Setting& setting : settings)
      if (setting.list)
        set_list(setting.key, setting.values, found.origin);
      else
        set(setting.key, setting.values.front(), found.origin);
  }

  void take_projection(const Found& found) {
    std::string crs = text_of(*found.entry);
    if (std::ranges::all_of(crs, [](unsigned char c) { return c >= '0' && c <= '9'; })) crs = "EPSG:" + crs;
    set("mosaic.crs", crs, found.origin);
  }

  // --- the model

  void take_classifier(const Found& found) {
    const std::string name = lower(text_of(*found.entry));
    if (name == "rf" || name == "sharkrf" || name == "randomforestclassifier")
      set("model.name", "random_forest", found.origin);
    else
      refuse(found, "there is no " + text_of(*found.entry) + "; `millesime model list` shows the models, the default `auto` chooses one");
  }

  void take_builders(const Found& found) {
    for (const std::string& name : words_of(*found.entry)) {
      const std::string plain = iota2_name(name);
      if (plain == "i2vectorization") {
        set("regularise.enabled", "true", found.origin);
        set("vectorise.enabled", "true", found.origin);
      } else if (plain != "i2classification") {
        refuse(found, name + " is not there: this program makes land-cover maps of classes");
      }
    }
  }

  // --- what several keys say together

  // Names of nomenclature_path with colours of color_table; or iota2's nomenclature of levels, which has both and the groups.
  void finish_classes() {
    const Found *names = find("nomenclaturepath"), *colors = find("colortable"), *levels = find("nomenclature", "simplification");
    const Found* first = levels && fs::exists(text_of(*levels->entry)) ? levels : names;
    if (!first) throw UserError(join_text(command_.config, ": names no classes; expected chain.nomenclature_path"));
    const std::string file = path_of(*first->entry);
    const bool joined = first == names && colors && fs::is_regular_file(file) && fs::is_regular_file(path_of(*colors->entry));
    if (!joined) {
      set("nomenclature", file, first->origin);
      return;
    }
    Nomenclature classes = Nomenclature::load(file);
    const Nomenclature table = Nomenclature::load(path_of(*colors->entry));
    for (LandClass& each : classes.classes)
      if (const auto index = table.index_of_code(each.code)) each.color = table.at(*index).color;
    imported_.nomenclature = classes.to_json() + "\n";
    imported_.nomenclature_file = fs::path(command_.output).stem().string() + "_nomenclature.json";
    set("nomenclature", imported_.nomenclature_file, first->origin + ", with the colours of " + colors->origin);
  }

  void finish_time() {
    const bool dates = find("autodate") && !flag_of(*find("autodate")->entry), bands = is_true("extractbands");
    const std::vector<std::string> sections = source_sections(config_.sources);
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const Found* kept = find("keepbands", sections_[i]);
      if (kept && bands) set_list(sections[i] + ".bands", words_of(*kept->entry), kept->origin);
      if (kept && !bands) row_of(*kept) = {row_of(*kept).key, row_of(*kept).line, Fate::not_needed, "extract_bands is not True"};
    }
    const std::string& main = sections_.front();
    const Found *first = find("startdate", main), *last = find("enddate", main), *step = find("temporalresolution", main);
    if (step)
      set("time.step_days", number_text(number_of(*step->entry)), step->origin);
    else if (main == "landsat8")
      set("time.step_days", "16", "iota2's default for Landsat 8");
    for (const Found* date : {first, last})
      if (date && !dates) row_of(*date) = {row_of(*date).key, row_of(*date).line, Fate::not_needed, "auto_date is not False"};
    if (!dates || !first || !last) return;
    set("time.start", Date::parse(text_of(*first->entry)).iso(), first->origin);
    set("time.end", Date::parse(text_of(*last->entry)).iso(), last->origin);
  }

  void finish_rules() {
    if (const Found* split = find("splitgroundtruth"); split && !flag_of(*split->entry)) set("reference.learn_ratio", "1", split->origin);
    if (const Found* ratio = find("mergefinalclassificationsratio"); ratio && is_true("mergefinalclassifications"))
      set("reference.final_ratio", number_text(number_of(*ratio->entry)), ratio->origin);
    if (const Found* features = find("features"))
      set_list("model.indices", words_of(*features->entry), features->origin);
    else if (config_.model.name == "random_forest")
      set_list("model.indices", {"NDVI", "NDWI", "Brightness"}, "iota2's default");
    if (config_.model.name == "random_forest" && config_.model.input == "auto") set("model.input", "regular", "iota2 fills gaps");
    if (is_true("enableboundaryfusion")) {
      double width = 0;
      for (const char* name : {"boundaryexteriorbuffersize", "boundaryinteriorbuffersize"})
        if (const Found* size = find(name)) width = std::max(width, number_of(*size->entry));
      if (width > 0) set("regions.blend_m", number_text(width), find("enableboundaryfusion")->origin);
    }
    const bool polygons = std::ranges::any_of(entries_, [](const Found& found) { return found.section == "simplification"; });
    if (polygons && options_.find("vectorise.enabled")->origin() == "default") {
      set("regularise.enabled", "true", "the section simplification");
      set("vectorise.enabled", "true", "the section simplification");
    }
  }

  void finish_year() {
    const bool given = !config_.time.start.empty();
    const Date first = given ? Date::parse(config_.time.start) : Date{}, last = given ? Date::parse(config_.time.end) : Date{};
    if (command_.year != 0) {
      set("year", std::to_string(command_.year), "--year");
    } else if (given) {
      set("year", std::to_string((first + (last - first) / 2).year()), "the dates of the time series");
    } else {
      const SourceOptions& source = config_.sources.front();
      std::vector<std::pair<int, int>> years;
      if (fs::is_directory(source.root)) {
        const std::vector<std::string> tiles =
            config_.tiles.names.empty() ? make_sensor(source.sensor)->tiles(source.root) : config_.tiles.names;
        years = years_of_source(source, tiles);
      }
      if (years.empty())
        throw UserError(join_text(command_.config, ": says no year, and ", source.root, " has no images that would tell it; give --year"));
      const auto most = std::ranges::max_element(years, {}, [](const auto& year) { return year.second; });
      set("year", std::to_string(most->first), join_text("most of the images in ", source.root));
      if (years.size() > 1)
        note(join_text("the images are of ", years.size(), " years; ", most->first, " has most of them; --year chooses another"));
    }
    if (given && (first.year() != config_.year || last.year() != config_.year)) {
      set("period.start", first.iso(), "the dates of the time series");
      set("period.end", last.iso(), "the dates of the time series");
    }
  }

  std::string text() const {
    std::string toml = comment("Made by `millesime import` from " + fs::path(command_.config).filename().string()) + "\n";
    for (const std::string& each : imported_.notes) toml += comment("Note: " + each) + "\n";
    toml += "\n" + to_commented_toml(options_, config_.sources);
    for (const Fate fate : {Fate::absent, Fate::not_needed}) {
      std::string list;
      for (const Iota2Row& row : imported_.rows)
        if (row.fate == fate) list += comment(join_text("  ", row.key, ", line ", row.line, ": ", row.what)) + "\n";
      if (!list.empty())
        toml += "\n# " + std::string(fate == Fate::absent ? "Not there, and what to do:" : "Not needed, and why:") + "\n" + list;
    }
    return toml;
  }

  const ImportCommand& command_;
  Entry root_;
  Config config_;
  Options options_;
  std::vector<Found> entries_;
  std::vector<std::string> source_origins_, sections_;  // of each source; its section in iota2
  ImportedConfig imported_;
  Iota2Places places_;
};

}  // namespace

Options ImportCommand::declare() {
  Options o;
  o.add("config", &config, "configuration of iota2").path().required();
  o.add("output", &output, "the configuration to write, TOML").path().required();
  o.add("year", &year, "the year that is mapped; default: that of its dates, or of most images").range(0, 2100);
  return o;
}

ImportedConfig import_iota2(const ImportCommand& command) { return Importer(command).run(); }

void write_import(const ImportCommand& command, const ImportedConfig& imported) {
  if (!imported.nomenclature.empty())
    write_text((fs::path(command.output).parent_path() / imported.nomenclature_file).string(), imported.nomenclature);
  write_text(command.output, imported.toml);
}

std::string to_text(const ImportedConfig& imported) {
  std::string text;
  for (const Iota2Row& row : imported.rows) {
    const std::string key = join_text(row.line, ": ", row.key);
    text += key + std::string(key.size() < 48 ? 48 - key.size() : 1, ' ') + join_text(to_text(row.fate), ": ", row.what, "\n");
  }
  for (const std::string& each : imported.notes) text += "note: " + each + "\n";
  return text;
}

}  // namespace millesime
