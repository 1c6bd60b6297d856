#pragma once
// ScratchMap: a map of bytes that lies in a temporary file without a name: work that goes over a whole map several times, window by
// window, and leaves nothing behind. A byte a pixel on the disk of `folder`.

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

  // Windows of the map, row by row. Only what was written can be read. UserError where the disk is full or refuses.
  void write(const Window& window, const std::uint8_t* samples);
  void read(const Window& window, std::uint8_t* samples) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
