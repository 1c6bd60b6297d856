#include "pipeline/core/other_format.h"

#include <filesystem>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

void refuse_other_format(const std::string& path, std::string_view begin, const std::string& expected) {
  namespace fs = std::filesystem;
  const std::string name = fs::path(path).filename().string(), same = fs::path(name).replace_extension(".csv").string(),
                    csv = same == name ? "NAME.csv" : same;
  struct Format {
    std::string_view begin;
    std::string what, advice;
  };
  using namespace std::string_view_literals;
  for (const Format& format :
       {Format{"\x1f\x8b"sv, "compressed (gzip)", "unpack it: gunzip -k"},
        {"PK\x03\x04"sv, "a zip archive or a spreadsheet (.xlsx)", "unpack it, or save the sheet as CSV"},
        {"PAR1"sv, "a Parquet file", join_text("in Python: pandas.read_parquet(\"", name, "\").to_csv(\"", csv, "\", index=False)")},
        {"SQLite format 3"sv, lower(name).ends_with(".gpkg") ? "a GeoPackage" : "a SQLite database",
         join_text("convert it: ogr2ogr -f CSV ", csv, " ", name)},
        {"\xff\xfe"sv, "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"},
        {"\xfe\xff"sv, "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"}})
    if (begin.starts_with(format.begin))
      throw UserError(join_text(path, ": expected ", expected, ", got ", format.what, "; ", format.advice));
}

}  // namespace millesime
