#include "pipeline/stages/catalog.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"
#include "tests/support/as_nobody.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_context.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::message_of;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MuscateProduct;
using testing::SilentContext;
using testing::temp_dir;
using testing::write_product;

Config config_of(const std::string& root, int year) {
  Config config;
  config.year = year;
  config.output = root + "/out";
  config.sources.front().root = root + "/l2a";
  config.sources.front().bands = {"B2", "B5"};
  return config;
}

MuscateProduct on(const std::string& date, const std::string& tile = "T31TCJ") {
  MuscateProduct product;
  product.date = date;
  product.tile = tile;
  product.bands = {"B2", "B5"};
  return product;
}

// Names of tiles may be given to images that lie elsewhere: the area decides by where they lie.
TEST(Catalog, TilesOfAnAreaAreThoseWhoseImagesItMeets) {
  const std::string root = temp_dir();
  MuscateProduct moved = on("20180511");
  moved.grid.x0 = 258800;  // of the square T31TBJ
  write_product(root + "/l2a", moved);
  write_product(root + "/l2a", on("20180511", "T31TDJ"));  // at the north-western corner of T31TCJ
  Config config = config_of(root, 2018);
  const Box there = CoordinateTransform("EPSG:32631", "EPSG:4326")(moved.grid.extent());
  config.tiles.mapped.area = join_text(there.min_x, ",", there.min_y, ",", there.max_x, ",", there.max_y);
  EXPECT_THAT(tiles_of(config), ElementsAre("T31TCJ"));
  config.tiles.mapped.area = "3, 45, 4, 46";
  EXPECT_THAT(message_of([&] { tiles_of(config); }), HasSubstr("touches no tile; expected to meet one of T31TCJ, T31TDJ"));
}

TEST(Catalog, WritesACensusForEachTile) {
  const std::string root = temp_dir();
  for (const char* tile : {"T31TCJ", "T31TDJ"})
    for (const char* date : {"20180511", "20180621", "20170101"}) write_product(root + "/l2a", on(date, tile));
  const Config config = config_of(root, 2018);
  const auto units = catalog_stage().plan(config);
  ASSERT_TRUE(units);
  ASSERT_EQ(units->size(), 2u);
  EXPECT_EQ(units->at(1).name(), "catalog/T31TDJ");
  SilentContext silent;
  for (const Unit& unit : *units) {
    const auto counts = unit.run(silent.context);
    EXPECT_EQ(counts.at("acquisitions"), 2);
    EXPECT_EQ(counts.at("first"), "2018-05-11");
    EXPECT_EQ(counts.at("outside_period"), 1);
  }
  const SourceCensus census = TileImages::read(Layout(config).census("T31TDJ"), {config.sources.front().root}).main();
  EXPECT_EQ(census.tile, "T31TDJ");
  EXPECT_TRUE(census.outside_period.empty()) << "the file is the same in every period with these images";
}

TEST(Catalog, AnythingNewInTheFolderMakesTheUnitOutOfDate) {
  const std::string root = temp_dir();
  write_product(root + "/l2a", on("20180511"));
  const auto facts = [&] {
    const Unit unit = catalog_stage().plan(config_of(root, 2018))->at(0);
    std::vector<std::string> all = unit.facts;
    for (const auto& [name, look_up] : unit.looked_up) all.push_back(name + " = " + look_up.look());
    EXPECT_EQ(all.size(), 2u);
    return all;
  };
  const auto before = facts();
  EXPECT_EQ(facts(), before);
  write_product(root + "/l2a", on("20180611"));
  EXPECT_NE(facts(), before);
}

TEST(Catalog, WhatChangedIsSaidByTheNamesOfTheProducts) {
  const std::string root = temp_dir();
  for (const char* date : {"20180511", "20180521"}) write_product(root + "/l2a", on(date));
  const auto looked_up = [&] { return catalog_stage().plan(config_of(root, 2018))->at(0).looked_up.at("products"); };
  const std::string before = looked_up().look();
  for (const char* date : {"20180611", "20180621", "20180711"}) write_product(root + "/l2a", on(date));
  const std::string changed = on("20180511").name();
  std::ofstream(root + "/l2a/T31TCJ/" + changed + "/" + changed + "_FRE_B2.tif") << "1";
  fs::remove_all(root + "/l2a/T31TCJ/" + on("20180521").name());
  EXPECT_EQ(looked_up().change(before, looked_up().look()), "products of tile T31TCJ: 3 new (" + on("20180611").name() + ", " +
                                                                on("20180621").name() + ", and 1 more), 1 changed (" + changed +
                                                                "), 1 removed (" + on("20180521").name() + ")");
}

TEST(Catalog, DamageStopsTheUnitUnlessItIsSkipped) {
  const std::string root = temp_dir();
  write_product(root + "/l2a", on("20180511"));
  const std::string folder = write_product(root + "/l2a", on("20180611"));
  fs::remove_all(folder + "/MASKS");
  testing::cut_file(write_product(root + "/l2a", on("20180711")) + "/" + on("20180711").name() + "_FRE_B2.tif", 0);
  Config config = config_of(root, 2018);
  SilentContext silent;
  const std::string message = message_of([&] { catalog_stage().plan(config)->at(0).run(silent.context); });
  EXPECT_THAT(message,
              AllOf(HasSubstr("tile T31TCJ: 2 of 3 products"), HasSubstr("20180611"), HasSubstr("the mask MASKS/*_CLM_R1.tif is missing"),
                    HasSubstr("20180711"), HasSubstr("_FRE_B2.tif"), HasSubstr("--skip-damaged")));
  EXPECT_FALSE(fs::exists(Layout(config).census("T31TCJ")));
  config.sources.front().skip_damaged = true;
  const auto counts = catalog_stage().plan(config)->at(0).run(silent.context);
  EXPECT_EQ(counts.at("acquisitions"), 1);
  EXPECT_EQ(counts.at("damaged").size(), 2u);
  EXPECT_EQ(TileImages::read(Layout(config).census("T31TCJ"), {config.sources.front().root}).main().damaged.size(), 2u);
}

TEST(Catalog, AYearWithoutAcquisitionsNamesTheOthers) {
  const std::string root = temp_dir();
  for (const char* date : {"20180511", "20180621", "20160101"}) write_product(root + "/l2a", on(date));
  fs::create_directories(root + "/l2a/T31TDJ");
  SilentContext silent;
  const auto units = catalog_stage().plan(config_of(root, 2021));
  EXPECT_THAT(message_of([&] { units->at(0).run(silent.context); }),
              AllOf(HasSubstr("tile T31TCJ: no acquisition from 2021-01-01 to 2021-12-31 under " + root + "/l2a; "),
                    HasSubstr("2016 (1 product), 2018 (2 products), from 2016-01-01 to 2018-06-21; set year, period or --until")));
  EXPECT_THAT(message_of([&] { units->at(1).run(silent.context); }), HasSubstr("there is no product of the tile"));
}

TEST(Catalog, ThePeriodAloneDecidesWhichAcquisitionsCount) {
  Config config;
  config.year = 2021;
  EXPECT_EQ(config.days().first.iso(), "2021-01-01");
  EXPECT_EQ(config.days().second.iso(), "2021-12-31");
  config.time.start = "2021-03-01";
  config.time.end = "2021-10-31";
  EXPECT_EQ(config.days().second.iso(), "2021-12-31");
  config.period.start = "2020-11-01";
  config.period.end = "2021-10-31";
  EXPECT_EQ(config.days().first.iso(), "2020-11-01");
  EXPECT_EQ(config.days().second.iso(), "2021-10-31");
  config.period.end = "2020-10-31";
  EXPECT_THAT(message_of([&] { config.days(); }), HasSubstr("expected a start before its end, got 2020-11-01 to 2020-10-31"));
}

TEST(Catalog, WhatIsOutsideThePeriodIsListedAndNotRead) {
  const std::string root = temp_dir();
  for (const char* date : {"20171105", "20180511", "20181101"}) write_product(root + "/l2a", on(date));
  // Nobody looks whether an archive of another time is whole.
  write_text(root + "/l2a/T31TCJ/" + on("20160101").name() + ".zip", "cut short");
  Config config = config_of(root, 2018);
  config.period.start = "2017-11-01";
  config.period.end = "2018-10-31";
  SilentContext silent;
  const auto counts = catalog_stage().plan(config)->at(0).run(silent.context);
  EXPECT_EQ(counts.at("acquisitions"), 2);
  EXPECT_EQ(counts.at("first"), "2017-11-05");
  EXPECT_EQ(counts.at("outside_period"), 2);
  CatalogCommand command;
  command.root = root + "/l2a";
  command.period = config.period;
  const std::string text = catalog(command, silent.context).to_text();
  EXPECT_THAT(text, AllOf(HasSubstr("outside the period: 2016 (1 product), 2018 (1 product)"), HasSubstr(on("20181101").name())));
}

TEST(Catalog, ATimeGridOutsideThePeriodIsAnError) {
  const std::string file = temp_dir() + "/c.toml";
  write_text(
      file,
      "year = 2021\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n[model]\npath = \"m\"\n[time]\nstart = \"2020-10-01\"\n");
  EXPECT_THAT(message_of([&] { Config::load(file, {}); }),
              HasSubstr("time.start: 2020-10-01 lies outside the period, 2021-01-01 to 2021-12-31"));
  EXPECT_EQ(Config::load(file, {"period.start=2020-10-01", "period.end=2021-09-30"}).days().second.iso(), "2021-09-30");
}

TEST(ConfigOfAProduction, ADeviceIsOneOfFourForms) {
  const std::string file = temp_dir() + "/c.toml", rest = "year = 2021\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n";
  write_text(file, "device = \"foo\"\n" + rest);
  EXPECT_THAT(message_of([&] { Config::load(file, {}); }), HasSubstr("c.toml:1: device: expected auto, cpu, cuda or cuda:N, got \"foo\""));
  for (const char* device : {"auto", "cpu", "cuda", "cuda:3"})
    EXPECT_EQ(Config::load(file, {"device=" + std::string(device)}).device, device);
  EXPECT_THAT(message_of([&] { Config::load(file, {"device=cuda:x"}); }), HasSubstr("command line: device"));
}

TEST(Catalog, TheCommandShowsDamageAndGoesOn) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  MuscateProduct again = on("20180511");
  again.version = "2-0";
  write_product(root, again);
  write_product(root, on("20180711", "T31TDJ"));
  fs::create_directories(root + "/T31TDJ/" + on("20180811", "T31TDJ").name());
  CatalogCommand command;
  command.root = root;
  SilentContext silent;
  const CatalogReport report = catalog(command, silent.context);
  EXPECT_TRUE(report.damaged());
  EXPECT_THAT(report.to_text(), AllOf(HasSubstr("T31TCJ\n  1 acquisition from 1 product"), HasSubstr("replaced by a newer version"),
                                      HasSubstr("damaged: SENTINEL2A_20180811"), HasSubstr("the folder is empty")));
  const auto document = report.to_json();
  EXPECT_EQ(document["tiles"][1]["damaged"].size(), 1u);
  command.tiles = {"T31TCJ"};
  EXPECT_FALSE(catalog(command, silent.context).damaged());
  command.year = 2017;
  EXPECT_THAT(catalog(command, silent.context).to_text(), HasSubstr("no acquisition\n  outside the period: 2018 (2 products)"));
  command.root = root + "/T31TCJ";  // products beside each other
  command.year = 0;
  EXPECT_THAT(catalog(command, silent.context).to_text(), HasSubstr("T31TCJ\n  1 acquisition from 1 product"));
  std::filesystem::create_directories(root + "/empty");
  command.root = root + "/empty";
  command.tiles = {};
  EXPECT_THAT(message_of([&] { catalog(command, silent.context); }), HasSubstr("no tiles found"));
}

TEST(Catalog, WhatIsNamedLikeATileAndIsNoFolderIsAnError) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  CatalogCommand command;
  command.root = root;
  SilentContext silent;
  const auto message = [&] { return message_of([&] { catalog(command, silent.context); }); };
  fs::create_symlink(root + "/unmounted", root + "/T31TDJ");
  EXPECT_THAT(message(), HasSubstr(root + "/T31TDJ: is named like a tile of sentinel2_theia and is a link to what is not there"));
  command.tiles = {"T31TCJ"};  // named: the others do not matter
  EXPECT_EQ(message(), "no error");
  command.tiles = {};
  fs::remove(root + "/T31TDJ");
  write_text(root + "/T31TDJ", "");
  EXPECT_THAT(message(), HasSubstr("is no folder"));
  fs::remove(root + "/T31TDJ");
  ASSERT_EQ(::mkfifo((root + "/T31TDJ").c_str(), 0600), 0);
  EXPECT_THAT(message(), HasSubstr("is a named pipe"));
  fs::remove(root + "/T31TDJ");
  fs::create_directories(root + "/t31tdj");
  EXPECT_THAT(message(), HasSubstr("/t31tdj: is named like a tile of sentinel2_theia and is spelled with other capital letters"));
  fs::remove(root + "/t31tdj");
  fs::create_directory_symlink(root + "/T31TCJ", root + "/T31TEJ");  // a link to a folder is one
  write_text(root + "/notes.txt", "");
  EXPECT_EQ(message(), "no error");
}

TEST(Catalog, AProductThatMayNotBeListedIsNotAnEmptyOne) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  const std::string product = root + "/T31TCJ/" + on("20180511").name();
  fs::permissions(product, fs::perms::none);
  CatalogCommand command;
  command.root = root;
  SilentContext silent;
  std::string message;
  {
    const testing::AsNobody nobody(root);
    message = message_of([&] { catalog(command, silent.context); });
  }
  fs::permissions(product, fs::perms::owner_all);
  EXPECT_THAT(message, HasSubstr(product + ": cannot be listed: Permission denied"));
}

// Their products would overwrite each other where file systems do not tell capital letters.
TEST(Catalog, TilesThatDifferInCapitalLettersAloneAreRefused) {
  const std::string root = temp_dir();
  Config config = config_of(root, 2021);
  config.sources.front() = {.name = "drone", .sensor = root + "/drone.toml", .root = root + "/series", .bands = {"r"}};
  write_text(config.sources.front().sensor,
             "title = \"drone\"\nplatform = \"drone\"\nsource = \"drone\"\nlayout = \"raster_series\"\nunit = \"reflectance\"\n"
             "file = \"{tile}/{date}.tif\"\ntile = \"[A-Za-z]+\"\nband = [{ name = \"r\", common = \"red\" }]\n");
  for (const char* name : {"North", "north", "south"})
    testing::write_image(root + "/series/" + name + "/20210511.tif", {.type = "Int16", .number = [](int, int, int) { return 1; }});
  EXPECT_THAT(message_of([&] { tiles_of(config); }),
              AllOf(HasSubstr("the tiles North and north differ in the case of letters alone"), HasSubstr("tiles.names")));
  SilentContext silent;
  CatalogCommand command;
  command.root = root + "/series", command.sensor = config.sources.front().sensor;
  EXPECT_THAT(catalog(command, silent.context).to_text(), HasSubstr("differs from the tile North in the case of letters alone"));
  config.tiles.names = {"north", "south"};
  EXPECT_THAT(tiles_of(config), ElementsAre("north", "south"));
}

// Nothing else tells of a raster whose name is a little wrong.
TEST(Catalog, RastersOfNoPatternAreTold) {
  const std::string root = temp_dir();
  Config config = config_of(root, 2021);
  config.sources.front() = {.name = "drone", .sensor = root + "/drone.toml", .root = root + "/series", .bands = {"r"}};
  write_text(config.sources.front().sensor,
             "title = \"drone\"\nplatform = \"drone\"\nsource = \"drone\"\nlayout = \"raster_series\"\nunit = \"reflectance\"\n"
             "file = \"{tile}/flight_{date}_{band}.tif\"\ntile = \"[ab]\"\nband = [{ name = \"r\", common = \"red\" }]\n"
             "mask = [{ name = \"sharp\", valid = [1] }]\n");
  const auto write = [&](const std::string& name) {
    testing::write_image(root + "/series/" + name, {.type = "Int16", .number = [](int, int, int) { return 1; }});
  };
  for (const char* name : {"a/flight_20210511_r.tif", "a/flight_20210511_sharp.tif", "b/flight_20210511_r.tif",
                           "b/flight_20210511_sharp.tif", "a/flight_20210511_other.tif", "a/notes.png"})
    write(name);
  for (const char* name : {"a/flight_20210511_r.tif.aux.xml", "a/flight_20210511_r.tif.ovr"}) write_text(root + "/series/" + name, "");
  config.exogenous = {{.name = "slope", .path = root + "/series/slope.tif"}};
  write("slope.tif");
  const auto notes = [&] {
    testing::SilentProgress progress;
    SilentContext silent;
    silent.context.progress = &progress;
    const auto units = catalog_stage().plan(config);
    for (const Unit& unit : *units) unit.run(silent.context);
    return progress.notes;
  };
  EXPECT_THAT(notes(), ::testing::IsEmpty());
  const auto state = [&] { return catalog_stage().plan(config)->at(0).looked_up.at("rasters of no pattern").look(); };
  const std::string before = state();
  write("a/flight_2021-05-16_r.tif");
  EXPECT_NE(state(), before) << "the unit that tells runs again";
  EXPECT_THAT(notes(),
              ElementsAre(AllOf(HasSubstr(root + "/series: 1 raster fits no pattern of "), HasSubstr(": a/flight_2021-05-16_r.tif;"))))
      << "once, not for each tile";
  SilentContext silent;
  CatalogCommand command;
  command.root = root + "/series", command.sensor = config.sources.front().sensor;
  const CatalogReport report = catalog(command, silent.context);
  EXPECT_THAT(report.to_text(), HasSubstr("2 rasters fit no pattern of"));
  EXPECT_EQ(report.to_json().at("unmatched").dump(), R"({"rasters":2,"first":["a/flight_2021-05-16_r.tif","slope.tif"]})");
}

TEST(Edition, IsNamedAfterWhatIsKnown) {
  const auto name = [](const PeriodOptions& period) { return edition_of(period, 2021); };
  EXPECT_EQ(name({}), "2021");
  EXPECT_EQ(name({.start = {}, .end = {}, .until = "2021-06-30", .name = {}}), "2021-06");
  EXPECT_EQ(name({.start = {}, .end = {}, .until = "2021-06-15", .name = {}}), "2021-06-15");
  EXPECT_EQ(name({.start = {}, .end = {}, .until = "2021-12-31", .name = {}}), "2021") << "all is known";
  EXPECT_EQ(name({.start = "2020-11-01", .end = "2021-10-31", .until = {}, .name = {}}), "2021");
  EXPECT_EQ(name({.start = "2020-11-01", .end = "2021-10-31", .until = "2020-12-31", .name = {}}), "2021-2020-12");
  EXPECT_EQ(name({.start = {}, .end = {}, .until = "2021-06-30", .name = "summer"}), "summer-2021-06");
  EXPECT_EQ(last_day_of({.start = {}, .end = {}, .until = "2021-06-30", .name = {}}, 2021), 181);
  EXPECT_EQ(last_day_of({.start = {}, .end = {}, .until = "2021-12-31", .name = {}}, 2021), 0);
  EXPECT_EQ(days_of({.start = {}, .end = {}, .until = "2021-06-30", .name = {}}, 2021).second.iso(), "2021-06-30");
  const auto refusal = [](const PeriodOptions& period) {
    return testing::message_of([&] { days_of(period, 2021), edition_of(period, 2021); });
  };
  EXPECT_THAT(refusal({.start = "2021-06-01", .end = {}, .until = "2021-05-01", .name = {}}),
              HasSubstr("before the first day of the period, 2021-06-01"));
  EXPECT_THAT(refusal({.start = "2019-01-01", .end = "2021-12-31", .until = {}, .name = {}}),
              HasSubstr("at most two years, got 1096 days"));
  EXPECT_THAT(refusal({.start = "2021-06-01", .end = "2021-05-01", .until = {}, .name = {}}), HasSubstr("a start before its end"));
  EXPECT_THAT(refusal({.start = {}, .end = {}, .until = {}, .name = "../2020"}), HasSubstr("letters, digits"));
}

}  // namespace
}  // namespace millesime
