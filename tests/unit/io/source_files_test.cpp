#include "pipeline/io/source_files.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <gdal_utils.h>
#include <ogr_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::temp_dir;

// What a unit knows of a source: its files and their content.
std::string fingerprint_of_source(const std::string& name) {
  std::string text;
  for (const std::string& file : files_of_source(name)) text += file + " " + xxh3_of_file(file) + "\n";
  return text;
}

void append_byte(const fs::path& file) { std::ofstream(file, std::ios::app | std::ios::binary) << 'x'; }

// Every file in the folder is a part of the source: one more byte in any of them is another source.
void expect_every_file_counts(const std::string& name, const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    const std::string before = fingerprint_of_source(name);
    EXPECT_EQ(before, fingerprint_of_source(name));
    append_byte(file);
    EXPECT_NE(fingerprint_of_source(name), before) << file << " changed and " << name << " stayed the same";
  }
}

std::string polygons(const std::string& folder) {
  const std::string file = folder + "/source.gpkg";
  write_polygons(file, "parcels", "EPSG:2154", {"CODE"}, {{{{{{{0, 0}, {0, 10}, {10, 10}, {10, 0}, {0, 0}}}}}, {std::int64_t{12}}}});
  return file;
}

void translate_vector(const std::string& from, const std::string& to, const char* format) {
  GDALAllRegister();
  CPLStringList arguments;
  arguments.AddString("-f"), arguments.AddString(format);
  GDALVectorTranslateOptions* options = GDALVectorTranslateOptionsNew(arguments.List(), nullptr);
  GDALDatasetH source = GDALOpenEx(from.c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr);
  GDALDatasetH made = GDALVectorTranslate(to.c_str(), nullptr, 1, &source, options, nullptr);
  GDALVectorTranslateOptionsFree(options);
  ASSERT_TRUE(made) << to;
  GDALClose(made);
  GDALClose(source);
}

std::string raster(const std::string& folder, const char* format, const std::string& ending) {
  GDALAllRegister();
  const std::string plain = temp_dir() + "/plain.tif", file = folder + "/dem" + ending;
  write_raster(plain, Raster<std::int16_t>(Grid{"EPSG:32631", 300000, 4900020, 10, 10, 6, 4}, 7), RasterOptions{});
  GDALDatasetH source = GDALOpen(plain.c_str(), GA_ReadOnly);
  GDALClose(GDALCreateCopy(GDALGetDriverByName(format), file.c_str(), source, FALSE, nullptr, nullptr, nullptr));
  GDALClose(source);
  return file;
}

TEST(SourceFiles, EveryPartOfEveryVectorFormatCounts) {
  struct Format {
    const char *driver, *file;
  };
  for (const Format& format : {Format{"ESRI Shapefile", "/r.shp"},
                               {"MapInfo File", "/r.tab"},
                               {"MapInfo File", "/r.mif"},
                               {"GPKG", "/r.gpkg"},
                               {"GeoJSON", "/r.geojson"},
                               {"FlatGeobuf", "/r.fgb"},
                               {"CSV", "/r.csv"},
                               {"OpenFileGDB", "/r.gdb"}}) {
    const std::string folder = temp_dir() + "/" + (std::string(format.file) + format.driver).substr(1, 4);
    fs::create_directories(folder);
    translate_vector(polygons(temp_dir()), folder + format.file, format.driver);
    expect_every_file_counts(folder + format.file, folder);
  }
}

TEST(SourceFiles, AShapefileIsReadInAnyLetterCase) {
  const std::string folder = temp_dir() + "/upper";
  fs::create_directories(folder);
  for (const char* name : {"R.SHP", "R.SHX", "R.DBF", "R.PRJ", "R.CPG"}) write_text(folder + "/" + name, "1");
  expect_every_file_counts(folder + "/R.SHP", folder);
  for (const char* index : {"R.sbn", "R.Sbx", "R.qix"}) {
    write_text(folder + "/" + index, "1");
    EXPECT_THAT(files_of_source(folder + "/R.SHP"), Not(Contains(folder + "/" + index))) << "it only makes reading faster";
  }
  write_text(folder + "/S.DBF", "of another");
  EXPECT_THAT(files_of_source(folder + "/R.SHP"), Not(Contains(folder + "/S.DBF")));
}

TEST(SourceFiles, EveryPartOfEveryRasterFormatCounts) {
  struct Format {
    const char *driver, *ending;
  };
  for (const Format& format : {Format{"GTiff", ".tif"}, {"ENVI", ".img"}, {"EHdr", ".bil"}, {"HFA", ".img"}, {"AAIGrid", ".asc"}}) {
    const std::string folder = temp_dir() + "/" + format.driver;
    fs::create_directories(folder);
    const std::string file = raster(folder, format.driver, format.ending);
    for (const char* added : {".aux.xml", ".ovr", ".msk"})
      if (!fs::exists(file + added)) write_text(file + added, "1");
    write_text(fs::path(file).replace_extension(std::string(".") + format.ending[1] + format.ending[3] + "w").string(), "1");
    write_text(fs::path(file).replace_extension(".wld").string(), "1");
    expect_every_file_counts(file, folder);
  }
}

TEST(SourceFiles, StatisticsThatAViewerLeavesDoNotCount) {
  const std::string file = raster(temp_dir(), "GTiff", ".tif"), beside = file + ".aux.xml";
  const auto tell = [&](const std::string& band) {
    write_text(beside, "<PAMDataset><PAMRasterBand band=\"1\">" + band + "</PAMRasterBand></PAMDataset>\n");
    return files_of_source(file);
  };
  const std::string statistics =
      "<Histograms><HistItem><HistMin>0</HistMin></HistItem></Histograms>"
      "<Metadata><MDI key=\"STATISTICS_MEAN\">5</MDI><MDI key=\"STATISTICS_VALID_PERCENT\">9</MDI></Metadata>";
  EXPECT_THAT(tell(statistics), ElementsAre(file));
  EXPECT_THAT(tell("<Description>rain</Description>" + statistics), ElementsAre(file)) << "as GDAL writes them";
  EXPECT_THAT(tell("<Description>rain</Description>"), Contains(beside));
  EXPECT_THAT(tell(statistics + "<NoDataValue>7</NoDataValue>"), Contains(beside));
  EXPECT_THAT(tell("<Metadata><MDI key=\"wavelength\">5</MDI></Metadata>"), Contains(beside));
  EXPECT_THAT(tell("<Scale>0.5</Scale>"), Contains(beside));
}

TEST(SourceFiles, AWriteAheadLogCountsOnceItHoldsSomething) {
  const std::string folder = temp_dir(), file = folder + "/r.gpkg";
  write_text(file, "1");
  write_text(file + "-shm", "what the log says is where");
  write_text(file + "-wal", "");
  EXPECT_THAT(files_of_source(file), ElementsAre(file));
  append_byte(file + "-wal");
  EXPECT_THAT(files_of_source(file), ElementsAre(file, file + "-wal"));
}

TEST(SourceFiles, ALogThatAProgramLeftIsMergedBeforeTheFilesAreUsed) {
  const std::string file = polygons(temp_dir());
  const std::string before = fingerprint_of_source(file);
  const pid_t child = ::fork();
  if (child == 0) {  // changes the class in the log, and ends without closing the file
    CPLSetConfigOption("OGR_SQLITE_JOURNAL", "WAL");
    GDALDatasetH data = GDALOpenEx(file.c_str(), GDAL_OF_VECTOR | GDAL_OF_UPDATE, nullptr, nullptr, nullptr);
    OGRLayerH layer = GDALDatasetGetLayer(data, 0);
    OGRFeatureH feature = OGR_L_GetNextFeature(layer);
    OGR_F_SetFieldInteger(feature, 0, 77);
    if (OGR_L_SetFeature(layer, feature) != OGRERR_NONE) ::_exit(1);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(fs::exists(file + "-wal"));
  const std::string after = fingerprint_of_source(file);
  EXPECT_NE(after, before);
  EXPECT_EQ(read_polygons(file, "", {"CODE"}, "").features.at(0).attributes.at("CODE"), "77");
  EXPECT_EQ(fingerprint_of_source(file), after);
}

TEST(SourceFiles, AVrtConsistsOfWhatItRefersTo) {
  const std::string folder = temp_dir() + "/vrt";
  fs::create_directories(folder + "/in");
  const std::string file = raster(folder + "/in", "ENVI", ".img");
  write_text(folder + "/inner.vrt",
             "<VRTDataset><VRTRasterBand><SimpleSource><SourceFilename relativeToVRT=\"1\">in/dem.img</SourceFilename>"
             "</SimpleSource></VRTRasterBand></VRTDataset>");
  write_text(folder + "/outer.vrt", "<VRTDataset><VRTRasterBand><ComplexSource><SourceFilename relativeToVRT=\"0\">" + folder +
                                        "/inner.vrt</SourceFilename></ComplexSource></VRTRasterBand></VRTDataset>");
  expect_every_file_counts(folder + "/outer.vrt", folder);

  const std::string vectors = temp_dir() + "/ogr";
  fs::create_directories(vectors);
  translate_vector(polygons(temp_dir()), vectors + "/r.shp", "ESRI Shapefile");
  write_text(vectors + "/j.vrt",
             "<OGRVRTDataSource><OGRVRTLayer name=\"r\"><SrcDataSource relativeToVRT=\"1\">r.shp</SrcDataSource>"
             "</OGRVRTLayer></OGRVRTDataSource>");
  expect_every_file_counts(vectors + "/j.vrt", vectors);
}

// A link to the file that a user names, whose other parts stay beside the file.
TEST(SourceFiles, ALinkAloneLeadsToAllParts) {
  const std::string folder = temp_dir(), links = folder + "/links";
  for (const char* made : {"/vectors", "/rasters", "/links"}) fs::create_directories(folder + made);
  translate_vector(polygons(temp_dir()), folder + "/vectors/r.shp", "ESRI Shapefile");
  translate_vector(polygons(temp_dir()), folder + "/vectors/r.tab", "MapInfo File");
  fs::create_symlink("../vectors/r.shp", links + "/parcels 2021.shp");
  fs::create_symlink(folder + "/vectors/r.tab", links + "/r.tab");
  fs::create_symlink(raster(folder + "/rasters", "EHdr", ".bil"), links + "/height.bil");
  for (const char* name : {"/parcels 2021.shp", "/r.tab"}) {
    const VectorLayer layer = read_polygons(links + name, "", {"CODE"}, "");
    EXPECT_EQ(layer.features.at(0).attributes.at("CODE"), "12") << name;
    EXPECT_EQ(layer.crs, "EPSG:2154") << name;
  }
  EXPECT_EQ(RasterReader(links + "/height.bil").grid().x0, 300000);
  EXPECT_THAT(files_of_source(links + "/height.bil"), Contains(folder + "/rasters/dem.hdr"));
  EXPECT_THAT(files_of_source(links + "/parcels 2021.shp"), Contains(folder + "/vectors/r.dbf"));
  const std::string before = fingerprint_of_source(links + "/parcels 2021.shp");
  append_byte(folder + "/vectors/r.dbf");
  EXPECT_NE(fingerprint_of_source(links + "/parcels 2021.shp"), before);

  // Parts beside the link go before those beside the file.
  translate_vector(polygons(temp_dir()), links + "/own.shp", "ESRI Shapefile");
  fs::rename(links + "/own.shp", folder + "/vectors/elsewhere.shp");
  fs::copy_file(links + "/own.dbf", folder + "/vectors/elsewhere.dbf");
  fs::create_symlink(folder + "/vectors/elsewhere.shp", links + "/own.shp");
  EXPECT_THAT(files_of_source(links + "/own.shp"), Contains(links + "/own.dbf"));
  EXPECT_EQ(opened_for(links + "/own.shp"), links + "/own.shp");
}

TEST(SourceFiles, GdalsOwnNamesConsistOfTheirFile) {
  const std::string folder = temp_dir();
  write_text(folder + "/c.nc", "1");
  write_text(folder + "/c.zip", "1");
  EXPECT_THAT(files_of_source("NETCDF:\"" + folder + "/c.nc\":t2m"), ElementsAre(folder + "/c.nc"));
  EXPECT_THAT(files_of_source("/vsizip/" + folder + "/c.zip/c.tif"), ElementsAre(folder + "/c.zip"));
  EXPECT_THAT(files_of_source("/vsicurl/https://example.org/c.tif"), IsEmpty());
  EXPECT_THAT(files_of_source(folder + "/none.shp"), ElementsAre(folder + "/none.shp"));
}

TEST(SourceFiles, LocksAreNoContent) {
  const std::string folder = temp_dir() + "/r.gdb";
  fs::create_directories(folder);
  write_text(folder + "/a00000001.gdbtable", "1");
  write_text(folder + "/_gdb.host.1.sr.lock", "1");
  write_text(folder + "/.DS_Store", "1");
  EXPECT_THAT(files_of_source(folder), ElementsAre(folder + "/a00000001.gdbtable"));
}

}  // namespace
}  // namespace millesime
