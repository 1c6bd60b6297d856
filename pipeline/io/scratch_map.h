#pragma once
// ScratchMap: a map of bytes in an unnamed temporary file, for work that reads a whole map several times, window by window. No file
// remains afterwards. One byte a pixel on the disk of `folder`.

#include <cstdint>
#include <memory>
#include <string>

#include "pipeline/core/grid.h"

namespace millesime {

class ScratchMap {
 public:
  ScratchMap(const std::string& folder, int cols, int rows);
  ~ScratchMap();
  ScratchMap(ScratchMap&&) noexcept;
  ScratchMap& operator=(ScratchMap&&) noexcept;

  // Windows of the map, row by row. Only pixels that were written can be read. UserError if the disk is full or fails.
  void write(const Window& window, const std::uint8_t* samples);
  void read(const Window& window, std::uint8_t* samples) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
