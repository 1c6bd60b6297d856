// Length: every kind of damage that a product may have, each with its message.

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/series_reader.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using testing::message_of;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MuscateProduct;
using testing::temp_dir;
using testing::write_product;
using testing::zip_product;

const Date kFirst = Date::from_ymd(2018, 1, 1), kLast = Date::from_ymd(2018, 12, 31);

MuscateProduct on(const std::string& date) {
  MuscateProduct product;
  product.date = date;
  return product;
}

SourceCensus census(const std::string& root, const std::vector<std::string>& bands = {}) {
  return make_sensor("sentinel2_theia")->take_census(root, "T31TCJ", bands, kFirst, kLast);
}

std::vector<std::string> dates(const SourceCensus& result) {
  std::vector<std::string> texts;
  for (const Acquisition& acquisition : result.acquisitions) texts.push_back(acquisition.date.iso());
  return texts;
}

TEST(Sentinel2Theia, FindsProductsAndReadsDatesFromNames) {
  const std::string root = temp_dir();
  for (const char* date : {"20180620", "20180511", "20171231", "20190101", "20170304"}) write_product(root, on(date));
  std::ofstream(root + "/T31TCJ/notes.txt") << "mine";
  fs::create_directories(root + "/quicklooks");
  const SourceCensus result = census(root);
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11", "2018-06-20"));
  EXPECT_THAT(result.bands, ElementsAre("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"));
  EXPECT_EQ(to_text(result.grid), to_text(MuscateProduct().grid));
  EXPECT_EQ(result.acquisitions[0].passes[0].version, "1-7");
  EXPECT_EQ(result.acquisitions[0].passes[0].time, "105804-037");
  EXPECT_TRUE(result.damaged.empty() && result.superseded.empty() && result.merged.empty());
  EXPECT_THAT(result.ignored, ElementsAre("notes.txt"));
  EXPECT_EQ(years_of(result.outside_period), "2017 (2 products), 2019 (1 product)");
  EXPECT_EQ(result.files.size(), 26u);
  EXPECT_THAT(make_sensor("sentinel2_theia")->tiles(root), ElementsAre("T31TCJ"));
}

TEST(Sentinel2Theia, CensusSurvivesItsFile) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  MuscateProduct second = on("20180511");
  second.time = "110000-000";
  write_product(root, second);
  testing::cut_file(write_product(root, on("20180601")) + "/" + on("20180601").name() + "_FRE_B3.tif", 0);
  const SourceCensus result = census(root, {"B8A", "B2"});
  write_text(root + "/census.json", TileImages::of(result).to_json().dump(1));
  const SourceCensus read = TileImages::read(root + "/census.json", {root}).main();
  EXPECT_EQ(read.to_json(), result.to_json());
  EXPECT_THAT(read.bands, ElementsAre("B8A", "B2"));
  EXPECT_THAT(read.merged, ElementsAre(HasSubstr("2018-05-11: ")));
  write_text(root + "/half.json", result.to_json().dump(1).substr(0, 200));
  write_text(root + "/other.json", "{}");
  EXPECT_THAT(message_of([&] { TileImages::read(root + "/half.json"); }), HasSubstr("half.json: is not JSON"));
  EXPECT_THAT(message_of([&] { TileImages::read(root + "/other.json"); }), HasSubstr("other.json: is not a census"));

  // A number beyond any type.
  write_text(root + "/huge.json", "{\"tile\": 1e400}");
  EXPECT_THAT(message_of([&] { TileImages::read(root + "/huge.json"); }), HasSubstr("huge.json: is not JSON"));
}

// Of a day with more than 90 % clouds MAJA writes the metadata alone.
TEST(Sentinel2Theia, ProductsOfMetadataAloneAreLeftOutWithANote) {
  const std::string root = temp_dir(), name = on("20180521").name(), cloudy = root + "/T31TCJ/" + name;
  write_product(root, on("20180511"));
  fs::create_directories(cloudy + "/MASKS");
  write_text(cloudy + "/" + name + "_MTD_ALL.xml", "<Muscate_Metadata_Document/>");
  write_text(cloudy + "/" + name + "_QKL_ALL.jpg", "x");
  const SourceCensus result = census(root);
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11"));
  EXPECT_TRUE(result.damaged.empty());
  EXPECT_THAT(result.notes, ElementsAre(AllOf(HasSubstr("left out, since they have metadata and no image"), HasSubstr(name))));
  write_text(cloudy + "/" + name + "_FRE_B2.tif", "x");  // a download that broke off is damaged
  EXPECT_EQ(census(root).damaged.size(), 1u);
}

TEST(Sentinel2Theia, ImagesOfTheOtherVariantAreNamed) {
  const std::string root = temp_dir(), folder = write_product(root, on("20180511"));
  std::vector<fs::path> images;
  for (const auto& entry : fs::directory_iterator(folder)) images.push_back(entry.path());
  for (const fs::path& image : images)
    if (const std::string path = image.string(); path.find("_FRE_") != std::string::npos)
      fs::rename(path, std::string(path).replace(path.find("_FRE_"), 5, "_SRE_"));
  const SourceCensus result = census(root);
  ASSERT_EQ(result.damaged.size(), 1u);
  EXPECT_THAT(result.damaged[0].message, HasSubstr("it has no band (*_FRE_B2.tif); it has images of variant = \"SRE\""));
}

// In the root, in a folder without T, and in folders of years.
TEST(Sentinel2Theia, ProductsOfATileAreFoundWhereverTheyLie) {
  const std::string root = temp_dir();
  for (const auto& [day, folder] :
       {std::pair("20180511", ""), {"20180521", "/31TCJ"}, {"20180601", "/T31TCJ/2018"}, {"20180611", "/2018"}}) {
    const fs::path written = write_product(root + "/written", on(day));
    fs::create_directories(root + "/l2a" + folder);
    fs::rename(written, root + "/l2a" + folder + "/" + written.filename().string());
  }
  EXPECT_THAT(make_sensor("sentinel2_theia")->tiles(root + "/l2a"), ElementsAre("T31TCJ"));
  const SourceCensus result = census(root + "/l2a");
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11", "2018-05-21", "2018-06-01", "2018-06-11"));
  EXPECT_TRUE(result.damaged.empty() && result.ignored.empty());
}

TEST(Sentinel2Theia, NewerVersionWinsNumerically) {
  const std::string root = temp_dir();
  for (const char* version : {"1-9", "1-10", "0-12"}) {
    MuscateProduct product = on("20180511");
    product.version = version;
    write_product(root, product);
  }
  const SourceCensus result = census(root);
  ASSERT_EQ(result.acquisitions.size(), 1u);
  EXPECT_EQ(result.acquisitions[0].passes.size(), 1u);
  EXPECT_EQ(result.acquisitions[0].passes[0].version, "1-10");
  EXPECT_THAT(result.superseded,
              ElementsAre(HasSubstr("V1-9 by SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-10"), HasSubstr("V0-12 by ")));
}

TEST(Sentinel2Theia, ADamagedNewerVersionLeavesTheOlder) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  MuscateProduct newer = on("20180511");
  newer.version = "2-0";
  fs::remove(write_product(root, newer) + "/MASKS/" + newer.name() + "_EDG_R1.tif");
  const SourceCensus result = census(root);
  EXPECT_EQ(result.acquisitions.at(0).passes.at(0).version, "1-7");
  ASSERT_EQ(result.damaged.size(), 1u);
  EXPECT_THAT(result.damaged[0].message, HasSubstr("the mask MASKS/*_EDG_R1.tif is missing"));
}

TEST(Sentinel2Theia, TwoPassesOfADayAreOneAcquisition) {
  const std::string root = temp_dir();
  MuscateProduct late = on("20180511");
  late.time = "110818-460";
  write_product(root, late);
  write_product(root, on("20180511"));
  const SourceCensus result = census(root);
  ASSERT_EQ(result.acquisitions.size(), 1u);
  ASSERT_EQ(result.acquisitions[0].passes.size(), 2u);
  EXPECT_EQ(result.acquisitions[0].passes[0].time, "105804-037");
  EXPECT_EQ(result.merged.size(), 1u);
}

TEST(Sentinel2Theia, ReadsZipsInPlace) {
  const std::string root = temp_dir();
  const std::string with_folder = zip_product(write_product(root, on("20180511")));
  zip_product(write_product(root, on("20180601")), false);
  // THEIA names archives without the version.
  fs::rename(with_folder, root + "/T31TCJ/SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D.zip");
  const SourceCensus result = census(root);
  for (const Damage& damage : result.damaged) ADD_FAILURE() << damage.product << ": " << damage.message;
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11", "2018-06-01"));
  EXPECT_EQ(result.files.size(), 2u);
  SeriesReader reader(result, {"B2", "B5"});
  const Series series = reader.read(reader.grid().whole());
  EXPECT_EQ(series.groups[0].samples[3], 203);
}

TEST(Sentinel2Theia, AFolderGoesBeforeItsZip) {
  const std::string root = temp_dir();
  zip_product(write_product(root, on("20180511")));
  write_product(root, on("20180511"));
  const SourceCensus result = census(root);
  ASSERT_EQ(result.acquisitions.at(0).passes.size(), 1u);
  EXPECT_EQ(result.acquisitions[0].passes[0].path, root + "/T31TCJ/" + on("20180511").name());
  EXPECT_THAT(result.superseded, ElementsAre(HasSubstr(".zip by ")));
}

// One damaged product among good ones, with every known kind of damage: named, with the file and the fault; the others are kept.
struct Harm {
  std::string name;
  std::function<void(const std::string& folder, const std::string& prefix)> apply;
  std::string expected;
};

class Damaged : public ::testing::TestWithParam<Harm> {};

TEST_P(Damaged, IsNamed) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  write_product(root, on("20180701"));
  const std::string folder = write_product(root, on("20180601"));
  GetParam().apply(folder, on("20180601").name());
  const SourceCensus result = census(root, {"B2", "B3", "B8A"});
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11", "2018-07-01"));
  ASSERT_EQ(result.damaged.size(), 1u);
  EXPECT_THAT(result.damaged[0].product, HasSubstr("20180601"));
  EXPECT_THAT(result.damaged[0].message, HasSubstr(GetParam().expected));
}

template <class T>
void replace(const std::string& file, Grid grid) {
  write_raster(file, Raster<T>(std::move(grid)), {});
}

void make_pipe(const std::string& path) {
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0) << path;
}

INSTANTIATE_TEST_SUITE_P(
    Sentinel2Theia, Damaged,
    ::testing::Values(
        Harm{"zero_bytes", [](const auto& folder, const auto& p) { testing::cut_file(folder + "/" + p + "_FRE_B3.tif", 0); },
             "_FRE_B3.tif: cannot be opened"},
        Harm{"cut_image",
             [](const auto& folder, const auto& p) {
               testing::cut_file(folder + "/" + p + "_FRE_B2.tif", fs::file_size(folder + "/" + p + "_FRE_B2.tif") - 40);
             },
             "_FRE_B2.tif: "},
        Harm{"cut_mask", [](const auto& folder, const auto& p) { testing::cut_file(folder + "/MASKS/" + p + "_CLM_R1.tif", 200); },
             "_CLM_R1.tif: "},
        Harm{"no_mask", [](const auto& folder, const auto& p) { fs::remove(folder + "/MASKS/" + p + "_SAT_R1.tif"); },
             "the mask MASKS/*_SAT_R1.tif is missing"},
        Harm{"no_masks", [](const auto& folder, const auto&) { fs::remove_all(folder + "/MASKS"); },
             "the mask MASKS/*_CLM_R1.tif is missing; the mask MASKS/*_SAT_R1.tif"},
        Harm{"no_band", [](const auto& folder, const auto& p) { fs::remove(folder + "/" + p + "_FRE_B8A.tif"); },
             "band B8A is missing; it has B11"},
        Harm{"empty_folder", [](const auto& folder, const auto&) { fs::remove_all(folder), fs::create_directory(folder); },
             "the folder is empty"},
        Harm{"cut_zip", [](const auto& folder, const auto&) { testing::cut_file(zip_product(folder), 3000); },
             "the zip archive cannot be read"},
        Harm{"empty_zip", [](const auto& folder, const auto&) { testing::cut_file(zip_product(folder), 0); },
             "the zip archive cannot be read"},
        Harm{"other_size",
             [](const auto& folder, const auto& p) {
               replace<std::int16_t>(folder + "/" + p + "_FRE_B2.tif", {"EPSG:32631", 300000, 4900020, 10, 10, 23, 20});
             },
             "_FRE_B2.tif: expected the grid"},
        Harm{"other_crs",
             [](const auto& folder, const auto& p) {
               replace<std::int16_t>(folder + "/" + p + "_FRE_B2.tif", {"EPSG:32630", 300000, 4900020, 10, 10, 24, 20});
             },
             "got EPSG:32630"},
        Harm{"shifted",
             [](const auto& folder, const auto& p) {
               replace<std::uint8_t>(folder + "/MASKS/" + p + "_EDG_R1.tif", {"EPSG:32631", 300010, 4900020, 10, 10, 24, 20});
             },
             "_EDG_R1.tif: expected the grid"},
        Harm{"double_band",
             [](const auto& folder, const auto& p) { fs::copy(folder + "/" + p + "_FRE_B2.tif", folder + "/copy_FRE_B2.tif"); },
             "2 files end in _FRE_B2: "},
        Harm{"disguised",
             [](const auto& folder, const auto& p) {
               write_text(folder + "/" + p + "_FRE_B2.tif", "<VRTDataset rasterXSize=\"24\" rasterYSize=\"20\"/>");
             },
             "_FRE_B2.tif: cannot be opened"},
        Harm{"pipe_for_a_zip", [](const auto& folder, const auto&) { fs::remove_all(folder), make_pipe(folder + ".zip"); },
             "is a named pipe, which is not opened"},
        Harm{"pipe_for_a_folder", [](const auto& folder, const auto&) { fs::remove_all(folder), make_pipe(folder); },
             "is a named pipe, which is not opened"},
        Harm{"pipe_for_a_band", [](const auto& folder, const auto& p) { make_pipe(folder + "/" + p + "_FRE_B2.tif"); },
             "_FRE_B2.tif is a named pipe, which is not opened"},
        Harm{"pipe_for_a_mask", [](const auto& folder, const auto& p) { make_pipe(folder + "/MASKS/" + p + "_CLM_R1.tif"); },
             "_CLM_R1.tif is a named pipe"},
        Harm{"pipe_beside_a_band", [](const auto& folder, const auto& p) { make_pipe(folder + "/" + p + "_FRE_B2.tif.aux.xml"); },
             "_FRE_B2.tif.aux.xml is a named pipe"},
        Harm{"device_for_a_band",
             [](const auto& folder, const auto& p) {
               fs::remove(folder + "/" + p + "_FRE_B2.tif");
               fs::create_symlink("/dev/zero", folder + "/" + p + "_FRE_B2.tif");
             },
             "_FRE_B2.tif is a device"},
        Harm{"odd_name", [](const auto& folder, const auto&) { fs::rename(folder, folder + " (copy); rm -rf $HOME"); },
             "is not the name of a product"},
        Harm{"dots", [](const auto& folder, const auto&) { fs::rename(folder, folder + "..x"); }, "is not the name of a product"}),
    [](const auto& harm) { return harm.param.name; });

// To open one would wait for whoever writes into it.
TEST(Sentinel2Theia, PipesThatAreNoPartOfAProductAreListed) {
  const std::string root = temp_dir(), folder = write_product(root, on("20180511"));
  make_pipe(root + "/T31TCJ/feed");
  make_pipe(folder + "/control");
  const SourceCensus result = census(root);
  EXPECT_THAT(dates(result), ElementsAre("2018-05-11"));
  EXPECT_THAT(result.damaged, IsEmpty());
  EXPECT_THAT(result.ignored, ElementsAre("feed (a named pipe)", folder + "/control (a named pipe)"));
}

TEST(Sentinel2Theia, RefusesOtherTilesAndImpossibleDates) {
  const std::string root = temp_dir();
  write_product(root, on("20180511"));
  MuscateProduct other = on("20180601");
  other.tile = "T31TDJ";
  fs::rename(write_product(root, other), root + "/T31TCJ/" + other.name());
  fs::create_directory(root + "/T31TCJ/" + on("20181342").name());
  fs::create_directory_symlink("/nowhere/product", root + "/T31TCJ/" + on("20180701").name());
  const SourceCensus result = census(root);
  ASSERT_EQ(result.damaged.size(), 3u);
  EXPECT_THAT(result.damaged[0].message, HasSubstr("is of the tile T31TDJ but is in the folder of T31TCJ"));
  EXPECT_THAT(result.damaged[1].message, HasSubstr("is a link to a product that is not there"));
  EXPECT_THAT(result.damaged[2].product, HasSubstr("20181342"));
  EXPECT_THAT(message_of([&] { make_sensor("sentinel2_theia")->take_census(root, "../T31TCJ", {}, kFirst, kLast); }),
              HasSubstr("is not the name of a tile of sentinel2_theia; expected for example T31TCJ"));
}

TEST(Sentinel2Theia, BandsThatNobodyHasAreAnError) {
  const std::string root = temp_dir();
  MuscateProduct nine = on("20180511");
  std::erase(nine.bands, "B8A");
  write_product(root, nine);
  EXPECT_THAT(message_of([&] { census(root, {"B2", "B8A"}); }), HasSubstr("no product has the band B8A that source.bands requests"));
  EXPECT_THAT(message_of([&] { census(root, {"B2", "B8a"}); }), HasSubstr("unknown band \"B8a\", did you mean B8A?"));
  EXPECT_EQ(census(root).bands.size(), 9u);
  EXPECT_THAT(message_of([&] { make_sensor("sentinel2_theia")->take_census(root, "T32TLR", {}, kFirst, kLast); }),
              HasSubstr("T32TLR: no such folder"));
  EXPECT_THAT(message_of([&] { make_sensor("sentinel9"); }),
              ::testing::AllOf(HasSubstr("unknown sensor \"sentinel9\""), HasSubstr("sentinel2_theia")));
  EXPECT_THAT(message_of([&] { make_sensor("sentinel2_theia")->tiles(root + "/none"); }), HasSubstr("none: cannot be listed"));
}

// The tile's grid is what most products have, not what the first one has.
TEST(Sentinel2Theia, TheOddOneOutIsDamaged) {
  const std::string root = temp_dir();
  MuscateProduct odd = on("20180101");
  odd.grid.x0 += 20;
  write_product(root, odd);
  write_product(root, on("20180511"));
  write_product(root, on("20180601"));
  const SourceCensus result = census(root);
  EXPECT_EQ(result.grid.x0, 300000);
  ASSERT_EQ(result.damaged.size(), 1u);
  EXPECT_THAT(result.damaged[0].product, HasSubstr("20180101"));
}

TEST(Sentinel2Theia, ListingDigestChangesWithTheFiles) {
  const std::string root = temp_dir();
  const std::string folder = write_product(root, on("20180511"));
  const auto sensor = make_sensor("sentinel2_theia");
  const auto digest = [&] { return sensor->listing(root, "T31TCJ", kFirst, kLast); };
  const std::string before = digest();
  EXPECT_EQ(digest(), before);
  const std::string mask = folder + "/MASKS/" + on("20180511").name() + "_CLM_R1.tif";
  fs::last_write_time(mask, fs::last_write_time(mask) + std::chrono::seconds(1));
  const std::string touched = digest();
  EXPECT_NE(touched, before);
  write_product(root, on("20180601"));
  EXPECT_NE(digest(), touched);
}

// Products hold several times as many images as are read: those need no look.
TEST(Sentinel2Theia, ListingDigestLooksAtWhatIsRead) {
  const std::string root = temp_dir(), product = on("20180511").name();
  const std::string folder = write_product(root, on("20180511")) + "/";
  const std::vector<std::string> not_read = {product + "_SRE_B2.tif", product + "_ATB_R1.tif", product + "_QKL_ALL.jpg",
                                             "MASKS/" + product + "_CLM_R2.tif", "MASKS/" + product + "_MG2_R1.tif"},
                                 read = {product + "_FRE_B2.tif", product + "_FRE_B2.tif.aux.xml", product + "_FRE_B12.tif",
                                         "MASKS/" + product + "_EDG_R1.tif", product + "_MTD_ALL.xml"};
  for (const auto* files : {&not_read, &read})
    for (const std::string& file : *files)
      if (!fs::exists(folder + file)) std::ofstream(folder + file) << "1";
  const auto sensor = make_sensor("sentinel2_theia");
  const auto digest = [&](const std::vector<std::string>& bands = {}, const std::string& variant = "") {
    return sensor->listing({"", root, "T31TCJ", variant, bands, kFirst, kLast});
  };
  const auto touch = [&](const std::string& file) {  // written in place: nothing of the folder changes
    fs::last_write_time(folder + file, fs::last_write_time(folder + file) + std::chrono::nanoseconds(1));
  };
  for (const std::string& file : read) {
    const std::string before = digest();
    touch(file);
    EXPECT_NE(digest(), before) << file;
  }
  for (const std::string& file : not_read) {
    const std::string before = digest();
    touch(file);
    EXPECT_EQ(digest(), before) << file;
    fs::remove(folder + file);
    EXPECT_NE(digest(), before) << file;
  }
  std::ofstream(folder + product + "_SRE_B2.tif") << "1";
  const std::string raw = digest({}, "SRE"), few = digest({"B3", "B4"}), named = digest({"blue"});
  touch(product + "_SRE_B2.tif");
  EXPECT_NE(digest({}, "SRE"), raw) << "the variant that is read";
  touch(product + "_FRE_B2.tif");
  EXPECT_EQ(digest({"B3", "B4"}), few);
  EXPECT_NE(digest({"blue"}), named);
}

// What macOS and Windows leave beside images and in archives.
TEST(Sentinel2Theia, WhatDesktopsLeaveIsNoImage) {
  const std::string root = temp_dir();
  const std::string folder = write_product(root, on("20180511"));
  const std::string before = make_sensor("sentinel2_theia")->listing(root, "T31TCJ", kFirst, kLast);
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  for (const fs::path& file : files) std::ofstream(file.parent_path() / ("._" + file.filename().string())) << "AppleDouble";
  for (const char* name : {".DS_Store", "Thumbs.db", "desktop.ini"}) {
    std::ofstream(folder + "/" + name) << "1";
    std::ofstream(folder + "/MASKS/" + name) << "1";
    std::ofstream(root + "/T31TCJ/" + name) << "1";
  }
  fs::create_directories(root + "/T31TCJ/._" + on("20180511").name());
  EXPECT_EQ(make_sensor("sentinel2_theia")->listing(root, "T31TCJ", kFirst, kLast), before);
  for (const bool zipped : {false, true}) {
    if (zipped) testing::zip_product(folder);
    const SourceCensus result = census(root);
    EXPECT_THAT(dates(result), ElementsAre("2018-05-11")) << zipped;
    EXPECT_TRUE(result.damaged.empty()) << result.damaged[0].message;
    EXPECT_TRUE(result.ignored.empty());
  }
}

TEST(Sentinel2Theia, NumbersThatAreNotInTheUnitAreRefusedWithWhatToDo) {
  const auto problem = [](const testing::StoredAs& storage) {
    const std::string root = temp_dir();
    fs::remove_all(root + "/T31TCJ");
    MuscateProduct product = on("20180511");
    product.bands = {"B4"};
    testing::store_bands(write_product(root, product), storage);
    const SourceCensus result = census(root, {"B4"});
    return result.damaged.empty() ? std::string() : result.damaged[0].message;
  };
  const auto same = [](std::int16_t v) { return static_cast<double>(v); };
  const auto reflectance = [](std::int16_t v) { return v / 10000.0; };
  EXPECT_THAT(
      problem({"Float32", reflectance, -10000}),
      ::testing::AllOf(HasSubstr("_FRE_B4.tif: expected reflectance x 10000 as int16, got floating-point numbers from 0.04 to 0.0442"),
                       HasSubstr("gdal_edit.py -scale 10000")));
  EXPECT_THAT(problem({"Float64", [](std::int16_t v) { return v / 100.0 + 0.003; }, std::nullopt}),
              HasSubstr("expected reflectance x 10000"));
  EXPECT_THAT(problem({"Byte", [](std::int16_t v) { return v / 40.0; }, 0.0}), HasSubstr("got uint8, which cannot hold it"));
  EXPECT_THAT(problem({"UInt16", [](std::int16_t v) { return v == 400 ? 65535.0 : v; }, std::nullopt}),
              ::testing::AllOf(HasSubstr("to 65535, more than int16 holds"), HasSubstr("gdal_edit.py -a_nodata")));
  for (const testing::StoredAs& good : {testing::StoredAs{"Float32", same, -10000},
                                        {"Float32", same, std::nullopt},
                                        {"UInt16", same, 65535},
                                        {"Int32", same, -2147483648.0},
                                        {"Int16", same, -10000, 0.0001},
                                        {"Float32", reflectance, -10000, 10000},
                                        {"UInt16", [](std::int16_t v) { return v + 1000.0; }, 0, 0.0001, -0.1},
                                        {"Float32", [](std::int16_t) { return std::nan(""); }, std::nullopt}})
    EXPECT_EQ(problem(good), "") << good.type << " " << good.scale;
}

TEST(Sentinel2Theia, AMaskOfFractionsIsRefused) {
  const std::string root = temp_dir();
  const std::string folder = write_product(root, on("20180511"));
  const std::string mask = folder + "/MASKS/" + on("20180511").name() + "_CLM_R1.tif";
  fs::rename(mask, folder + "/x_FRE_mask.tif");
  testing::store_bands(folder, {"Float32", [](std::int16_t v) { return v + 0.5; }, std::nullopt});
  fs::rename(folder + "/x_FRE_mask.tif", mask);
  const SourceCensus result = census(root, {"B2"});
  ASSERT_EQ(result.damaged.size(), 1u);
  EXPECT_THAT(result.damaged[0].message, HasSubstr("_CLM_R1.tif: expected a mask of whole numbers"));
}

// Names of any bytes: a note from a Windows archive, a folder with an umlaut in Latin-1.
TEST(Sentinel2Theia, NamesOfAnyBytesSurviveTheCensusFile) {
  const std::string root = temp_dir() +
                           "/donn\xE9"
                           "es";
  write_product(root, on("20180511"));
  std::ofstream(root + "/T31TCJ/D\xE9p\xF4t.txt") << "1";
  const SourceCensus result = census(root);
  write_text(root + "/census.json", json_text(TileImages::of(result).to_json(), 1));
  const SourceCensus read = TileImages::read(root + "/census.json", {root}).main();
  EXPECT_THAT(read.ignored, ElementsAre("D\xE9p\xF4t.txt"));
  EXPECT_EQ(read.acquisitions[0].passes[0].path, result.acquisitions[0].passes[0].path);
  require_unchanged(read);
  EXPECT_GT(SeriesReader(read, {"B2"}).read({0, 0, 2, 2}).groups[0].samples[0], 0);
}

TEST(Sentinel2Theia, TakesTheCensusOfRealProducts) {
  const std::string slovenia = testing::real_data("eolearn_s2_slovenia/derived_muscate_L1C_pixels"),
                    flanders = testing::real_data("worldcereal_s2/derived_muscate_monthly");
  if (slovenia.empty() || flanders.empty()) GTEST_SKIP() << "the real data are absent (set MILLESIME_REAL_DATA to their folder)";
  const auto sensor = make_sensor("sentinel2_theia");
  const SourceCensus five = sensor->take_census(slovenia, "T33TVL", {}, Date::from_ymd(2015, 1, 1), Date::from_ymd(2015, 12, 31));
  EXPECT_THAT(dates(five), ElementsAre("2015-07-11", "2015-07-31", "2015-08-20", "2015-08-30", "2015-09-09"));
  EXPECT_EQ(five.bands.size(), 10u);
  EXPECT_EQ(five.grid.cols, 100);
  EXPECT_EQ(five.grid.rows, 101);
  const SourceCensus twelve = sensor->take_census(flanders, "T31UFS", {}, Date::from_ymd(2020, 11, 1), Date::from_ymd(2021, 10, 31));
  EXPECT_EQ(twelve.acquisitions.size(), 12u);
  EXPECT_EQ(twelve.bands.size(), 9u);
  EXPECT_THAT(twelve.damaged, IsEmpty());
}

}  // namespace
}  // namespace millesime
