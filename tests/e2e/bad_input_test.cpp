// Wrong input of users: a clear message, exit code 2, nothing lost.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/muscate_product.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::MuscateProduct;
using ::testing::Not;
using testing::run_program;

// A tile with three dates, two classes of two polygons each, and a configuration that maps it.
class BadInput : public ::testing::Test {
 protected:
  BadInput() {
    for (const char* date : {"20210110", "20210511", "20210905"}) products.push_back(write_product(folder + "/l2a", product(date)));
    write_reference({{"16", 0}, {"16", 60}, {"23", 120}, {"23", 180}});
    write_config("");
  }

  static MuscateProduct product(const std::string& date) {
    MuscateProduct p;
    p.date = date;
    p.value = [date](const std::string&, int col, int row) {
      return static_cast<std::int16_t>(500 + 100 * (col / 6) + row + std::stoi(date) % 97);
    };
    return p;
  }

  // Boxes of 50 m, `x` metres from the tile's left edge, with their class as text.
  void write_reference(const std::vector<std::pair<std::string, double>>& boxes, const std::string& field = "CODE", double shift = 0) {
    std::vector<OutputFeature> features;
    for (const auto& [code, x] : boxes) {
      const double left = 300000 + x + shift, top = 4900000;
      features.push_back({{{{{{left, top - 50}, {left + 50, top - 50}, {left + 50, top}, {left, top}, {left, top - 50}}}}}, {code}});
    }
    fs::remove(folder + "/reference.gpkg");
    write_polygons(folder + "/reference.gpkg", "reference", "EPSG:32631", {field}, features);
  }

  void write_config(const std::string& more, const std::string& top = "") {
    write_text(folder + "/c.toml",
               top +
                   "year = 2021\n\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n\n[reference]\npath = "
                   "\"reference.gpkg\"\nclass_field = \"CODE\"\n" +
                   "\n[model]\nname = \"random_forest\"\n\n[train]\ntrees = 3\nmin_leaf = 1\n\n[mosaic]\ncrs = \"EPSG:32631\"\n" + more);
  }

  testing::ProgramResult run(std::vector<std::string> more = {}, const std::string& limits = "") {
    std::vector<std::string> arguments{"run", folder + "/c.toml", "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, -1, limits);
  }

  void expect_error(const testing::ProgramResult& result, const ::testing::Matcher<std::string>& message) {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, message);
  }

  std::string folder = testing::temp_dir();
  std::vector<std::string> products;
};

TEST_F(BadInput, TheGoodOnesAreMapped) {
  const auto result = run();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(fs::exists(folder + "/out/2021/OCS_2021.tif"));
}

TEST_F(BadInput, DamagedProductsAreNamedAndLeftOutOnlyOnRequest) {
  const std::string broken = products[1] + "/" + fs::path(products[1]).filename().string() + "_FRE_B4.tif";
  testing::cut_file(broken, 300);
  expect_error(run(), AllOf(HasSubstr("20210511"), HasSubstr("FRE_B4"), HasSubstr("skip-damaged")));
  const auto skipped = run({"--skip-damaged"});
  EXPECT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_THAT(read_text(folder + "/out/2021/work/catalog/T31TCJ.json"), HasSubstr("20210511"));
  EXPECT_THAT(read_text(folder + "/out/2021/report.html"), HasSubstr("20210511"));
}

TEST_F(BadInput, ZeroByteFilesMissingMasksMissingBandsAndEmptyFolders) {
  const std::string name = fs::path(products[0]).filename();
  std::ofstream(products[0] + "/" + name + "_FRE_B8.tif", std::ios::trunc).close();
  expect_error(run(), HasSubstr("FRE_B8"));
  fs::remove_all(products[0]);
  testing::write_product(folder + "/l2a", product("20210110"));
  fs::remove(products[0] + "/MASKS/" + name + "_CLM_R1.tif");
  expect_error(run(), HasSubstr("CLM"));
  fs::remove_all(products[0]);
  fs::create_directory(products[0]);
  expect_error(run(), HasSubstr("20210110"));
  fs::remove_all(products[0]);
  MuscateProduct nine = product("20210110");
  std::erase(nine.bands, "B8A");
  testing::write_product(folder + "/l2a", nine);
  expect_error(run(), HasSubstr("B8A"));
}

TEST_F(BadInput, AZipCutShort) {
  const std::string zip = testing::zip_product(products[2]);
  testing::cut_file(zip, fs::file_size(zip) / 2);
  expect_error(run(), HasSubstr(fs::path(zip).filename().string()));
}

TEST_F(BadInput, AYearWithoutAcquisitions) { expect_error(run({"--set", "year=2019"}), AllOf(HasSubstr("2019"), HasSubstr("2021"))); }

TEST_F(BadInput, PolygonsElsewhere) {
  write_reference({{"16", 0}, {"23", 60}}, "CODE", 500000);
  expect_error(run(), AllOf(HasSubstr("reference.gpkg"), HasSubstr("tile")));
}

TEST_F(BadInput, PolygonsInAnotherReferenceSystemGiveTheSameMap) {
  ASSERT_EQ(run().code, 0);
  const std::string map = read_text(folder + "/out/2021/OCS_2021.tif");
  const std::string command = "ogr2ogr -t_srs EPSG:4326 '" + folder + "/lonlat.geojson' '" + folder + "/reference.gpkg' 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto result = run({"--set", "reference.path=" + folder + "/lonlat.geojson", "--out", folder + "/other"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(read_text(folder + "/other/2021/OCS_2021.tif"), map);
}

TEST_F(BadInput, InvalidGeometryIsMendedOrDroppedWithWords) {
  std::vector<OutputFeature> features;
  const auto add = [&](const std::string& code, std::vector<Point> ring) { features.push_back({{Polygon{{std::move(ring)}}}, {code}}); };
  for (const double x : {0, 60}) add("16", {{300000 + x, 4899950}, {300050 + x, 4899950}, {300050 + x, 4900000}, {300000 + x, 4899950}});
  add("23", {{300120, 4899950}, {300170, 4900000}, {300170, 4899950}, {300120, 4900000}, {300120, 4899950}});  // a bow tie
  add("23", {{300180, 4899950}, {300230, 4899950}, {300230, 4900000}, {300180, 4899950}});
  add("23", {{300180, 4900000}, {300230, 4900000}, {300180, 4900000}, {300180, 4900000}});  // without area
  fs::remove(folder + "/reference.gpkg");
  write_polygons(folder + "/reference.gpkg", "reference", "EPSG:32631", {"CODE"}, features);
  const auto result = run_program({"run", folder + "/c.toml"});  // --quiet would not print the counts
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("geometries_repaired 1"), HasSubstr("geometries_dropped 1")));
}

TEST_F(BadInput, ReferenceWithoutTheClassField) {
  write_reference({{"16", 0}, {"23", 60}}, "KIND");
  expect_error(run(), AllOf(HasSubstr("CODE"), HasSubstr("KIND")));
}

TEST_F(BadInput, CodesOutsideTheNomenclatureAreListedWithCounts) {
  write_reference({{"16", 0}, {"99", 60}, {"99", 120}, {"wood", 180}});
  expect_error(run(), AllOf(HasSubstr("\"99\" (2 polygons)"), HasSubstr("\"wood\" (1 polygon)")));
}

TEST_F(BadInput, TheOnlyPolygonOfAClassLearnsAndJudgesNothing) {
  write_reference({{"16", 0}, {"16", 60}, {"23", 120}});
  const auto result = run();
  EXPECT_EQ(result.code, 0) << result.err;
  const auto counts = nlohmann::json::parse(read_text(folder + "/out/2021/work/sample/T31TCJ.manifest.json")).at("counts");
  EXPECT_EQ(counts.at("lone_polygons").size(), 1U);
  const auto judged = nlohmann::json::parse(read_text(folder + "/out/2021/accuracy.json")).at("runs").at(0);
  EXPECT_EQ(judged.at("polygons"), 1);  // one of the two of class 16
  EXPECT_EQ(judged.at("not_judged"), nlohmann::json({23}));
}

TEST_F(BadInput, UnknownKeysBadValuesAndBadToml) {
  write_config("\n[time]\nstep_day = 10\n");
  expect_error(run(), AllOf(HasSubstr("c.toml:"), HasSubstr("did you mean \"time.step_days\"")));
  write_config("\n[time]\nstep_days = 0\n");
  expect_error(run(), HasSubstr("expected 1 to 366 days, got 0"));
  write_config("\n[time\n");
  expect_error(run(), HasSubstr("c.toml:"));
  write_config("");
  expect_error(run({"--set", "mosaic.crs=EPSG:0"}), HasSubstr("EPSG:0"));
  expect_error(run({"--set", "time.start=2021-13-01"}), HasSubstr("2021"));
  expect_error(run({"--set", "model.name=ltea"}), HasSubstr("ltae"));
}

TEST_F(BadInput, NomenclaturesWithDoubleCodesOrBadColours) {
  write_text(
      folder + "/double.toml",
      "class = [\n { code = 16, name = \"wood\", color = \"#009c00\" },\n { code = 16, name = \"water\", color = \"#0000ff\" },\n]\n");
  expect_error(run({"--set", "nomenclature=" + folder + "/double.toml"}), AllOf(HasSubstr("double.toml"), HasSubstr("16")));
  write_text(folder + "/colour.toml", "class = [\n { code = 16, name = \"wood\", color = \"green\" },\n]\n");
  expect_error(run({"--set", "nomenclature=" + folder + "/colour.toml"}), AllOf(HasSubstr("colour.toml"), HasSubstr("green")));
}

TEST_F(BadInput, AModelThatDoesNotFitTheBands) {
  ASSERT_EQ(run().code, 0);
  const std::string model = folder + "/out/2021/work/train/all_seed_0.safetensors";
  expect_error(run({"--set", "model.path=" + model, "--set", "source.bands=B2,B3,B4", "--out", folder + "/other"}),
               AllOf(HasSubstr("all_seed_0"), HasSubstr("B8A")));
}

TEST_F(BadInput, AModelThatDoesNotFitTheDates) {
  // Learned on regular dates from January to September; a single image in May cannot give them.
  ASSERT_EQ(run().code, 0);
  const std::string model = folder + "/out/2021/work/train/all_seed_0.safetensors";
  for (const std::size_t i : {0, 2}) fs::remove_all(products[i]);
  expect_error(run({"--set", "model.path=" + model, "--out", folder + "/other"}),
               AllOf(HasSubstr("all_seed_0"), HasSubstr("2021-01-10"), HasSubstr("period")));
}

TEST_F(BadInput, ProductsOfAnotherSensorAreNamed) {
  fs::create_directory(folder + "/l2a/T31TCJ/LANDSAT8-OLITIRS-XS_20210105-104500-000_L2A_T31TCJ_C_V2-2");
  expect_error(run(), AllOf(HasSubstr("LANDSAT8-OLITIRS-XS_20210105"), HasSubstr("another sensor")));
  EXPECT_EQ(run({"--skip-damaged"}).code, 0);
}

TEST_F(BadInput, ADamagedModelFile) {
  ASSERT_EQ(run().code, 0);
  const std::string model = folder + "/damaged.safetensors";
  fs::copy(folder + "/out/2021/work/train/all_seed_0.safetensors", model);
  testing::cut_file(model, fs::file_size(model) / 2);
  expect_error(run({"--set", "model.path=" + model, "--out", folder + "/other"}), HasSubstr("damaged.safetensors"));
}

TEST_F(BadInput, AnOutputFolderThatCannotBeWritten) {
  write_text(folder + "/file", "");
  expect_error(run({"--out", folder + "/file/out"}), HasSubstr(folder + "/file"));
}

// Where the output cannot be written, nothing is read: a missing model would be named otherwise.
TEST_F(BadInput, AnEnsembleThatCannotBeWritten) {
  const auto joined = [&](const std::string& output) {
    return run_program({"ensemble", "--models", folder + "/none.safetensors", folder + "/none.safetensors", "-o", output});
  };
  expect_error(joined(folder), AllOf(HasSubstr(folder), Not(HasSubstr("none.safetensors"))));
  expect_error(joined("/dev/full"), AllOf(HasSubstr("/dev/full"), Not(HasSubstr("none.safetensors"))));
  expect_error(joined(folder + "/both.safetensors"), HasSubstr("none.safetensors"));
}

TEST_F(BadInput, OptionsThatTheModelDoesNotReadAreNamed) {
  const auto plan = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"run", folder + "/c.toml", "--quiet", "--dry-run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  EXPECT_THAT(plan({}).err, Not(HasSubstr("has no effect")));
  const auto warned = plan({"--set", "train.epochs=5", "--set", "classify.precision=bfloat16"});
  EXPECT_EQ(warned.code, 0) << warned.err;
  EXPECT_THAT(warned.err,
              AllOf(HasSubstr("warning: train.epochs has no effect on the model random_forest: it is for networks (command line)"),
                    HasSubstr("classify.precision has no effect")));
  EXPECT_THAT(plan({"--set", "model.name=ltae"}).err,
              HasSubstr("train.trees has no effect on the model ltae: it is for random forests (" + folder + "/c.toml:"));
}

TEST_F(BadInput, WhatTheConfigurationNamesIsOpenedBeforeAnyWork) {
  for (const auto& [setting, message] : {std::pair{"reference.path=nope.gpkg", "nope.gpkg"},
                                         {"reference.class_field=CODEX", "CODEX"},
                                         {"reference.layer=parcels", "has no layer \"parcels\""},
                                         {"nomenclature=nope", "nomenclature \"nope\": no such file"},
                                         {"model.path=nope.safetensors", "nope.safetensors"}}) {
    expect_error(run({"--set", setting, "--dry-run"}), HasSubstr(message));
    expect_error(run({"--set", setting}), HasSubstr(message));
  }
  for (const auto& [more, message] :
       {std::pair{"\n[regions]\npath = \"nope.gpkg\"\nfield = \"region\"\n", "nope.gpkg"},
        {"\n[regions]\npath = \"reference.gpkg\"\nfield = \"region\"\n", "region"},
        {"\n[[exogenous]]\nname = \"dem\"\npath = \"nope.tif\"\n", "nope.tif"},
        {"\n[[exogenous]]\nname = \"soil\"\npath = \"reference.gpkg\"\nfield = \"SOIL\"\nkind = \"category\"\n", "SOIL"}}) {
    write_config(more);
    expect_error(run({"--dry-run"}), HasSubstr(message));
    expect_error(run(), HasSubstr(message));
    EXPECT_EQ(run({"--to", "footprint", "--dry-run"}).code, 0) << "stages that do not read it";
  }
  EXPECT_FALSE(fs::exists(folder + "/out/2021/work/catalog"));
}

TEST_F(BadInput, CodesThatMeanOtherClasses) {
  ASSERT_EQ(run({"--to", "train"}).code, 0);
  const std::string model = folder + "/out/2021/work/train/all_seed_0.safetensors";
  write_text(folder + "/other.csv", "code,name\n16,Water\n23,Conifers\n");
  const std::vector<std::string> with_model = {"--out", folder + "/mapped", "--set", "model.path=" + model};
  auto others = with_model;
  others.insert(others.end(), {"--set", "nomenclature=" + folder + "/other.csv"});
  expect_error(run(others), AllOf(HasSubstr("name classes of one code differently"), HasSubstr("set nomenclature to the one")));
  write_text(folder + "/other.csv", "code,name\n16,Forets de feuillus\n23,WATER\n");
  EXPECT_EQ(run(others).code, 0) << "another spelling and another case";
  EXPECT_EQ(run(with_model).code, 0);
  // Groups with codes of classes, in maps that hold both.
  write_text(folder + "/groups.csv", "code,name,group\n16,Wood,23\n23,Water,16\n");
  expect_error(run({"--set", "nomenclature=" + folder + "/groups.csv", "--set", "classify.levels=true", "--dry-run"}),
               HasSubstr("give groups codes that no class has"));
}

TEST_F(BadInput, ADiskThatIsFull) {
  ASSERT_EQ(run().code, 0);
  const std::string map = read_text(folder + "/out/2021/OCS_2021.tif");
  // A limit on the size of files simulates a full disk.
  const auto full = run({"--set", "train.trees=60", "--force"}, "ulimit -f 1");
  EXPECT_EQ(full.code, 2) << full.err;
  EXPECT_EQ(read_text(folder + "/out/2021/OCS_2021.tif"), map);
  const auto again = run();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(read_text(folder + "/out/2021/OCS_2021.tif"), map);
}

TEST_F(BadInput, ProductNamesAreDataNeverCommands) {
  fs::create_directory(folder + "/l2a/T31TCJ/SENTINEL2A_20210601-105804-037_L2A_T31TCJ_D_V1-7; touch hacked");
  fs::create_directory(folder + "/l2a/$(touch hacked)");
  const auto result = run({"--tiles", "../../etc"});
  EXPECT_EQ(result.code, 2) << result.err;
  run({"--skip-damaged", "--set", "tiles.names=T31TCJ"});
  EXPECT_FALSE(fs::exists("hacked"));
  EXPECT_FALSE(fs::exists(folder + "/hacked"));
}

TEST_F(BadInput, CommandsThatDoNotExist) {
  EXPECT_EQ(run_program({"classfy"}).code, 2);
  EXPECT_THAT(run_program({"classfy"}).err, HasSubstr("classify"));
  EXPECT_THAT(run_program({"run", folder + "/c.toml", "--tile", "T31TCJ"}).err, HasSubstr("--tiles"));
  expect_error(run({"--device", "cuda:7"}), HasSubstr("cuda:7"));
  expect_error(run({"--memory", "little"}), HasSubstr("8GiB"));
}

}  // namespace
}  // namespace millesime
