#include "pipeline/stages/publish.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <random>

#include <gdal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/sha256.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
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

class PublishTest : public ::testing::Test {
 protected:
  PublishTest() : folder(testing::temp_dir()) { context.progress = &progress; }
  std::string folder;
  testing::SilentProgress progress;
  Context context;
};

// Two editions below one collection: the second is added, and a folder that was moved is still whole.
TEST_F(PublishTest, EditionsAreListedInACollection) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 70, 56}, 23);
  Publication publication;
  publication.classification = folder + "/class.tif";
  write_raster(publication.classification, patches.map, {});
  publication.nomenclature = Nomenclature::load("oso23");
  publication.options.provider = "Someone";
  publication.options.language = "fr";
  publication.form = SetForm::linked;
  publication.collection = folder + "/out/collection.json";
  for (const int year : {2022, 2021}) {
    publication.year = year;
    publication.name = join_text("OCS_", year);
    publication.folder = join_text(folder, "/out/", year);
    publish(publication, context);
    publish_collection(publication.collection, publication.options, publication.nomenclature);
  }
  std::filesystem::rename(folder + "/out", folder + "/moved");
  const auto collection = nlohmann::json::parse(read_text(folder + "/moved/collection.json"));
  EXPECT_EQ(collection["id"], "land-cover");
  EXPECT_EQ(collection["providers"][0]["name"], "Someone");
  EXPECT_EQ(collection["summaries"]["classification:classes"].size(), 24u);
  const auto& intervals = collection["extent"]["temporal"]["interval"];
  ASSERT_EQ(intervals.size(), 3u);
  EXPECT_EQ(intervals[0], nlohmann::json({"2021-01-01T00:00:00Z", "2022-12-31T23:59:59Z"}));
  EXPECT_EQ(intervals[1], nlohmann::json({"2021-01-01T00:00:00Z", "2021-12-31T23:59:59Z"}));
  ASSERT_EQ(collection["links"].size(), 3u);
  EXPECT_EQ(collection["links"][1]["href"], "./2021/OCS_2021.json");
  const auto item = nlohmann::json::parse(read_text(folder + "/moved/2022/OCS_2022.json"));
  EXPECT_EQ(item["collection"], "land-cover");
  for (const auto& link : item["links"]) EXPECT_TRUE(std::filesystem::exists(folder + "/moved/2022/" + link["href"].get<std::string>()));
  const auto& assets = item["assets"];
  EXPECT_EQ(assets["qgis_project"]["href"], "./OCS_2022.qgz");
  EXPECT_TRUE(std::filesystem::exists(folder + "/moved/2022/OCS_2022.qgz"));
  // Classes for programs that do not read the palette.
  EXPECT_THAT(read_text(folder + "/moved/2022/OCS_2022.clr"), HasSubstr("5 255 255 0\n"));
  EXPECT_THAT(read_text(folder + "/moved/2022/OCS_2022.sld"), HasSubstr("color=\"#ffff00\" quantity=\"5\" label=\"Colza\""));
  EXPECT_THAT(read_text(folder + "/moved/2022/OCS_2022.tif.vat.dbf"), HasSubstr("Prairies"));
}

TEST_F(PublishTest, MapsOfLevelsHaveLegendsOfTheirOwn) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 70, 56}, 23);
  Publication publication;
  publication.nomenclature = Nomenclature::load("oso23");
  publication.classification = folder + "/class.tif", publication.level1 = folder + "/level1.tif",
  publication.deepest = folder + "/deepest.tif";
  LabelMap groups(patches.map.grid), deepest = patches.map;
  for (std::size_t p = 0; p < groups.samples.size(); ++p) {
    const auto index = publication.nomenclature.index_of_code(patches.map.samples[p]);
    groups.samples[p] = index ? static_cast<std::uint8_t>(publication.nomenclature.at(*index).parent) : std::uint8_t{0};
    if (patches.confidence.samples[p] < 80) deepest.samples[p] = groups.samples[p];
    if (patches.confidence.samples[p] < 60) deepest.samples[p] = 0;
  }
  write_raster(publication.classification, patches.map, {});
  write_raster(publication.level1, groups, {});
  write_raster(publication.deepest, deepest, {});
  publication.folder = folder + "/out", publication.name = "OCS_2021", publication.year = 2021;
  publish(publication, context);
  const std::string product = publication.folder + "/OCS_2021";
  EXPECT_EQ(RasterReader(product + "_level1.tif").read_all<std::uint8_t>().samples, groups.samples);
  EXPECT_EQ(RasterReader(product + "_deepest.tif").read_all<std::uint8_t>().samples, deepest.samples);
  EXPECT_THAT(read_text(product + "_level1.qml"), AllOf(HasSubstr("label=\"Annual crops\""), Not(HasSubstr("label=\"Rapeseed\""))));
  EXPECT_THAT(read_text(product + "_deepest.qml"), AllOf(HasSubstr("label=\"Annual crops\""), HasSubstr("label=\"Rapeseed\"")));
  EXPECT_THAT(read_text(product + "_level1.clr"), HasSubstr("110 255 203 127\n"));
  EXPECT_THAT(read_text(product + "_level1.tif.vat.dbf"), HasSubstr("Annual crops"));
  const auto item = nlohmann::json::parse(read_text(product + ".json"));
  EXPECT_EQ(item.at("assets").at("level1").at("href"), "./OCS_2021_level1.tif");
  EXPECT_EQ(item.at("assets").at("level1").at("bands").at(0).at("classification:classes").size(), 9u) << "8 groups, and no data";
  EXPECT_EQ(item.at("assets").at("deepest").at("bands").at(0).at("classification:classes").size(), 32u);
  EXPECT_THAT(read_text(publication.folder + "/report.html"), AllOf(HasSubstr("OCS_2021_level1.tif"), HasSubstr("OCS_2021_deepest.tif")));
  // The same files by the command, whose folder has a map with a code that is no group.
  PublishCommand command;
  command.folder = folder + "/dir", command.year = 2021;
  write_raster(command.folder + "/classification.tif", patches.map, {});
  write_raster(command.folder + "/deepest.tif", deepest, {});
  publish(command, context);
  EXPECT_TRUE(std::filesystem::exists(command.folder + "/OCS_2021_deepest.sld"));
  EXPECT_FALSE(std::filesystem::exists(command.folder + "/OCS_2021_level1.tif"));
  write_raster(command.folder + "/level1.tif", patches.map, {});
  EXPECT_THAT(testing::message_of([&] { publish(command, context); }), AllOf(HasSubstr("level1.tif"), HasSubstr("got also code")));
}

TEST_F(PublishTest, ProductsStylesItemAndReport) {
  const Nomenclature nomenclature = Nomenclature::load("oso23");
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 700, 560}, 23);
  Publication publication;
  publication.classification = folder + "/class.tif";
  publication.confidence = folder + "/confidence.tif";
  publication.validity = folder + "/validity.tif";
  publication.uncertainty = publication.confidence;  // as good as any
  write_raster(publication.classification, patches.map, {});
  write_raster(publication.confidence, patches.confidence, {});
  write_raster(publication.validity, patches.validity, {});
  publication.accuracy = folder + "/accuracy_in.json";
  publication.results = folder + "/results_in.txt";
  AccuracyReport accuracy{"pixels of the reference polygons that the models did not learn from",
                          {accuracy_of("seed 0", 23, 0.82), accuracy_of("seed 1", 23, 0.86), accuracy_of("seed 2", 23, 0.84)},
                          accuracy_of("final map", 23, 0.88)};
  write_text(publication.accuracy, accuracy_json(accuracy, nomenclature).dump());
  write_text(publication.results, "results");
  for (const auto& [tile, day] : {std::pair{"T31TCJ", 3}, {"T31TDJ", 6}, {"T30TYP", 9}}) {
    publication.census.push_back(join_text(folder, "/", tile, ".json"));
    write_text(publication.census.back(), TileImages::of(census_of(tile, day)).to_json().dump());
  }
  publication.folder = folder + "/out";
  publication.name = "OCS_2021";
  publication.year = 2021;
  publication.nomenclature = nomenclature;
  publication.options.title = "Land cover of <Occitanie>";
  publication.config = {{"year", "2021"}, {"model.name", "\"ltae\""}};
  publication.models = {{"all_seed_0", {{"epochs", "31"}, {"held-out accuracy", "0.861"}}}};
  publication.papers = {"Garnot & Landrieu 2020"};

  const auto counts = publish(publication, context);
  EXPECT_EQ(counts.at("mapped"), (700 - 8) * (560 - 8));
  EXPECT_EQ(RasterReader(publication.folder + "/OCS_2021.tif").read_all<std::uint8_t>().samples, patches.map.samples);
  EXPECT_EQ(RasterReader(publication.folder + "/OCS_2021_confidence.tif").read_all<std::uint8_t>().samples, patches.confidence.samples);
  for (const char* file :
       {"OCS_2021.qml", "OCS_2021_confidence.qml", "OCS_2021_validity.qml", "OCS_2021_validity.tif", "OCS_2021.tif.aux.xml", "RESULTS.txt"})
    EXPECT_TRUE(std::filesystem::exists(publication.folder + "/" + file)) << file;

  const auto item = nlohmann::json::parse(read_text(publication.folder + "/OCS_2021.json"));
  EXPECT_EQ(item.at("id"), "OCS_2021");
  EXPECT_EQ(RasterReader(publication.folder + "/OCS_2021_uncertainty.tif").read_all<std::uint8_t>().samples, patches.confidence.samples);
  EXPECT_THAT(read_text(publication.folder + "/OCS_2021_uncertainty.qml"), HasSubstr("#bd0026"));
  const auto& uncertainty = item.at("assets").at("uncertainty").at("bands").at(0);
  EXPECT_EQ(uncertainty.at("unit"), "%");
  EXPECT_NEAR(uncertainty.at("statistics").at("mean").get<double>(),
              std::accumulate(patches.confidence.samples.begin(), patches.confidence.samples.end(), 0.0) / ((700 - 8) * (560 - 8)), 1e-9);
  const auto& validity = item.at("assets").at("validity").at("bands").at(0).at("statistics");  // of the data, not of the scale
  std::uint8_t lowest = 255, highest = 0;
  for (const std::uint8_t value : patches.validity.samples)
    if (value != 0) lowest = std::min(lowest, value), highest = std::max(highest, value);
  EXPECT_EQ(validity.at("minimum"), lowest);
  EXPECT_EQ(validity.at("maximum"), highest);
  for (const auto& [key, asset] : item.at("assets").items()) {
    const std::string file = publication.folder + "/" + asset.at("href").get<std::string>();
    EXPECT_EQ(asset.at("file:checksum"), "1220" + sha256_of_file(file)) << key;
  }
  const auto areas = nlohmann::json::parse(read_text(publication.folder + "/accuracy.json")).at("areas");
  double estimated = 0;
  for (const auto& c : areas.at("classes")) estimated += c.at("area").at("value").is_null() ? 0 : c.at("area").at("value").get<double>();
  // 100 px of 10 m are 1 ha of Lambert-93, which enlarges areas by 1.000679 in the middle of this map (Snyder 1987, equation 15-4).
  EXPECT_NEAR(estimated, areas.at("covered_share").get<double>() * counts.at("mapped").get<double>() / 100 / 1.000679, 0.2);

  const std::string html = read_text(publication.folder + "/report.html");
  for (const char* id : {"map", "quality", "accuracy", "areas", "census", "provenance"})
    EXPECT_THAT(html, HasSubstr(join_text("<section id=\"", id, "\">")));
  EXPECT_THAT(html, AllOf(HasSubstr("Land cover of &lt;Occitanie&gt;"), HasSubstr("cut short &lt;at 1 MB&gt;"), HasSubstr("Straw cereals"),
                          HasSubstr("model.name"), HasSubstr("lang=\"en\"")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("src=\"http")), Not(HasSubstr("http://")), Not(HasSubstr("https://")), Not(HasSubstr("<link")),
                          Not(HasSubstr("url("))));
  EXPECT_THAT(html, AllOf(Not(HasSubstr(">nan")), Not(HasSubstr("\"nan")), Not(HasSubstr(" nan"))));

  // The same again, byte for byte.
  const std::string first = sha256(html), first_item = sha256_of_file(publication.folder + "/OCS_2021.json");
  publish(publication, context);
  EXPECT_EQ(sha256_of_file(publication.folder + "/report.html"), first);
  EXPECT_EQ(sha256_of_file(publication.folder + "/OCS_2021.json"), first_item);
}

// The regularised map and the polygons are products like the others: in the set that changes at once, in the item, in the page.
TEST_F(PublishTest, TheRegularisedMapAndPolygonsChangeWithTheMap) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 80, 60}, 5), coarse({"EPSG:2154", 560000, 6280000, 20, 20, 40, 30}, 5);
  Publication publication;
  publication.classification = folder + "/class.tif", publication.regularised = folder + "/regularised.tif";
  write_raster(publication.classification, patches.map, {});
  write_raster(publication.regularised, coarse.map, {});
  write_text(folder + "/made/departement_31.gpkg", "polygons"), write_text(folder + "/made/departement_31.zip", "shapes");
  write_text(folder + "/made/OCS_2021.fgb", "whole");
  publication.polygons = {{folder + "/made/departement_31.gpkg", 1234},
                          {folder + "/made/departement_31.zip", 1234},
                          {folder + "/made/OCS_2021.fgb", 2345, true}};
  publication.nomenclature = Nomenclature::load("oso23");
  publication.options.language = "fr";
  publication.form = SetForm::linked;
  publication.year = 2021, publication.name = "OCS_2021", publication.folder = folder + "/out/2021";
  publish(publication, context);

  const std::string out = publication.folder;
  EXPECT_EQ(RasterReader(out + "/OCS_2021_regularised.tif").read_all<std::uint8_t>().samples, coarse.map.samples);
  EXPECT_EQ(RasterReader(out + "/OCS_2021_regularised.tif").legend()->at(0).name, "Urbain dense");
  EXPECT_EQ(std::filesystem::read_symlink(out + "/vectors"), ".products/vectors") << "part of the set";
  EXPECT_EQ(read_text(out + "/vectors/departement_31.gpkg"), "polygons");
  EXPECT_EQ(std::filesystem::hard_link_count(out + "/vectors/departement_31.gpkg"), 2u) << "not copied";
  EXPECT_EQ(std::filesystem::status(out + "/vectors/departement_31.gpkg").permissions() & std::filesystem::perms::owner_write,
            std::filesystem::perms::none)
      << "a GIS that may write into it does";
  for (const char* file : {"OCS_2021_regularised.qml", "OCS_2021_regularised.sld", "OCS_2021_regularised.clr",
                           "OCS_2021_regularised.tif.vat.dbf", "vectors/departement_31.qml", "OCS_2021_polygons.sld"})
    EXPECT_TRUE(std::filesystem::exists(out + "/" + file)) << file;
  EXPECT_THAT(read_text(out + "/vectors/departement_31.qml"), AllOf(HasSubstr("attr=\"Classe\""), HasSubstr("label=\"Urbain dense\"")));
  EXPECT_THAT(read_text(out + "/OCS_2021_polygons.sld"),
              HasSubstr("<ogc:PropertyName>Classe</ogc:PropertyName><ogc:Literal>2</ogc:Literal>"));

  const auto assets = nlohmann::json::parse(read_text(out + "/OCS_2021.json")).at("assets");
  EXPECT_EQ(assets.at("regularised").at("proj:shape"), nlohmann::json({30, 40}));
  EXPECT_EQ(assets.at("regularised").at("raster:spatial_resolution"), 20.0);
  EXPECT_FALSE(assets.at("map").contains("proj:shape")) << "that of the item";
  EXPECT_EQ(assets.at("departement_31_zip").at("href"), "./vectors/departement_31.zip");
  EXPECT_EQ(assets.at("departement_31_gpkg").at("file:checksum"), "1220" + sha256("polygons"));

  const std::string html = read_text(out + "/report.html");
  EXPECT_THAT(html,
              AllOf(HasSubstr("lang=\"fr\""), HasSubstr("<section id=\"regularised\">"), HasSubstr("2\u202f345 polygones pavent le plan"),
                    HasSubstr("href=\"./vectors/departement_31.gpkg\""), HasSubstr("Carte d’occupation des sols")));

  // A new edition without polygons: they go with the set.
  publication.polygons.clear(), publication.regularised.clear();
  publish(publication, context);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(out + "/vectors")));
  EXPECT_FALSE(std::filesystem::exists(out + "/OCS_2021_regularised.tif"));
}

TEST_F(PublishTest, APageOfTheNoisiestMapHasLessThan3Megabytes) {
  const Grid grid{"EPSG:2154", 560000, 6280000, 10, 10, 2600, 2000};
  LabelMap map(grid);
  Raster<std::uint8_t> confidence(grid), validity(grid);
  std::mt19937 random(3);
  for (std::size_t i = 0; i < map.samples.size(); ++i)
    map.samples[i] = static_cast<std::uint8_t>(1 + random() % 23), confidence.samples[i] = static_cast<std::uint8_t>(1 + random() % 100),
    validity.samples[i] = static_cast<std::uint8_t>(1 + random() % 60);
  write_raster(folder + "/classification.tif", map, {});
  write_raster(folder + "/confidence.tif", confidence, {});
  write_raster(folder + "/validity.tif", validity, {});
  PublishCommand command;
  command.folder = folder;
  command.year = 2020;
  publish(command, context);
  const auto bytes = std::filesystem::file_size(folder + "/report.html");
  EXPECT_LT(bytes, 3'000'000u);
  EXPECT_GT(bytes, 700'000u) << "it zooms in as far as the size allows";
}

TEST_F(PublishTest, CommandWorksOnWhatMosaicWrites) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 60, 50}, 3);
  write_raster(folder + "/classification.tif", patches.map, {});
  PublishCommand command;
  command.folder = folder;
  command.year = 2020;
  publish(command, context);
  EXPECT_TRUE(std::filesystem::exists(folder + "/OCS_2020.tif"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/OCS_2020_confidence.tif"));
  const std::string html = read_text(folder + "/report.html");
  EXPECT_THAT(html, AllOf(HasSubstr("id=\"map\""), Not(HasSubstr("id=\"accuracy\"")), Not(HasSubstr("id=\"census\"")),
                          Not(HasSubstr("mean confidence"))));

  command.folder = folder + "/nothing";
  EXPECT_THROW(publish(command, context), UserError);
}

TEST_F(PublishTest, CodesAbove255HaveTheirNamesColoursAndType) {
  const Grid grid{"EPSG:2154", 560000, 6280000, 20, 20, 30, 20};
  Raster<std::uint16_t> map(grid, 1000);
  map.at(3, 4) = 255;
  write_raster(folder + "/classification.tif", map, {});
  write_text(folder + "/n.toml",
             "name = \"n\"\nclass = [{ code = 255, name = \"Water\", color = \"#0000ff\" }, { code = 1000, name = \"Vine\", color = "
             "\"#800080\" }]\n");
  PublishCommand command;
  command.folder = folder;
  command.output = folder + "/out";
  command.year = 2020;
  command.nomenclature = folder + "/n.toml";
  publish(command, context);
  const RasterReader product(command.output + "/OCS_2020.tif");
  EXPECT_EQ(product.info().type, PixelType::u16);
  EXPECT_EQ(product.read_all<std::uint16_t>().samples, map.samples);
  const auto legend = product.legend();
  ASSERT_TRUE(legend);
  EXPECT_EQ(legend->classes.size(), 2u);
  EXPECT_EQ(legend->at(*legend->index_of_code(1000)).name, "Vine");
  EXPECT_EQ(legend->at(*legend->index_of_code(1000)).color, Color::parse("#800080"));
  const auto item = nlohmann::json::parse(read_text(command.output + "/OCS_2020.json"));
  EXPECT_EQ(item.at("assets").at("map").at("bands").at(0).at("data_type"), "uint16");
  EXPECT_THAT(read_text(command.output + "/OCS_2020.qml"), HasSubstr("value=\"1000\" label=\"Vine\""));
  EXPECT_THAT(read_text(command.output + "/report.html"), HasSubstr("Vine"));
}

TEST_F(PublishTest, MapsOfAnotherFormAreRefusedWithTheCommandThatMakesThem) {
  const Grid grid{"EPSG:2154", 560000, 6280000, 20, 20, 3, 2};
  write_raster(folder + "/classification.tif", LabelMap(grid, 1), {});
  write_raster(folder + "/confidence.tif", Raster<float>(grid, 0.45f), {});
  PublishCommand command;
  command.folder = folder;
  command.year = 2020;
  EXPECT_THAT(testing::message_of([&] { publish(command, context); }),
              AllOf(HasSubstr("confidence.tif"), HasSubstr("taken for probabilities 0 to 1"), HasSubstr("millesime mosaic")));
  GDALDatasetH map = GDALOpen((folder + "/classification.tif").c_str(), GA_Update);  // a copy of the file would show what is hidden
  GDALCreateDatasetMaskBand(map, GMF_PER_DATASET);
  GDALClose(map);
  EXPECT_THAT(testing::message_of([&] { publish(command, context); }),
              AllOf(HasSubstr("classification.tif"), HasSubstr("what its mask hides is no data"), HasSubstr("millesime mosaic")));
}

TEST_F(PublishTest, RefusesCodesThatHaveNoName) {
  const Patches patches({"EPSG:2154", 560000, 6280000, 10, 10, 60, 50}, 40);
  write_raster(folder + "/classification.tif", patches.map, {});
  PublishCommand command;
  command.folder = folder;
  command.year = 2020;
  try {
    publish(command, context);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("classification.tif"), HasSubstr("oso23"), HasSubstr(" px)")));
  }
  EXPECT_FALSE(std::filesystem::exists(folder + "/OCS_2020.tif"));
}

TEST_F(PublishTest, SummaryCountsClassesAndMeans) {
  const Grid grid{"EPSG:2154", 560000, 6280000, 20, 20, 3, 2};
  LabelMap map(grid);
  map.samples = {0, 1, 1, 2, 2, 2};
  Raster<std::uint8_t> confidence(grid), validity(grid);
  confidence.samples = {99, 50, 60, 70, 80, 90};
  validity.samples = {200, 1, 2, 3, 4, 10};
  write_raster(folder + "/m.tif", map, {});
  write_raster(folder + "/c.tif", confidence, {});
  write_raster(folder + "/v.tif", validity, {});
  const MapSummary summary = summarise(folder + "/m.tif", folder + "/c.tif", folder + "/v.tif", context);
  ASSERT_EQ(summary.classes.size(), 2u);
  EXPECT_EQ(summary.classes[1].pixels, 3);
  EXPECT_DOUBLE_EQ(summary.classes[0].confidence, 55);
  EXPECT_DOUBLE_EQ(summary.confidence, 70);
  EXPECT_DOUBLE_EQ(summary.validity, 4);
  EXPECT_EQ(summary.highest_validity, 10);
  EXPECT_EQ(summary.lowest_validity, 1);
  EXPECT_EQ(summary.lowest_confidence, 50);
  EXPECT_EQ(summary.highest_confidence, 90);
  EXPECT_NEAR(*summary.mapped_ha, 5 * 0.04, 5 * 0.04 * 2e-3);  // of Lambert-93 at 43.6° N
  EXPECT_NEAR(summary.classes[1].ha, 3 * 0.04, 3 * 0.04 * 2e-3);
  EXPECT_FALSE(summary.in_degrees);
}

TEST_F(PublishTest, HectaresOfASummaryAreThoseOfTheEarth) {
  LabelMap map({"EPSG:3857", 333958, 5780000, 10, 10, 40, 30});  // at 46° N, where Web Mercator doubles areas
  std::ranges::fill(map.samples, std::uint8_t{1});
  write_raster(folder + "/m.tif", map, {});
  EXPECT_NEAR(*summarise(folder + "/m.tif", "", "", context).mapped_ha, 40 * 30 * 48.19e-4, 0.01);
  map.grid = {"EPSG:4326", 3, 46, 1e-4, 1e-4, 40, 30};
  write_raster(folder + "/d.tif", map, {});
  const MapSummary degrees = summarise(folder + "/d.tif", "", "", context);
  EXPECT_NEAR(*degrees.mapped_ha, 40 * 30 * 86.1e-4, 0.05);  // a square degree there is 8.61e9 m²
  EXPECT_TRUE(degrees.in_degrees);
}

}  // namespace
}  // namespace millesime
