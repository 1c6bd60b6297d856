#pragma once
// What a source of vectors or rasters consists of. The one place that knows: whatever reads a source takes all of these as input.

#include <map>
#include <string>
#include <vector>

namespace millesime {

// Every file on this machine that shapes what GDAL reads under `name`, in a fixed order, the source's own first:
//   a file and what lies beside it (attributes, indices, encodings and reference systems of shapefiles and MapInfo files; headers, world
//   files, masks, overviews and .aux.xml of rasters; write-ahead logs of GeoPackages), in any letter case;
//   every file of a folder (FileGDB);  the archive of /vsizip/ names;  what a VRT of rasters or vectors refers to, at whatever depth;
//   and for other formats what GDAL lists.
// A source that is not there is listed by its name; one that is on no disk (a database, /vsicurl/) has no file.
// Left out is what holds no content of its own: locks, the shared memory of a write-ahead log, logs that are empty.
//   A symbolic link without any of these beside it, of a file that has some: those beside the file.
std::vector<std::string> files_of_source(const std::string& name);

// Of these, the files that lie beside that of a name and are read with it.
std::vector<std::string> files_beside(const std::string& name);

// Likewise of many images that are read at full size, of which overviews tell nothing. Lists each folder once.
class FilesBesideImages {
 public:
  std::vector<std::string> of(const std::string& image);  // sorted; none of an image that is not on this machine's disks

 private:
  std::map<std::string, std::multimap<std::string, std::string>> listed_;  // of each folder the names, by how they are in small letters
};

// What GDAL has to open for `name`: of such a symbolic link the file that it leads to.
std::string opened_for(const std::string& name);

}  // namespace millesime
