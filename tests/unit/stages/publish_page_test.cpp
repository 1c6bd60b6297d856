// The page of a map in both languages.

#include <cmath>
#include <filesystem>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/publish.h"
#include "pipeline/stages/train.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/publication.h"

namespace millesime {
namespace {

using testing::accuracy_of;
using ::testing::AllOf;
using testing::census_of;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Patches;

class PublishedPage : public ::testing::Test {
 protected:
  PublishedPage() : folder(testing::temp_dir()) { context.progress = &progress; }
  std::string folder;
  testing::SilentProgress progress;
  Context context;
};

// What a reader sees of a page: its texts, and those for listeners.
std::set<std::string> texts_of(const std::string& html) {
  std::string shown = html.substr(html.find("<body>"));
  for (const std::string hidden : {"script", "span lang=\"en\""})
    for (std::size_t at = 0; (at = shown.find("<" + hidden, at)) != std::string::npos;) {
      const std::string end = "</" + hidden.substr(0, hidden.find(' ')) + ">";
      shown.erase(at, shown.find(end, at) - at);
    }
  std::set<std::string> texts;
  for (std::size_t at = 0; (at = shown.find('>', at)) != std::string::npos; ++at)
    texts.insert(shown.substr(at + 1, shown.find('<', at) - at - 1));
  for (const std::string attribute : {" alt=\"", " title=\"", " aria-label=\""})
    for (std::size_t at = 0; (at = shown.find(attribute, at)) != std::string::npos;) {
      at += attribute.size();
      texts.insert(shown.substr(at, shown.find('"', at) - at));
    }
  return texts;
}

// Every text of the page is in the reader's language: what both pages have is a number, a name, or a word of both languages.
TEST_F(PublishedPage, NoTextOfAFrenchPageIsEnglish) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 80, 60}, 23);
  Publication publication;
  publication.classification = folder + "/class.tif", publication.regularised = publication.classification;
  publication.confidence = folder + "/confidence.tif", publication.validity = folder + "/validity.tif";
  write_raster(publication.classification, patches.map, {});
  write_raster(publication.confidence, patches.confidence, {});
  write_raster(publication.validity, patches.validity, {});
  publication.nomenclature = Nomenclature::load("oso23");
  publication.accuracy = folder + "/accuracy_in.json", publication.results = folder + "/results_in.txt";
  MapAccuracy final_map = accuracy_of("final map", 23, 0.88);
  final_map.unmapped = 7, final_map.not_judged = {3};
  AccuracyReport accuracy{
      "pixels of the reference polygons that no seed learned from and that were kept for the final map; without those of "
      "T31TDJ, whose samples were drawn after the models had learned",
      {accuracy_of("seed 0", 23, 0.82), accuracy_of("seed 1", 23, 0.86)},
      final_map};
  accuracy.near_learners = accuracy_of("polygons", 23, 0.88), accuracy.far_from_learners = accuracy_of("blocks", 23, 0.7);
  accuracy.far_from_learners->blocks = 12;
  const int grassland = publication.nomenclature.classes[1].code, moor = publication.nomenclature.classes[2].code;
  accuracy.confusions = {{moor, grassland, 40, 5, 12, 30, -1.25, 43.5}, {grassland, moor, 20, 4, 15, 8, 1.5, 43.25}};
  accuracy.learned_polygons = {{grassland, 12}, {moor, 300}};
  write_text(publication.accuracy, accuracy_json(accuracy, publication.nomenclature).dump());
  write_text(publication.results, "results");
  publication.census = {folder + "/T31TCJ.json"};
  SourceCensus census = census_of("T31TCJ", 3);
  census.superseded.push_back("P_20210401_V1 by P_20210401_V2");
  write_text(publication.census.front(), TileImages::of(census).to_json().dump());
  write_text(folder + "/made/departement_31.gpkg", "polygons");
  publication.polygons = {{folder + "/made/departement_31.gpkg", 1234}};
  for (const Stage& stage : stage_list()) publication.papers.insert(publication.papers.end(), stage.papers.begin(), stage.papers.end());
  publication.year = 2021, publication.period.until = "2021-06-30";
  publication.name = "OCS_2021-06";
  std::set<std::string> texts[2];
  for (const Language language : {Language::en, Language::fr}) {
    publication.options.language = code_of(language), publication.folder = folder + "/" + code_of(language);
    publication.notes = substitution_notes({{}, {{"4", "2"}, {"5", ""}, {kUnnamedRegion, "2"}}}, language);
    publish(publication, context);
    texts[language == Language::fr] = texts_of(read_text(publication.folder + "/report.html"));
  }
  EXPECT_TRUE(texts[1].contains("la région 4 n’a pas d’échantillon : elle est classée par le modèle de la région 2"));
  EXPECT_TRUE(texts[1].contains("la région sans nom est classée par le modèle de la région 2"));
  EXPECT_TRUE(texts[1].contains("remplacée\u00a0: P_20210401_V1 par P_20210401_V2"));
  EXPECT_TRUE(texts[1].contains("exactitude globale par blocs") && texts[1].contains("par blocs, dont aucun modèle n’a rien appris"));
  EXPECT_TRUE(texts[1].contains("12")) << "blocks";
  EXPECT_TRUE(std::ranges::any_of(texts[1], [](const std::string& text) {
    return text.find("dont aucun tirage n’a rien appris ; sans ceux de T31TDJ, dont les échantillons ont été tirés après") !=
           std::string::npos;
  }));
  // What is confused, where, and what would help.
  const auto says = [&](const std::set<std::string>& page, const std::string& part) {
    return std::ranges::any_of(page, [&](const std::string& text) { return text.find(part) != std::string::npos; });
  };
  EXPECT_TRUE(says(texts[0], "More reference polygons: models learned from 12 of it")) << "of grassland alone";
  EXPECT_FALSE(says(texts[0], "models learned from 300"));
  EXPECT_TRUE(says(texts[0], ", in 5 polygons; 30 of them around 43.500°\u00a0N 1.250°\u00a0W"));
  EXPECT_TRUE(says(texts[0], "in the place that is named: most of it is there."));  // 30 of 40
  EXPECT_TRUE(says(texts[0], ": is its label right? ("));                           // 15 of 20 in one polygon
  EXPECT_TRUE(says(texts[1], ", dans 5 polygones ; 30 d’entre eux vers 43,500°\u00a0N 1,250°\u00a0O"));
  EXPECT_TRUE(texts[1].contains("Schindler 2012, IEEE TGRS 50 (lissage de l’occupation des sols)"));
  EXPECT_TRUE(texts[1].contains("Occupation des sols ") && texts[0].contains("Land cover ")) << "the title by default";
  EXPECT_TRUE(texts[1].contains("2021-06")) << "the edition, not the year";

  const std::set<std::string> in_both = {"ha",
                                         "km²",
                                         "conf.",
                                         "kappa",
                                         "F-score",
                                         "acquisition",
                                         "acquisitions",
                                         "pixels",
                                         "Provenance",
                                         "px",
                                         "Classes",
                                         "samples next",
                                         "samples audit",
                                         "[[exogenous]]",
                                         "[[source]]",
                                         "classify.levels",
                                         "train.effort = \"best\""};
  // Of files, single letters, numbers with a unit, and papers: with a year, and no remark but "(kappa)".
  const std::regex names(
      "(OCS_|vectors/|T31TCJ|accuracy\\.json|RESULTS|P_2021).*|[^A-Za-z]*.?[^A-Za-z]*|\\d+ acquisitions|"
      ".*\\b(1[89]|20)\\d\\d\\b([^(]| ?\\(kappa\\)|\\(\\d+\\)|\\([A-Z]\\))*");
  std::vector<std::string> english;
  for (const std::string& text : texts[1]) {
    const std::string trimmed(trim(text));
    if (texts[0].contains(text) && !in_both.contains(trimmed) && !std::regex_match(trimmed, names)) english.push_back(trimmed);
  }
  EXPECT_THAT(english, ::testing::IsEmpty());
}

TEST_F(PublishedPage, ATestOfNothingIsSaid) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 60, 50}, 3);
  write_raster(folder + "/classification.tif", patches.map, {});
  AccuracyReport report;
  report.runs = {{"seed 0", ConfusionMatrix({1, 2}), Calibration{}, 0}};
  report.final_map = report.runs.front();
  write_report(report, Nomenclature::load("oso23"), folder + "/accuracy.json", folder + "/RESULTS.txt");
  PublishCommand command;
  command.folder = folder, command.output = folder + "/out", command.year = 2021;
  publish(command, context);
  EXPECT_THAT(read_text(folder + "/out/report.html"),
              AllOf(HasSubstr("its accuracy is not known"), Not(HasSubstr("overall accuracy")), Not(HasSubstr("Confusion matrix"))));
}

TEST_F(PublishedPage, TilesThatTheMapLacksAreNamed) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 60, 50}, 3);
  Publication publication;
  publication.classification = folder + "/class.tif";
  write_raster(publication.classification, patches.map, {});
  publication.nomenclature = Nomenclature::load("oso23");
  write_text(folder + "/census.json", TileImages::of(census_of("T31TCJ", 3)).to_json().dump());
  publication.census = {folder + "/census.json"}, publication.left_out = {"T31TDJ"};
  publication.folder = folder + "/2021", publication.name = "OCS_2021", publication.year = 2021;
  publish(publication, context);
  EXPECT_THAT(read_text(folder + "/2021/report.html"), HasSubstr("1 <small>of 2</small>"));
  EXPECT_THAT(read_text(folder + "/2021/OCS_2021.json"), HasSubstr("without the tiles T31TDJ"));
}

// What a sample of points says by its design stays as it is: its counts have not the weights of the design.
TEST_F(PublishedPage, EstimatesOfASampleOfPointsAreNotReplacedByItsCounts) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 60, 50}, 3);
  write_raster(folder + "/classification.tif", patches.map, {});
  AccuracyReport report;
  report.reference = "points of sample.gpkg (sampling: design)";
  report.runs = {accuracy_of("map", 3, 0.9)};
  report.sampling = "design";
  report.areas = AreaAccuracy{{0.769, 0.01}, {}, {}, 1};
  report.areas->classes.push_back({1, 10, {12, 1}, {1, 0}, {0.5, 0.1}});
  report.areas->classes.push_back({2, 5, {3, 1}, {0.75, 0.05}, {NAN, NAN}});
  const auto write = [&] { write_report(report, Nomenclature::load("oso23"), folder + "/accuracy.json", folder + "/RESULTS.txt"); };
  write();
  PublishCommand command;
  command.folder = folder, command.output = folder + "/out", command.year = 2021;
  publish(command, context);
  const auto areas_in = [](const std::string& file) { return nlohmann::json::parse(read_text(file))["areas"]; };
  EXPECT_EQ(areas_in(folder + "/out/accuracy.json"), areas_in(folder + "/accuracy.json"));
  const AccuracyReport back = read_accuracy(folder + "/out/accuracy.json");
  EXPECT_EQ(back.sampling, "design");
  EXPECT_TRUE(std::isnan(back.areas->classes.at(1).producers.value));
  const std::string html = read_text(folder + "/out/report.html");
  EXPECT_THAT(html, AllOf(HasSubstr(">0.769<"), HasSubstr("Stehman 2014"), HasSubstr("without the weights"),
                          Not(HasSubstr("held-out pixels of reference polygons")), Not(HasSubstr("mean F-score"))));

  // Where it is wrong, by the design: class 1 has 10 ha on the map, of the 12 ha on the ground half.
  const std::string complaints = "id=\"complaints\"";
  EXPECT_THAT(html, Not(HasSubstr(complaints)));
  report.confusions = {{1, 2, 4, 4, 1, 3, -1.25, 43.5, 6}, {2, 1, 1, 1, 1, 1, 1.5, 43.25, 0.75}};
  report.areas->classes[0] = {1, 10, {12, 1}, {0.6, 0.1}, {0.5, 0.1}};
  report.runs[0].calibration = Calibration{};
  for (const bool correct : {true, true, false}) report.runs[0].calibration->add_weighted(0.8, correct, 5);
  report.unit = "block";
  write();
  publish(command, context);
  EXPECT_THAT(read_text(folder + "/out/report.html"),
              AllOf(HasSubstr(complaints), HasSubstr("it has 4.0 ha of other classes, and lost 6.0 ha"), HasSubstr("6.0 ha of "),
                    HasSubstr(" (4 blocks); 3 of them around 43.500"), HasSubstr(" (1 block); "), HasSubstr("Blocks of the sample"),
                    HasSubstr("Expected calibration error 13.3"), HasSubstr("counts by the area that it stands for"),
                    Not(HasSubstr(" px of other")), Not(HasSubstr("is its label right?"))));
  command.options.language = "fr";
  publish(command, context);
  EXPECT_THAT(read_text(folder + "/out/report.html"),
              AllOf(HasSubstr("points de sample.gpkg (échantillonnage : design)"),
                    HasSubstr("elle a pris 4,0 ha à d’autres classes et en a perdu 6,0 ha"), HasSubstr(" (4 blocs) ; 3 d’entre eux"),
                    HasSubstr("compte pour la surface"), HasSubstr("Blocs de l’échantillon")));

  command.options.language = "en";
  report.unit = "point", report.sampling = "none", report.areas.reset();
  write();
  publish(command, context);
  EXPECT_TRUE(areas_in(folder + "/out/accuracy.json").is_null());
  EXPECT_THAT(read_text(folder + "/out/report.html"), AllOf(HasSubstr("no probability sample"), Not(HasSubstr("id=\"areas\""))));
}

}  // namespace
}  // namespace millesime
