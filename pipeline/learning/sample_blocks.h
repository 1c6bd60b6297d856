#pragma once
// The squares of land that samples lie in, which are held out as a whole (core/land_blocks.h).

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/learning/sample_input.h"

namespace millesime {

// Of each sample, the block of its polygon: of the mean position of what was sampled of it. Positions are x and y, in metres or, where no
// sample of a file is beyond 180 and 90, in degrees; longitude and latitude of a file without x and y. UserError for a file without either.
std::vector<std::int64_t> blocks_of(const std::vector<SampleSelection>& selections, double block_km);

bool are_many(const std::vector<std::int64_t>& blocks);  // more than kFewBlocks, so that they are held out and not polygons

// What is held out, a sentence for the log: squares, or polygons where there are few squares.
std::string note_on_blocks(const std::vector<SampleSelection>& selections, double block_km);

}  // namespace millesime
