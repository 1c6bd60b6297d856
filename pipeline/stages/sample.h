#pragma once
// Sample: from reference polygons to labelled series, tile by tile.
//
// A polygon belongs to one tile: among those whose footprint contains its centroid (or, if there are none, that it overlaps), the one
// whose grid centre is nearest (then the first by name). So overlapping tiles never share a polygon between learning and testing.
// Polygons of class 0 or with an empty class field are unlabelled: they are counted and left out.
// Split: by polygon, within tile, region and class; k = max(1, round-half-even(n x ratio)) of n polygons learn (iota2's share), the others
// test; the only polygon of a class learns and judges nothing. Seed i of the run draws with random_seed + i. With several seeds, polygons
// that judge the final map are drawn first, by the same rule, and no seed learns from them or tests on them (reference.final_ratio).
// With reference.split = "block" the same is done with squares of block_km instead of polygons, of all classes together: a polygon is where
// its centroid is. A class that would learn from no block gets the first of its blocks; one that is in a single block judges nothing. The
// rule of [sample] (pipeline/learning/selection.h) selects learning pixels, within the tile and each region. A sample is a pixel whose
// centre is inside the polygon (and at least erosion_m from its border) and that has a valid date. Series are raw: int16 as read, 20 m
// bands resampled to 10 m, validity per date.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/samples.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/stages/stage.h"

namespace millesime {

Stage sample_stage();

// The work of one unit: writes Layout::samples(tile). `tiles`: all tiles of the production. Returns counts: polygons and pixels of each
// class and split, and the dropped ones with the reasons.
nlohmann::json sample_tile(const Config& config, const std::vector<std::string>& tiles, const std::string& tile, const Context& context);

// These counts as a line: "120 samples of 3 polygons; left out: 12 pixels without a valid observation".
std::string text_of_sample_counts(const nlohmann::json& counts);

// Random numbers of the draws. Of a polygon or a pixel: neither names of regions nor the order of the file change what is drawn.
std::uint64_t salt_of(const ReferenceOptions& options, std::size_t seed);
std::uint64_t random_number_of(std::int64_t id, std::uint64_t salt);

// For each polygon and each seed, how it is used. `strata`: the polygon's class and region as text; polygons of one stratum are split
// together, in the order of random numbers of their ids, so that what a region is called changes nothing.
std::vector<std::vector<Split>> split_polygons(const std::vector<std::int64_t>& ids, const std::vector<std::string>& strata,
                                               const ReferenceOptions& options);  // [seed][polygon]
// The same for whole blocks; `blocks`: of each polygon, any numbers.
std::vector<std::vector<Split>> split_blocks(const std::vector<std::int64_t>& blocks, const std::vector<std::string>& strata,
                                             const ReferenceOptions& options);
// By reference.split. Both: half of what is held out are whole blocks, half are polygons of the other blocks, so that the same models tell
// what a place near reference polygons may expect, and one that is far from them. Auto: both for more than kFewBlocks blocks
// (core/land_blocks.h).
std::vector<std::vector<Split>> split_reference(const std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& blocks,
                                                const std::vector<std::string>& strata, const ReferenceOptions& options);

// Where whole blocks test, and all of a tile have to learn in the run of some seed: what to do about it. "" where something tests, or
// nothing is to.
std::string untested_text(const ReferenceOptions& options, const std::vector<std::int64_t>& blocks,
                          const std::vector<std::vector<Split>>& splits);

}  // namespace millesime
