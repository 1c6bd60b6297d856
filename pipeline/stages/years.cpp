#include "pipeline/stages/years.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/results.h"
#include "pipeline/core/stratified_sample.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/stages/common_classes.h"
#include "pipeline/stages/map_years.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCodes = 256;  // of a map, with 0; as many as a model can have classes
constexpr std::int64_t kYearsPixels = 1 << 22;

// Numbers the codes of a map in the order in which they are seen; 0 is 0.
class CodesSeen {
 public:
  explicit CodesSeen(std::string file) : file_(std::move(file)), index_(1 << 16, -1) { index_[0] = 0; }

  std::size_t index(std::uint16_t code) {
    std::int32_t& index = index_[code];
    if (index < 0) {
      if (codes_.size() == kMostCodes)
        throw UserError(join_text(file_, ": has more than ", kMostCodes - 1, " different values; expected a map of class codes"));
      index = static_cast<std::int32_t>(codes_.size());
      codes_.push_back(code);
    }
    return static_cast<std::size_t>(index);
  }
  const std::vector<int>& codes() const { return codes_; }

 private:
  std::string file_;
  std::vector<std::int32_t> index_;
  std::vector<int> codes_{0};
};

// Sums in cm² (or pixels), which are whole numbers and do not depend on the windows.
struct Sums {
  std::vector<CodesSeen> codes;                               // of each map
  std::vector<std::array<std::int64_t, kMostCodes>> of_code;  // [map][code]
  std::vector<std::vector<std::int64_t>> pairs;               // [step][code of one year, code of the next]
  std::int64_t& pair(std::size_t step, std::size_t from, std::size_t to) { return pairs[step][from * kMostCodes + to]; }
};

Sums count(const std::vector<std::string>& files, std::vector<MapInput>& maps, const std::optional<PixelAreas>& areas,
           const Context& context) {
  Sums sums;
  for (const std::string& file : files) sums.codes.emplace_back(file);
  sums.of_code.resize(maps.size());
  sums.pairs.assign(maps.size() - 1, std::vector<std::int64_t>(std::size_t{kMostCodes} * kMostCodes));
  const Grid& grid = maps.front().grid();
  const RasterInfo& info = maps.front().reader().info();
  context.progress->start("years", grid.pixels(), "px");
  std::vector<std::vector<std::uint16_t>> values(maps.size());
  std::vector<std::size_t> index(maps.size());
  std::vector<std::int64_t> cm2(static_cast<std::size_t>(grid.cols), 1);
  const std::int64_t most = std::clamp<std::int64_t>(context.memory_bytes / static_cast<std::int64_t>(8 * maps.size()), 1, kYearsPixels);
  for (const Window& window : split(grid.whole(), info.block_width, info.block_height, most)) {
    for (std::size_t m = 0; m < maps.size(); ++m) {
      values[m].resize(static_cast<std::size_t>(window.pixels()));
      maps[m].read(window, values[m].data());
    }
    const auto width = static_cast<std::size_t>(window.width);
    for (std::size_t i = 0; i < values.front().size(); ++i) {
      if (areas && i % width == 0) areas->row_cm2(window.col, window.row + static_cast<int>(i / width), window.width, cm2);
      const std::int64_t area = cm2[i % width];
      bool in_all = true;
      for (std::size_t m = 0; m < maps.size(); ++m) {
        index[m] = sums.codes[m].index(values[m][i]);
        sums.of_code[m][index[m]] += area;
        in_all = in_all && index[m] != 0;
      }
      for (std::size_t step = 0; in_all && step + 1 < maps.size(); ++step) sums.pair(step, index[step], index[step + 1]) += area;
    }
    context.progress->advance(window.pixels());
  }
  context.progress->finish();
  return sums;
}

ConfusionMatrix converted(const ConfusionMatrix& matrix, const CommonClasses& classes, const std::vector<CodesOfMap>& maps,
                          std::size_t map) {
  ConfusionMatrix result;
  for (int row = 0; row < matrix.size(); ++row)
    for (int col = 0; col < matrix.size(); ++col)
      if (matrix.at(row, col) > 0)
        result.add(classes.class_of(maps, map, matrix.codes()[static_cast<std::size_t>(row)]),
                   classes.class_of(maps, map, matrix.codes()[static_cast<std::size_t>(col)]), matrix.at(row, col));
  return result;
}

// The file with the accuracy of map `i`; "" for none.
std::string accuracy_file(const YearsCommand& command, std::size_t i) {
  if (!command.accuracy.empty()) return command.accuracy[i] == "-" ? std::string() : command.accuracy[i];
  const auto folder = [](const std::string& map) { return fs::path(map).parent_path(); };
  // Of several maps in one folder it is unknown which one the file is about.
  if (std::ranges::count(command.maps, folder(command.maps[i]), folder) > 1) return "";
  const fs::path beside = folder(command.maps[i]) / "accuracy.json";
  return fs::exists(beside) ? beside.string() : std::string();
}

// Areas on the ground of the classes of the page: those of the file if its classes are these, else from its matrix.
void estimate_areas(const std::string& file, const CommonClasses& classes, const std::vector<CodesOfMap>& maps, std::size_t map,
                    YearOfMaps& year) {
  const auto place = [&](int code) -> Estimate* {
    const auto index = classes.nomenclature.index_of_code(code);
    return index ? &year.estimated[static_cast<std::size_t>(*index)] : nullptr;
  };
  const nlohmann::json json = nlohmann::json::parse(read_text(file), nullptr, false);
  if (json.is_object() && json.contains("areas") && classes.own[map] == classes.nomenclature.name) {
    for (const auto& of_class : json["areas"]["classes"])
      if (Estimate* e = place(of_class.at("code").get<int>()); e && of_class.at("area").at("value").is_number())
        *e = estimate_from_json(of_class["area"]);
    return;
  }
  const AccuracyReport report = read_accuracy(file);
  if (!report.sampling.empty()) return;  // points are counted without the weights of their design: no areas follow from the matrix
  const ConfusionMatrix* matrix = judging_matrix(report);
  if (!matrix) return;
  std::map<int, double> mapped;
  for (std::size_t c = 0; c < classes.nomenclature.classes.size(); ++c)
    if (year.mapped[c] > 0) mapped[classes.nomenclature.classes[c].code] = year.mapped[c];
  for (const AreaEstimate& of_class : adjust_areas(converted(*matrix, classes, maps, map), mapped).classes)
    if (Estimate* e = place(of_class.code)) *e = of_class.area;
}

// Position of each class in the groups of the page: its level-1 group, or itself.
std::vector<std::size_t> groups_of(YearsData& data) {
  std::vector<std::size_t> position;
  for (const LandClass& land : data.nomenclature.classes) {
    const auto group = std::ranges::find(data.nomenclature.groups, land.parent, &LandClass::code);
    const LandClass& node = land.parent != 0 && group != data.nomenclature.groups.end() ? *group : land;
    const auto known = std::ranges::find(data.groups, node.name, &LandClass::name);
    position.push_back(static_cast<std::size_t>(known - data.groups.begin()));
    if (known == data.groups.end()) data.groups.push_back(node);
  }
  return position;
}

}  // namespace

Options YearsCommand::declare() {
  Options o;
  o.add("maps", &maps, "class maps of two or more years on one grid, in order; 0 is no class").path().required();
  o.add("years", &years, "the year of each map; default: the one in its name");
  o.add("accuracy", &accuracy,
        "accuracy.json of each map, for areas with intervals, - where there is none; default: the one beside each map that is in a folder "
        "of its own")
      .path();
  o.add("nomenclature", &nomenclature,
        "the classes: a name in configs/nomenclatures, or a file; maps of other classes are compared in those that all convert to")
      .names("nomenclature");
  o.add("nomenclatures", &nomenclatures, "classes of each map; default: found by its codes");
  o.add("title", &title, "title of the page; default: Land cover, in its language");
  o.add("language", &language, "language of the page and of the names of classes").choices({"en", "fr"});
  o.add("output", &output, "page to write (.html)").path().required();
  return o;
}

YearsData years_data(const YearsCommand& command, const Context& context) {
  if (command.maps.size() < 2)
    throw UserError(join_text("report: expected the maps of two or more years, got ", command.maps.size(),
                              "; the page of one map is made by `millesime publish`"));
  for (const auto& [name, list] : {std::pair{"accuracy", &command.accuracy}, {"nomenclatures", &command.nomenclatures}})
    if (!list->empty() && list->size() != command.maps.size())
      throw UserError(join_text("report --", name, ": expected ", command.maps.size(), ", one a map, got ", list->size()));
  const std::vector<int> years = years_of_maps("report", command.maps, command.years);
  std::vector<MapInput> inputs;
  for (const std::string& map : command.maps) {
    inputs.push_back(open_map(map, MapKind::classes, context));
    require_same(inputs.front().grid(), inputs.back().grid(), command.maps.front() + " and " + map);
  }
  const std::optional<PixelAreas> areas = pixel_areas(inputs.front().grid());
  Sums sums = count(command.maps, inputs, areas, context);
  std::vector<CodesOfMap> maps;
  for (std::size_t m = 0; m < inputs.size(); ++m) {
    const std::vector<int>& codes = sums.codes[m].codes();
    maps.push_back({command.maps[m], {codes.begin() + 1, codes.end()}, command.nomenclatures.empty() ? "" : command.nomenclatures[m]});
  }
  const CommonClasses classes = common_classes(maps, Nomenclature::load(command.nomenclature));

  YearsData data;
  data.language = language_of(command.language);
  data.title = command.title.empty() ? say(data.language, "Land cover", "Occupation des sols") : command.title;
  data.nomenclature = named_in(classes.nomenclature, data.language);
  data.in_hectares = areas.has_value();
  data.version = version();
  const auto amount = [&](std::int64_t sum) { return areas ? hectares_of_cm2(sum) : static_cast<double>(sum); };
  const std::size_t n_classes = data.nomenclature.classes.size();
  const auto class_index = [&](std::size_t map, std::size_t seen) {
    const int code = classes.class_of(maps, map, sums.codes[map].codes()[seen]);
    return static_cast<std::size_t>(*classes.nomenclature.index_of_code(code));
  };
  for (std::size_t m = 0; m < maps.size(); ++m) {
    YearOfMaps year{years[m], fs::path(command.maps[m]).filename().string(), classes.own[m], std::vector<double>(n_classes),
                    std::vector<Estimate>(n_classes, Estimate{NAN, NAN})};
    for (std::size_t seen = 1; seen < sums.codes[m].codes().size(); ++seen)
      year.mapped[class_index(m, seen)] += amount(sums.of_code[m][seen]);
    if (const std::string file = accuracy_file(command, m); !file.empty() && areas) estimate_areas(file, classes, maps, m, year);
    data.years.push_back(std::move(year));
  }
  const std::vector<std::size_t> group = groups_of(data);
  data.flow.assign(maps.size() - 1, {data.groups.size(), std::vector<double>(data.groups.size(), 0)});
  for (std::size_t step = 0; step + 1 < maps.size(); ++step)
    for (std::size_t from = 1; from < sums.codes[step].codes().size(); ++from)
      for (std::size_t to = 1; to < sums.codes[step + 1].codes().size(); ++to)
        if (const std::int64_t sum = sums.pair(step, from, to); sum > 0)
          data.flow[step][group[class_index(step, from)]][group[class_index(step + 1, to)]] += amount(sum);
  for (const auto& row : data.flow.front())
    for (const double part : row) data.mapped_in_all += part;
  if (data.mapped_in_all <= 0)
    throw UserError(join_text("report: no pixel has a class in every year of ", join_list(command.maps, ", "),
                              "; expected maps of one country, 0 = no class"));
  return data;
}

void write_years(const YearsCommand& command, const YearsData& data) { write_text(command.output, years_html(data)); }

std::string to_text(const YearsData& data) {
  std::string text =
      join_text(fixed(data.mapped_in_all, data.in_hectares ? 1 : 0), data.in_hectares ? " ha" : " px", " mapped in every year\n");
  for (std::size_t step = 0; step < data.flow.size(); ++step)
    text += join_text(data.years[step].year, " to ", data.years[step + 1].year, ": ", fixed(100 * data.moved(step) / data.mapped_in_all, 1),
                      " % in another group of classes\n");
  return text;
}

}  // namespace millesime
