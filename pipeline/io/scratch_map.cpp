#include "pipeline/io/scratch_map.h"

#include "pipeline/core/error.h"
#include "pipeline/io/internal/scratch_file.h"

namespace millesime {

struct ScratchMap::Impl {
  ScratchFile file;
  Window whole;

  // Calls the function with the position in the file, the position in the window's samples and the number of bytes of each contiguous part.
  template <class Piece>
  void each_piece(const Window& window, const Piece& piece) const {
    MILLESIME_CHECK(whole.intersect(window) == window, "window ", to_text(window), " of a scratch map of ", whole.width, " x ",
                    whole.height);
    const bool in_one = window.width == whole.width;
    const std::int64_t n = in_one ? window.pixels() : window.width;
    for (int row = 0; row < (in_one ? 1 : window.height); ++row)
      piece((std::int64_t{window.row} + row) * whole.width + window.col, std::int64_t{row} * window.width, static_cast<std::size_t>(n));
  }
};

ScratchMap::ScratchMap(const std::string& folder, int cols, int rows)
    : impl_(std::make_unique<Impl>(Impl{ScratchFile(folder), {0, 0, cols, rows}})) {}
ScratchMap::~ScratchMap() = default;
ScratchMap::ScratchMap(ScratchMap&&) noexcept = default;
ScratchMap& ScratchMap::operator=(ScratchMap&&) noexcept = default;

void ScratchMap::write(const Window& window, const std::uint8_t* samples) {
  impl_->each_piece(window, [&](std::int64_t at, std::int64_t sample, std::size_t n) { impl_->file.put(at, samples + sample, n); });
}

void ScratchMap::read(const Window& window, std::uint8_t* samples) const {
  impl_->each_piece(window, [&](std::int64_t at, std::int64_t sample, std::size_t n) { impl_->file.get(at, samples + sample, n); });
}

}  // namespace millesime
