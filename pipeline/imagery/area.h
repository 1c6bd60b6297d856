#pragma once
// The part of a tile that is mapped: inside an area, outside what is excluded. Both are polygons of a file, or a box in degrees.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/options.h"
#include "pipeline/io/vector_file.h"

namespace millesime {

struct AreaOptions {
  std::string area, exclude;  // a vector file, or "west, south, east, north" in degrees; "": everything, nothing

  bool empty() const { return area.empty() && exclude.empty(); }
  void declare(Options& options);
  // Files relative to a configuration's folder become paths.
  void resolve(const std::string& folder);
  void require_files() const;  // UserError where one cannot be read; reads no feature
  // What a unit that maps depends on: every file they consist of, and the boxes as text.
  std::vector<std::string> files() const, boxes() const;
};

class MappedArea {
 public:
  // UserError for a file that cannot be read, holds no polygon or one that cannot be used, and for a box of no extent.
  MappedArea(const AreaOptions& options, const Grid& tile);

  bool is_whole() const { return !limited_ && excluded_.empty(); }  // every pixel of the tile is mapped
  bool meets(const Window& window) const;                           // false: no pixel of it is mapped
  Window around() const;                                            // the smallest window that holds the area; empty where it is elsewhere
  // 1 where the centre of a pixel is inside the area and not excluded, [pixel]
  std::vector<std::uint8_t> inside(const Window& window) const;

 private:
  struct Part {
    Feature feature;
    Window window;  // that it meets
  };
  static std::vector<Part> parts_of(const std::string& text, const std::string& key, const Grid& tile);
  static std::vector<const Feature*> near(const std::vector<Part>& parts, const Window& window);

  Grid tile_;
  bool limited_;
  std::vector<Part> area_, excluded_;
};

// Whether the area, without what is excluded, meets a grid.
bool touches(const AreaOptions& options, const Grid& tile);

}  // namespace millesime
