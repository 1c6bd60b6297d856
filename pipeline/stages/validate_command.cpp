// `millesime validate`: any map and polygons, or confusion matrices. validate.cpp has the stage.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/confusion_places.h"
#include "pipeline/stages/right_or_wrong.h"
#include "pipeline/stages/validate.h"
#include "pipeline/stages/validate_points.h"

namespace millesime {

Options ValidateCommand::declare() {
  Options options;
  options.add("classification", &classification, "map of class codes to validate").path();
  options
      .add("confidence", &confidence,
           "confidence of that map, percent or probabilities, for its calibration; a sample counts by its design")
      .unit("%")
      .path();
  options
      .add("reference", &reference,
           "polygons or points to validate it with, any vector format and CRS; a sample of `millesime design`, of points or blocks")
      .path();
  options.add("layer", &layer, "layer in that file; needed if several of them hold polygons");
  options.add("field", &field, "field that holds the class code or name; default of points: label");
  options
      .add("sampling", &sampling,
           "how points were drawn: design: by `millesime design`; random: anywhere on the map; stratified: within the classes of the map, "
           "or of "
           "strata; none: not at random, which gives counts without areas and intervals")
      .choices({"design", "random", "stratified", "none"});
  options.add("strata", &strata, "sampling stratified: raster on the map's grid whose values are the strata").path();
  options
      .add(
          "disagreements", &disagreements,
          "points with two labels that differ and none in the field label: error; first, second: the label of that interpreter; leave_out: "
          "they count for nothing, though a map is wrong there more often than elsewhere")
      .choices({"error", "first", "second", "leave_out"});
  options.add("validity", &validity, "number of valid dates of that map's pixels, for the histograms").path();
  options.add("right_or_wrong", &right_or_wrong,
              "also write right_or_wrong.tif (1 wrong, 2 right; 3 and 4 where models learned) and histograms.csv, confidence and validity "
              "of pixels that are right and wrong");
  options.add("learned", &learned, "polygons that models learned from, for right_or_wrong.tif; --field holds their class").path();
  options.add("add", &add, "the matrices of --confusion are parts of one map, e.g. its tiles: add them into one");
  options.add("normalised", &normalised, "also write the matrix in shares of each reference class and of each class of the map");
  options.add("confusion", &confusion, "confusion matrices (CSV of OTB's ComputeConfusionMatrix) instead of a map, one a run").path();
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the legend of the map")
      .names("nomenclature");
  names.declare(options);
  options.add("output", &output, "folder of RESULTS.txt and accuracy.json").path().required();
  return options;
}

LabelClasses::LabelClasses(const ValidateCommand& command) : names(command.names) {
  if (!command.nomenclature.empty())
    given = Nomenclature::load(command.nomenclature);
  else if (!command.classification.empty() && RasterReader(command.classification).legend())
    legend = nomenclature_of_map("", command.classification);
}

std::optional<int> LabelClasses::code_of(const std::string& text) const {
  const auto code = code_of_class(text, given ? &*given : nullptr);
  return code || !legend ? code : code_of_class(text, &*legend);
}

Nomenclature LabelClasses::naming(const std::vector<int>& codes) const {
  if (given) return names.named(*given);
  Nomenclature named = nomenclature_of_codes(codes);
  if (legend)
    for (LandClass& c : named.classes)
      if (const auto index = legend->index_of_code(c.code)) c = legend->at(*index);
  return names.named(named);
}

namespace {

// Class code of each polygon, 0 where it has none (as in the sample stage).
std::vector<std::int32_t> polygon_codes(const VectorLayer& layer, const std::string& field, const LabelClasses& classes) {
  std::vector<std::int32_t> codes;
  std::map<std::string, int> unknown;
  for (const Feature& feature : layer.features) {
    const std::string& text = feature.attributes.at(field);
    const auto code = classes.code_of(text);
    if (!code) ++unknown[text];
    codes.push_back(code.value_or(0));
  }
  if (unknown.empty()) return codes;
  std::vector<std::string> list;
  for (const auto& [text, n] : unknown) list.push_back(join_text("\"", text, "\" (", counted(n, "polygon"), ")"));
  throw UserError(join_text(
      layer.path, ", field ", field, ": expected ",
      classes.given ? "codes or names of the nomenclature " + classes.given->name : std::string("class codes (whole numbers from 1)"),
      ", got ", join_list(list, ", "), classes.given ? "; correct them or add the classes" : "; add --nomenclature for class names"));
}

// Removes the polygons without a class and returns how many there were.
std::size_t drop_without_class(VectorLayer& layer, std::vector<std::int32_t>& codes) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] == 0) continue;
    if (kept != i) layer.features[kept] = std::move(layer.features[i]), codes[kept] = codes[i];
    ++kept;
  }
  const std::size_t dropped = codes.size() - kept;
  layer.features.resize(kept);
  codes.resize(kept);
  return dropped;
}

void write_beside_reference(const ValidateCommand& command, const LabelClasses& classes, const Context& context) {
  const std::string crs = RasterReader(command.classification).grid().crs;
  const auto polygons = [&](const std::string& file, const LayerChoice& layer) {
    LabelledPolygons labelled{read_polygons(file, layer, {command.field}, crs), {}};
    labelled.codes = polygon_codes(labelled.layer, command.field, classes);
    return labelled;
  };
  RightOrWrong request{.classification = command.classification,
                       .confidence = command.confidence,
                       .validity = command.validity,
                       .held_out = polygons(command.reference, {command.layer, "layer"}),
                       .learned = std::nullopt,
                       .map = command.output + "/right_or_wrong.tif",
                       .histograms = command.output + "/histograms.csv"};
  if (!command.learned.empty()) request.learned = polygons(command.learned, {"", ""});
  write_right_or_wrong(request, context);
}

MapAccuracy validate_map(const ValidateCommand& command, const LabelClasses& classes, const Context& context, std::size_t& without_class,
                         std::vector<PlacedConfusion>& confusions) {
  const MapInput map = open_map(command.classification, MapKind::classes, context);
  std::optional<MapInput> confidence;
  if (!command.confidence.empty()) {
    confidence.emplace(open_map(command.confidence, MapKind::confidence, context));
    require_same(map.grid(), confidence->grid(), command.confidence + " and " + command.classification);
  }
  VectorLayer layer = read_polygons(command.reference, command.layer, {command.field}, map.grid().crs, map.grid().extent());
  std::vector<std::int32_t> codes = polygon_codes(layer, command.field, classes);
  without_class = drop_without_class(layer, codes);
  if (without_class > 0)
    context.progress->note(join_text(command.reference, ": ", without_class, without_class == 1 ? " polygon" : " polygons",
                                     " without a class in field ", command.field, " are left out"));
  std::vector<Box> extents;
  for (const Feature& feature : layer.features) extents.push_back(feature.extent());

  ConfusionPlaces places;
  const double metres = metres_of_unit(map.grid().crs);
  MapAccuracy result{command.classification, {}, confidence ? std::optional(Calibration{}) : std::nullopt, 0};
  constexpr std::int64_t kBytesPerPixel = 64;  // labels, reference, confidence and GDAL's buffers of them
  const std::int64_t max_pixels = std::clamp<std::int64_t>(context.memory_bytes / kBytesPerPixel, 1, 1 << 22);
  const auto windows = split(map.grid().whole(), map.reader().info().block_width, map.reader().info().block_height, max_pixels);
  context.progress->start("validate", static_cast<std::int64_t>(windows.size()), "windows");
  for (const Window& window : windows) {
    std::vector<Feature> inside;
    std::vector<std::int32_t> inside_codes;
    std::vector<std::size_t> numbers;  // of the polygons
    const Box box = map.grid().extent(window);
    for (std::size_t i = 0; i < extents.size(); ++i)
      if (extents[i].intersects(box)) inside.push_back(layer.features[i]), inside_codes.push_back(codes[i]), numbers.push_back(i);
    context.progress->advance(1);
    if (inside.empty()) continue;

    const Grid part = map.grid().crop(window);
    const std::vector<std::int32_t> reference = classes_of_pixels(inside, inside_codes, part);
    const auto polygon = rasterise(inside, part, [](std::size_t i) { return static_cast<std::int32_t>(i) + 1; });
    const auto pixels = static_cast<std::size_t>(window.pixels());
    std::vector<std::int32_t> produced(pixels);
    std::vector<float> probability(confidence ? pixels : 0);
    map.read(window, produced.data());
    if (confidence) confidence->read_probabilities(window, probability.data());
    for (std::size_t i = 0; i < pixels; ++i)
      if (reference[i] == kOfTwoClasses)
        ++result.of_two_classes;
      else if (reference[i] != 0) {
        result.add(reference[i], produced[i], confidence ? std::optional<double>(probability[i]) : std::nullopt);
        if (produced[i] == reference[i]) continue;
        const Point at = part.centre(static_cast<int>(i) % part.cols, static_cast<int>(i) / part.cols);
        const auto number = static_cast<std::int64_t>(numbers[static_cast<std::size_t>(polygon.samples[i]) - 1]);
        places.add({reference[i], produced[i], {"", number}, {"", block_of(at, kPlaceKm, metres)}, at});
      }
  }
  context.progress->finish();
  confusions = places.result(map.grid().crs);
  if (result.of_two_classes > 0)
    context.progress->note(join_text(command.reference, ": ", counted(result.of_two_classes, "pixel"),
                                     " in polygons of two classes, as in the sample stage counted for none"));
  if (result.confusion.total() == 0)
    throw UserError(join_text(command.reference, ": expected polygons on ", command.classification, ", got none on a mapped pixel (",
                              counted(layer.features.size(), "polygon"), " with a class, ", without_class, " without, ", result.unmapped,
                              " px on 0 = no data); the map covers ", to_text(map.grid())));
  return result;
}

}  // namespace

namespace {

nlohmann::ordered_json agreement_json(const PointsAccuracy& points) {
  if (!points.agreement) return nullptr;
  return {{"points", points.agreement->points}, {"share", points.agreement->share}, {"kappa", points.agreement->kappa}};
}

// What the sample says, for the terminal.
std::vector<std::string> lines_of(const PointsAccuracy& points, const std::string& disagreements, const Nomenclature& nomenclature) {
  std::vector<std::string> lines;
  if (points.areas) lines = estimate_lines(*points.areas, nomenclature);
  if (points.counts.calibration) {
    const auto percent = [](double share) { return fixed(100 * share, 1) + " %"; };
    lines.push_back(join_text("expected calibration error ", percent(points.counts.calibration->expected_error()),
                              points.areas ? ", by the design" : "", "; so few ", points.unit,
                              "s of a map whose confidence is right would give ", percent(points.counts.calibration->error_by_chance()),
                              " by chance"));
  }
  if (points.disagreed > 0)
    lines.push_back(join_text(counted(points.disagreed, points.unit), " on which two interpreters disagree: ",
                              disagreements == "leave_out" ? std::string("left out, as if the map were as right there as elsewhere")
                                                           : join_text("the label of the ", disagreements, " counts")));
  if (points.agreement)
    lines.push_back(join_text("two interpreters agree on ", fixed(100 * points.agreement->share, 1), " % of ", points.agreement->points,
                              " ", points.unit, "s, kappa ", fixed(points.agreement->kappa, 3)));
  return lines;
}

// The pairs of classes that are confused most, for the terminal.
std::vector<std::string> lines_of(const std::vector<PlacedConfusion>& confusions, const std::string& unit,
                                  const Nomenclature& nomenclature) {
  constexpr std::size_t kShown = 5;
  const auto name = [&](int code) { return nomenclature.at(*nomenclature.index_of_code(code)).name; };
  std::vector<std::string> lines;
  for (const PlacedConfusion& pair : confusions) {
    if (lines.size() == kShown) break;
    const std::string where = std::isnan(pair.longitude) ? ""
                                                         : join_text(", ", pair.there, " of them around longitude ",
                                                                     fixed(pair.longitude, 3), ", latitude ", fixed(pair.latitude, 3));
    const std::string amount = pair.hectares > 0 ? join_text(fixed(pair.hectares, 1), " ha by ", counted(pair.pixels, unit))
                                                 : join_text(counted(pair.pixels, unit), " in ", counted(pair.polygons, "polygon"));
    lines.push_back(join_text(name(pair.reference), " shown as ", name(pair.produced), ": ", amount, where));
  }
  return lines;
}

}  // namespace

AccuracyReport validate(const ValidateCommand& command, const Context& context, std::vector<std::string>* lines) {
  const bool of_map = !command.classification.empty();
  if (of_map == !command.confusion.empty())
    throw UserError("validate: expected either --classification with --reference and --field, or --confusion; use one of the two");
  const bool of_points =
      of_map && !command.reference.empty() && (holds_points(command.reference, command.layer) || holds_design(command.reference));
  if (of_map && !of_points && !command.reference.empty() && command.sampling != "design")
    throw UserError(
        join_text(command.reference, ": --sampling ", command.sampling,
                  " is for points, and the file holds none; of a table give a file of points, as `ogr2ogr -oo X_POSSIBLE_NAMES=x "
                  "-oo Y_POSSIBLE_NAMES=y -a_srs EPSG:... points.gpkg table.csv` makes it; for polygons leave --sampling out"));
  if (of_map && !of_points && (command.reference.empty() || command.field.empty()))
    throw UserError("validate --classification: expected also --reference and --field, the polygons and the field of their class");
  if (!of_map && (command.right_or_wrong || !command.validity.empty()))
    throw UserError("validate --right-or-wrong: expected a map to look at; give --classification with --reference and --field");
  if (!command.right_or_wrong && (!command.learned.empty() || !command.validity.empty()))
    throw UserError("validate --learned and --validity: expected also --right-or-wrong, which they are for");
  if (command.add && command.confusion.empty()) throw UserError("validate --add: expected --confusion, the matrices to add into one");

  const LabelClasses classes(command);
  AccuracyReport report;
  std::optional<PointsAccuracy> points;
  if (of_points) {
    if (command.right_or_wrong) throw UserError("validate --right-or-wrong: expected polygons as reference, got a sample");
    points = validate_points(command, classes, context);
    report.runs.push_back(points->counts);
    report.sampling = command.sampling, report.unit = points->unit, report.areas = points->areas, report.confusions = points->confusions;
    report.reference = join_text(points->unit, "s of ", std::filesystem::path(command.reference).filename().string(),
                                 " (sampling: ", command.sampling, ")");
  } else if (of_map) {
    std::size_t without_class = 0;
    report.runs.push_back(validate_map(command, classes, context, without_class, report.confusions));
    report.reference = join_text("pixels of the polygons of ", std::filesystem::path(command.reference).filename().string(),
                                 without_class > 0 ? join_text(" (", without_class, " without a class are left out)") : "");
  } else {
    report.reference = "confusion matrices";
    for (const std::string& file : command.confusion) report.runs.push_back({file, read_confusion_csv(file), std::nullopt, 0});
    if (command.add) {
      MapAccuracy sum{join_text("sum of ", counted(report.runs.size(), "matrix", "matrices")), {}, std::nullopt, 0};
      for (const MapAccuracy& part : report.runs) sum.confusion.merge(part.confusion);
      report.runs = {std::move(sum)};
    }
  }

  std::vector<int> codes;
  for (const MapAccuracy& run : report.runs) {
    if (classes.given) require_known_classes(run.confusion, *classes.given, run.name);
    codes.insert(codes.end(), run.confusion.codes().begin(), run.confusion.codes().end());
  }
  const Nomenclature nomenclature = classes.naming(ConfusionMatrix(codes).codes());

  if (report.runs.size() == 1) write_confusion_csv(report.runs.front().confusion, command.output + "/confusion.csv");
  if (command.normalised)
    for (std::size_t i = 0; i < report.runs.size(); ++i) {
      const std::string stem = command.output + "/confusion" + (report.runs.size() == 1 ? "" : join_text("_", i));
      write_text(stem + "_by_reference.csv", shares_csv(report.runs[i].confusion, SharesOf::reference));
      write_text(stem + "_by_map.csv", shares_csv(report.runs[i].confusion, SharesOf::map));
    }
  if (command.right_or_wrong) write_beside_reference(command, classes, context);
  write_report(report, nomenclature, command.output + "/accuracy.json", command.output + "/RESULTS.txt");
  if (points) {
    nlohmann::ordered_json json = accuracy_json(report, nomenclature);
    json[points->unit + "s"] = {
        {points->unit + "s", points->points},  {"without_label", points->unlabelled},    {"removed", points->missing},
        {"disagreed", points->disagreed},      {"disagreements", command.disagreements}, {"on_no_data", points->counts.unmapped},
        {"agreement", agreement_json(*points)}};
    write_text(command.output + "/accuracy.json", json_text(json, 1) + "\n");
    if (lines) {
      *lines = lines_of(*points, command.disagreements, nomenclature);
      for (std::string& line : lines_of(points->confusions, points->unit, nomenclature)) lines->push_back(std::move(line));
    }
  } else if (lines) {
    *lines = lines_of(report.confusions, "pixel", nomenclature);
  }
  return report;
}

}  // namespace millesime
