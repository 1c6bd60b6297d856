#include "pipeline/core/results.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Centred like Python's str.center, which iota2 uses: the extra blank is on the left in an odd width and on the right in an even one.
std::string centred(const std::string& text, std::size_t width) {
  const std::size_t length = characters(text);
  if (length >= width) return text;
  const std::size_t blanks = width - length;
  const std::size_t left = blanks / 2 + (blanks & width & 1);
  return std::string(left, ' ') + text + std::string(blanks - left, ' ');
}

std::string name_of(int code, const Nomenclature& nomenclature) {
  const auto index = nomenclature.index_of_code(code);
  if (!index) throw UserError(join_text("class code ", code, " is not in the nomenclature ", nomenclature.name));
  return nomenclature.at(*index).name;
}

// iota2's interval: see results.h.
std::string mean_text(const std::vector<double>& values, std::size_t n_classes) {
  const MeanInterval interval = mean_interval(values);
  if (values.size() < 2) return fixed(interval.mean, 3);
  double half_width = std::nan("");
  if (interval.standard_error > 0 && n_classes > 1)
    half_width = student_t_quantile(0.975, static_cast<double>(n_classes) - 1) * interval.standard_error;
  return fixed(interval.mean, 3) + " +- " + fixed(half_width, 3);
}

struct ClassRow {
  std::string name, precision, recall, f_score, confusions;
};

// The three labels under which the reference pixels of a class are found most often (as printed: two decimals, then by name).
std::string strongest_confusions(const std::vector<std::string>& names, const std::vector<std::string>& means) {
  std::vector<std::pair<double, std::string>> order;
  for (std::size_t i = 0; i < names.size(); ++i) order.emplace_back(std::stod(means[i]), names[i]);
  std::ranges::sort(order, std::greater{});
  if (order.empty() || order.front().first <= 0) return "";  // no reference sample of the class
  std::vector<std::string> first;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()); ++i) first.push_back(order[i].second);
  return join_list(first, ", ");
}

const ClassAccuracy* find_class(const Accuracy& accuracy, int code) {
  const auto found = std::ranges::find(accuracy.classes, code, &ClassAccuracy::code);
  return found == accuracy.classes.end() ? nullptr : &*found;
}

std::vector<double> over_runs(const std::vector<Accuracy>& runs, const std::function<double(const Accuracy&)>& value) {
  std::vector<double> values;
  for (const Accuracy& run : runs) values.push_back(value(run));
  return values;
}

std::vector<double> class_over_runs(const std::vector<Accuracy>& runs, int code, double ClassAccuracy::*measure_of) {
  return over_runs(runs, [&](const Accuracy& run) {
    const ClassAccuracy* c = find_class(run, code);
    return c ? c->*measure_of : std::nan("");
  });
}

}  // namespace

std::string results_text(const std::vector<ConfusionMatrix>& runs, const Nomenclature& nomenclature) {
  MILLESIME_CHECK(!runs.empty(), "no confusion matrix");
  ConfusionMatrix sum;
  std::vector<Accuracy> accuracies;
  for (const ConfusionMatrix& run : runs) sum.merge(run), accuracies.push_back(measure(run));
  const auto n_classes = static_cast<std::size_t>(sum.size());

  std::vector<std::string> names;
  for (const int code : sum.codes()) names.push_back(name_of(code, nomenclature));
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, characters(name));

  std::string text = "#row = reference\n#col = production\n\n*********** Matrice de confusion ***********\n\n";
  text += std::string(width, ' ');
  for (const std::string& name : names) text += "|" + centred(name, width);
  text += "\n";

  std::vector<ClassRow> rows;
  for (std::size_t i = 0; i < n_classes; ++i) {
    std::vector<std::string> means;
    for (std::size_t j = 0; j < n_classes; ++j)
      means.push_back(fixed(static_cast<double>(sum.at(static_cast<int>(i), static_cast<int>(j))) / static_cast<double>(runs.size()), 2));
    text += centred(names[i], width) + "|";
    for (const std::string& mean : means) text += centred(mean, width) + "|";
    text += centred(names[i], width) + "\n";

    const auto mean_of = [&](double ClassAccuracy::*m) { return mean_text(class_over_runs(accuracies, sum.codes()[i], m), n_classes); };
    rows.push_back({names[i], mean_of(&ClassAccuracy::precision), mean_of(&ClassAccuracy::recall), mean_of(&ClassAccuracy::f_score),
                    strongest_confusions(names, means)});
  }

  text += "\nKAPPA : " + mean_text(over_runs(accuracies, [](const Accuracy& a) { return a.kappa; }), n_classes) + "\n";
  text += "OA : " + mean_text(over_runs(accuracies, [](const Accuracy& a) { return a.overall; }), n_classes) + "\n\n";

  const std::vector<std::string> titles = {"Classes", "Precision mean", "Rappel mean", "F-score mean", "Confusion max"};
  for (const std::string& title : titles) width = std::max(width, title.size());
  for (const ClassRow& row : rows) width = std::max({width, row.precision.size(), row.recall.size(), row.f_score.size()});
  std::vector<std::string> head;
  for (const std::string& title : titles) head.push_back(centred(title, width));
  const std::string head_line = join_list(head, " | ") + "\n";
  text += head_line + std::string(head_line.size(), '-') + "\n";
  for (const ClassRow& row : rows)
    text += join_list({centred(row.name, width), centred(row.precision, width), centred(row.recall, width), centred(row.f_score, width),
                       row.confusions},
                      " | ") +
            "\n";
  return text;
}

namespace {

using Json = nlohmann::ordered_json;  // writes NaN as null

// Parts of the final map's accuracy, with their names in the file.
template <class Report>
auto parts_of(Report& report) {
  return std::array{std::pair{"in_learned_blocks", &report.near_learners}, std::pair{"in_other_blocks", &report.far_from_learners}};
}

Json map_json(const MapAccuracy& map) {
  const Accuracy accuracy = measure(map.confusion);
  Json classes = Json::array(), counts = Json::array(), calibration;
  for (const ClassAccuracy& c : accuracy.classes)
    classes.push_back({{"code", c.code},
                       {"reference", c.reference},
                       {"produced", c.produced},
                       {"agreed", c.agreed},
                       {"precision", c.precision},
                       {"recall", c.recall},
                       {"f_score", c.f_score}});
  for (int row = 0; row < map.confusion.size(); ++row) {
    Json line = Json::array();
    for (int col = 0; col < map.confusion.size(); ++col) line.push_back(map.confusion.at(row, col));
    counts.push_back(line);
  }
  if (map.calibration) {
    Json bins = Json::array();
    for (const Calibration::Bin& bin : map.calibration->bins()) {
      bins.push_back({{"pixels", bin.n}, {"correct", bin.correct}, {"confidence", bin.confidence()}, {"accuracy", bin.accuracy()}});
      if (!map.calibration->weighted()) continue;
      bins.back()["share"] = map.calibration->share(bin);
      bins.back()["effective_points"] = map.calibration->effective_points(bin);
    }
    calibration = {
        {"expected_error", map.calibration->expected_error()}, {"maximum_error", map.calibration->maximum_error()}, {"bins", bins}};
    if (map.calibration->weighted()) calibration["error_by_chance"] = map.calibration->error_by_chance();
  }
  Json json = {{"name", map.name},
               {"pixels", accuracy.total},
               {"polygons", map.polygons ? Json(*map.polygons) : Json()},
               {"not_judged", map.not_judged},
               {"unmapped", map.unmapped},
               {"of_two_classes", map.of_two_classes},
               {"overall_accuracy", accuracy.overall},
               {"kappa", accuracy.kappa},
               {"macro_f_score", accuracy.macro_f},
               {"classes", classes},
               {"confusion", {{"codes", map.confusion.codes()}, {"counts", counts}}},
               {"calibration", calibration}};
  if (map.blocks) json["blocks"] = *map.blocks;
  return json;
}

Json interval_json(const std::vector<double>& values) {
  const MeanInterval interval = mean_interval(values);
  return {{"mean", interval.mean}, {"half_width", interval.half_width}, {"runs", interval.n}};
}

MapAccuracy map_from_json(const Json& json) {
  MapAccuracy map;
  map.name = json.at("name");
  map.unmapped = whole_number<std::int64_t>(json.at("unmapped"));
  if (json.contains("of_two_classes")) map.of_two_classes = whole_number<std::int64_t>(json.at("of_two_classes"));
  if (json.contains("polygons") && !json.at("polygons").is_null()) map.polygons = whole_number<std::int64_t>(json.at("polygons"));
  if (json.contains("blocks")) map.blocks = whole_number<std::int64_t>(json.at("blocks"));
  if (json.contains("not_judged"))
    for (const Json& code : json.at("not_judged")) map.not_judged.push_back(whole_number<int>(code));
  std::vector<int> codes;
  for (const Json& code : json.at("confusion").at("codes")) codes.push_back(whole_number<int>(code));
  const Json& counts = json.at("confusion").at("counts");
  map.confusion = ConfusionMatrix(codes);
  for (std::size_t row = 0; row < codes.size(); ++row)
    for (std::size_t col = 0; col < codes.size(); ++col)
      map.confusion.add(codes[row], codes[col], whole_number<std::int64_t>(counts.at(row).at(col)));
  if (const Json& calibration = json.at("calibration"); !calibration.is_null()) {
    std::vector<Calibration::Bin> bins;
    bool weighted = false;
    for (const Json& bin : calibration.at("bins")) {
      const auto pixels = whole_number<std::int64_t>(bin.at("pixels")), correct = whole_number<std::int64_t>(bin.at("correct"));
      bins.push_back({pixels, correct, static_cast<double>(pixels), static_cast<double>(correct), 0, static_cast<double>(pixels)});
      if (bin.contains("share")) {
        weighted = true;
        bins.back().weight = bin.at("share").get<double>();
        if (pixels) {
          bins.back().correct_weight = bins.back().weight * bin.at("accuracy").get<double>();
          bins.back().squares = bins.back().weight * bins.back().weight / bin.at("effective_points").get<double>();
        }
      }
      if (pixels) bins.back().weighted_confidence = bins.back().weight * bin.at("confidence").get<double>();
    }
    map.calibration = Calibration::from_bins(std::move(bins), weighted);
  }
  return map;
}

}  // namespace

nlohmann::ordered_json accuracy_json(const AccuracyReport& report, const Nomenclature& nomenclature) {
  Json classes = Json::array(), runs = Json::array(), class_means = Json::array();
  for (const LandClass& c : nomenclature.classes) classes.push_back({{"code", c.code}, {"name", c.name}});
  std::vector<Accuracy> accuracies;
  ConfusionMatrix all;
  for (const MapAccuracy& run : report.runs) {
    runs.push_back(map_json(run));
    accuracies.push_back(measure(run.confusion));
    all.merge(run.confusion);
  }
  for (const int code : all.codes())
    class_means.push_back({{"code", code},
                           {"precision", interval_json(class_over_runs(accuracies, code, &ClassAccuracy::precision))},
                           {"recall", interval_json(class_over_runs(accuracies, code, &ClassAccuracy::recall))},
                           {"f_score", interval_json(class_over_runs(accuracies, code, &ClassAccuracy::f_score))}});
  const auto mean = [&](double Accuracy::*m) { return interval_json(over_runs(accuracies, [m](const Accuracy& a) { return a.*m; })); };
  Json json = {
      {"schema", "millesime-accuracy-1"}, {"reference", report.reference}, {"nomenclature", nomenclature.name}, {"classes", classes}};
  if (!report.sampling.empty()) json["sampling"] = report.sampling, json["unit"] = report.unit;
  if (report.areas) json["areas"] = areas_json(*report.areas);
  json["runs"] = runs;
  json["mean"] = {{"overall_accuracy", mean(&Accuracy::overall)},
                  {"kappa", mean(&Accuracy::kappa)},
                  {"macro_f_score", mean(&Accuracy::macro_f)},
                  {"classes", class_means}};
  json["final_map"] = report.final_map ? map_json(*report.final_map) : Json();
  for (const auto& [name, part] : parts_of(report))
    if (*part) json[name] = map_json(**part);
  for (const PlacedConfusion& c : report.confusions) {
    json["confusions"].push_back({{"reference", c.reference},
                                  {"produced", c.produced},
                                  {"pixels", c.pixels},
                                  {"polygons", c.polygons},
                                  {"in_one_polygon", c.in_one_polygon},
                                  {"there", c.there},
                                  {"longitude", c.longitude},
                                  {"latitude", c.latitude}});
    if (c.hectares > 0) json["confusions"].back()["hectares"] = c.hectares;
  }
  for (const auto& [code, polygons] : report.learned_polygons) json["learned"].push_back({{"code", code}, {"polygons", polygons}});
  return json;
}

const ConfusionMatrix* judging_matrix(const AccuracyReport& report) {
  if (report.final_map && report.final_map->confusion.total() > 0) return &report.final_map->confusion;
  return report.runs.size() == 1 ? &report.runs.front().confusion : nullptr;
}

AccuracyReport read_accuracy(const std::string& file) {
  const std::string text = read_text(file);
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != "millesime-accuracy-1")
      throw UserError(join_text(file, ": expected schema millesime-accuracy-1, got ", json.at("schema").dump()));
    AccuracyReport report;
    report.reference = json.at("reference");
    for (const Json& run : json.at("runs")) report.runs.push_back(map_from_json(run));
    if (!json.at("final_map").is_null()) report.final_map = map_from_json(json.at("final_map"));
    for (const auto& [name, part] : parts_of(report))
      if (json.contains(name)) *part = map_from_json(json.at(name));
    const auto degrees = [](const Json& number) { return number.is_null() ? std::nan("") : number.get<double>(); };
    for (const Json& c : json.value("confusions", Json::array())) {
      const auto number = [&c](const char* key) { return whole_number<std::int64_t>(c.at(key)); };
      report.confusions.push_back({whole_number<int>(c.at("reference")), whole_number<int>(c.at("produced")), number("pixels"),
                                   number("polygons"), number("in_one_polygon"), number("there"), degrees(c.at("longitude")),
                                   degrees(c.at("latitude")), c.value("hectares", 0.0)});
    }
    for (const Json& entry : json.value("learned", Json::array()))
      report.learned_polygons[whole_number<int>(entry.at("code"))] = whole_number<std::int64_t>(entry.at("polygons"));
    // Areas of other references follow from the matrix and the map that is published.
    report.sampling = json.value("sampling", std::string()), report.unit = json.value("unit", report.unit);
    if (!report.sampling.empty() && json.contains("areas")) report.areas = areas_from_json(json.at("areas"));
    return report;
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(file, ": expected an accuracy.json of millesime, got: ", error.what(), "; run the validate stage again"));
  }
}

void require_known_classes(const ConfusionMatrix& matrix, const Nomenclature& nomenclature, const std::string& origin) {
  std::vector<std::string> unknown;
  for (int i = 0; i < matrix.size(); ++i)
    if (const int code = matrix.codes()[static_cast<std::size_t>(i)]; !nomenclature.index_of_code(code))
      unknown.push_back(join_text(code, " (reference ", matrix.row_sum(i), " px, map ", matrix.col_sum(i), " px)"));
  if (!unknown.empty())
    throw UserError(join_text(origin, ": expected classes of the nomenclature ", nomenclature.name, ", got also code ",
                              join_list(unknown, ", "), "; add them to the nomenclature, or use the nomenclature of the map"));
}

Nomenclature nomenclature_of_codes(const std::vector<int>& codes) {
  Nomenclature nomenclature;
  nomenclature.name = "codes";
  for (const int code : codes) {
    LandClass c;
    c.code = code;
    c.name = c.name_en = c.alias = std::to_string(code);
    nomenclature.classes.push_back(c);
  }
  return nomenclature;
}

void MapAccuracy::add(std::int32_t reference, std::int32_t produced, std::optional<double> confidence) {
  if (produced == 0) {
    ++unmapped;
    return;
  }
  confusion.add(reference, produced);
  if (confidence && calibration) calibration->add(std::clamp(*confidence, 0.0, 1.0), reference == produced);
}

void write_report(const AccuracyReport& report, const Nomenclature& nomenclature, const std::string& json_file,
                  const std::string& text_file) {
  std::vector<ConfusionMatrix> runs;
  for (const MapAccuracy& run : report.runs) runs.push_back(run.confusion);
  write_text(json_file, json_text(accuracy_json(report, nomenclature), 1) + "\n");
  std::string text;
  if (report.areas && !report.sampling.empty())
    text = "*** Estimates for the map, by the design of the sample ***\n\n" + join_list(estimate_lines(*report.areas, nomenclature), "\n") +
           "\n\n";
  if (!report.sampling.empty()) text += join_text("*** Counts of the ", report.unit, "s, without the weights of a design ***\n\n");
  write_text(text_file, text + results_text(runs, nomenclature));
}

}  // namespace millesime
