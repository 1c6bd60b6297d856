#include <set>

#include <gtest/gtest.h>

#include "pipeline/core/file_name.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/names_apart.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"

namespace millesime {
namespace {

TEST(FileName, PlainNamesStayAsTheyAre) {
  for (const char* name : {"1", "Alpes", "region_2", "R-12.b", "31"}) EXPECT_EQ(file_name_of(name), name);
}

TEST(FileName, AnyOtherNameBecomesASafeOne) {
  const std::string longest(300, 'R');
  std::set<std::string> made;
  for (const std::string& name :
       {std::string("Alpes/Jura"), std::string("Alpes_Jura"), std::string("Alpes Jura"), std::string("  "), std::string(),
        std::string("a\nb"), std::string("../../etc/passwd"), std::string("-rf"), std::string(".hidden"), longest, longest + "S",
        std::string("Pyr\xE9n\xE9"), std::string("Pyrénées"), std::string("a\0b", 3)}) {
    const std::string file = file_name_of(name);
    EXPECT_LE(file.size(), 80u);
    EXPECT_TRUE(made.insert(file).second) << file << " is made twice";
    EXPECT_EQ(file.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.~"), std::string::npos) << file;
    EXPECT_NE(file.front(), '.');
    EXPECT_NE(file.front(), '-');
    EXPECT_EQ(file, file_name_of(name));
  }
  EXPECT_EQ(file_name_of("Alpes/Jura").substr(0, 11), "Alpes_Jura~");
  EXPECT_NE(file_name_of(file_name_of("Alpes/Jura")), file_name_of("Alpes/Jura"));  // a name that looks like one of ours
}

// Most file systems of macOS and Windows do not tell North from north.
TEST(FileName, NamesThatDifferInCaseAloneGetFilesThatDifferInMore) {
  const std::vector<std::string> names{"North", "north", "2A", "NORTH", "Alpes", "2A", "Pyr\xc3\xa9n", "Pyr\xc3\x89n"},
      apart = names_apart(names);
  std::vector<std::string> files;
  for (const std::string& name : apart) files.push_back(file_name_of(name));
  EXPECT_EQ(files[2], "2A");
  EXPECT_EQ(files[5], "2A");  // the same name twice is one
  EXPECT_EQ(files[4], "Alpes");
  EXPECT_EQ(files[0].substr(0, 7), "North_~");
  EXPECT_EQ(files[1].substr(0, 7), "north_~");
  std::set<std::string> folded;
  for (const std::string& file : files) folded.insert(lower(file));
  EXPECT_EQ(folded.size(), 7u);
}

TEST(FileName, KnowsWhatDesktopsLeave) {
  for (const char* name : {"._SENTINEL2A_FRE_B2.tif", ".DS_Store", "Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX"})
    EXPECT_TRUE(is_left_by_desktop(name)) << name;
  EXPECT_FALSE(is_left_by_desktop("SENTINEL2A_FRE_B2.tif"));
}

TEST(Utf8, BytesComeBackAsTheyWere) {
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
  for (const std::string& bytes : {std::string("D\xE9p\xF4t"), std::string("Dépôt"), every, std::string("\xEE\xBE\x80 \xEE\xBF\xBF"),
                                   std::string("\xEE\xBE"), std::string("\xF0\x9F\x8C\x8D"), std::string()}) {
    const std::string text = utf8_of_bytes(bytes);
    EXPECT_TRUE(is_utf8(text));
    EXPECT_EQ(bytes_of_utf8(text), bytes);
  }
  EXPECT_EQ(utf8_of_bytes("Dépôt"), "Dépôt");
}

TEST(Utf8, JsonNeverFailsForAName) { EXPECT_EQ(json_text(nlohmann::json{{"name", "D\xE9p"}}), "{\"name\":\"D\xEF\xBF\xBDp\"}"); }

TEST(SourceName, FindsTheFileInGdalsOwnNames) {
  const auto parts = [](const std::string& name) {
    const SourceName parsed = parse_source_name(name);
    EXPECT_EQ(parsed.before + parsed.file + parsed.after, name);
    return parsed.file;
  };
  EXPECT_EQ(parts("data/a b.shp"), "data/a b.shp");
  EXPECT_EQ(parts("NETCDF:\"clim.nc\":Band2"), "clim.nc");
  EXPECT_EQ(parts("NETCDF:clim.nc:Band2"), "clim.nc");
  EXPECT_EQ(parts("HDF5:\"/data/x.h5\"://group/ndvi"), "/data/x.h5");
  EXPECT_EQ(parts("GTIFF_DIR:2:dem.tif"), "dem.tif");
  EXPECT_EQ(parts("/vsizip/clim.zip/c4326.tif"), "clim.zip");
  EXPECT_EQ(parts("/vsizip//abs/clim.zip/in/c.tif"), "/abs/clim.zip");
  EXPECT_EQ(parts("/vsizip/{/abs/odd.name}/c.tif"), "/abs/odd.name");
  EXPECT_EQ(parts("/vsizip/{/vsizip//abs/outer.zip/in.zip}/c.tif"), "/abs/outer.zip");
  EXPECT_EQ(parts("/vsizip/parcels.shz"), "parcels.shz");
  EXPECT_EQ(parts("/vsitar//vsigzip/a.tar.gz"), "a.tar.gz");
  EXPECT_EQ(parts("vrt://dem.tif?bands=1"), "dem.tif");
  EXPECT_EQ(parts("/vsicurl/https://example.org/a.tif"), "");
  EXPECT_EQ(parts("PG:dbname=parcels"), "");
}

TEST(SourceName, SaysWhichPartOfAFile) {
  EXPECT_EQ(part_of_source("/data/a.shp"), "");
  EXPECT_EQ(part_of_source("NETCDF:\"/data/clim.nc\":t2m"), "NETCDF:\"\":t2m");
  EXPECT_EQ(part_of_source("/vsizip//data/clim.zip/in/c.tif"), "/vsizip//in/c.tif");
  EXPECT_EQ(part_of_source("vrt:///data/dem.tif?bands=1"), "vrt://?bands=1");
  EXPECT_EQ(part_of_source("PG:dbname=parcels"), "PG:dbname=parcels");
}

TEST(SourceName, IsRelativeToTheFolderOfTheConfiguration) {
  EXPECT_EQ(source_in("/prod", "climate.tif"), "/prod/climate.tif");
  EXPECT_EQ(source_in("/prod", "../climate.tif"), "/climate.tif");
  EXPECT_EQ(source_in("/prod", "/data/climate.tif"), "/data/climate.tif");
  EXPECT_EQ(source_in("/prod", "NETCDF:\"clim.nc\":Band2"), "NETCDF:\"/prod/clim.nc\":Band2");
  EXPECT_EQ(source_in("/prod", "NETCDF:clim.nc:Band2"), "NETCDF:\"/prod/clim.nc\":Band2");
  EXPECT_EQ(source_in("/prod", "/vsizip/clim.zip/c4326.tif"), "/vsizip//prod/clim.zip/c4326.tif");
  EXPECT_EQ(source_in("/prod", "/vsizip//data/clim.zip/c4326.tif"), "/vsizip//data/clim.zip/c4326.tif");
  EXPECT_EQ(source_in("/prod", "NETCDF:\"/vsizip//data/c.zip/c.nc\":t2m"), "NETCDF:\"/vsizip//data/c.zip/c.nc\":t2m");
  EXPECT_EQ(source_in("/prod", "NETCDF:\"/vsizip/c.zip/c.nc\":t2m"), "NETCDF:\"/vsizip//prod/c.zip/c.nc\":t2m");
  EXPECT_EQ(source_in("/prod", "/vsicurl/https://example.org/a.tif"), "/vsicurl/https://example.org/a.tif");
  EXPECT_EQ(source_in("/prod", ""), "");
}

}  // namespace
}  // namespace millesime
