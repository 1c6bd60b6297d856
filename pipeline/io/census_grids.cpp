#include "pipeline/io/internal/census_grids.h"

#include <algorithm>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/first_of.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/read_grid.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace {

std::vector<Grid> grids_of(const std::vector<FoundProduct>& candidates, const std::string& name) {
  std::vector<Grid> grids;
  for (const FoundProduct& candidate : candidates)
    if (const auto layer = candidate.product.layers.find(name);
        layer != candidate.product.layers.end() && layer->second.grid.cols > 0 && candidate.problems.empty())
      grids.push_back(layer->second.grid);
  return grids;
}

// Which products have their pixels elsewhere than most have; "" for none. `grid_is_given`: those of other systems, which are many at the
// borders of zones, decide nothing and are not named.
std::string note_on_lattices(const std::vector<FoundProduct>& candidates, const std::vector<std::string>& names, bool grid_is_given) {
  constexpr std::size_t kNamed = 5;
  std::set<std::string> others;
  std::string usual_text;
  for (const std::string& name : names) {
    const std::vector<Grid> grids = grids_of(candidates, name);
    if (grids.empty()) continue;
    const Grid usual = usual_lattice(grids);
    for (const FoundProduct& candidate : candidates) {
      const auto layer = candidate.product.layers.find(name);
      if (layer == candidate.product.layers.end() || layer->second.grid.cols == 0 || !candidate.problems.empty()) continue;
      if (is_aligned(layer->second.grid, usual) || (grid_is_given && layer->second.grid.crs != usual.crs)) continue;
      if (others.empty())
        usual_text = join_text(usual.crs, ", ", usual.pixel_width, " x ", usual.pixel_height, " from ", usual.x0, ", ", usual.y0);
      others.insert(candidate.entry);
    }
  }
  if (others.empty()) return "";
  const std::vector<std::string> first = first_of(std::vector<std::string>(others.begin(), others.end()), kNamed);
  return join_text(counted(others.size(), "product"), others.size() == 1 ? " lies" : " lie", " on other pixels than most (", usual_text,
                   "): ", join_list(first, ", "), others.size() > first.size() ? "..." : "");
}

// The grid that most candidates have for a layer (on a tie the earliest), so that a single wrong product does not decide.
std::optional<Grid> usual_grid(const std::vector<FoundProduct>& candidates, const std::string& name) {
  std::vector<std::pair<Grid, int>> votes;
  for (const FoundProduct& candidate : candidates) {
    const auto layer = candidate.product.layers.find(name);
    if (layer == candidate.product.layers.end() || layer->second.grid.cols == 0) continue;
    const auto known = std::ranges::find_if(votes, [&](const auto& vote) { return vote.first.same_as(layer->second.grid); });
    if (known == votes.end())
      votes.emplace_back(layer->second.grid, 1);
    else
      ++known->second;
  }
  const auto most = std::ranges::max_element(votes, {}, &std::pair<Grid, int>::second);
  return most == votes.end() ? std::nullopt : std::optional<Grid>(most->first);
}

}  // namespace

void check_grids(std::vector<FoundProduct>& candidates, SourceCensus& census, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (const auto usual = usual_grid(candidates, name)) census.grids[name] = *usual;
  for (const auto& [name, grid] : census.grids)
    if (census.grid.cols == 0 || grid.pixel_width < census.grid.pixel_width) census.grid = grid;
  for (FoundProduct& candidate : candidates)
    for (auto& [name, layer] : candidate.product.layers) {
      if (layer.grid.cols == 0) continue;
      const Grid& expected = census.grids.at(name);
      if (!expected.same_as(layer.grid))
        candidate.problems.push_back(join_text(layer.file, ": expected the grid ", to_text(expected), ", got ", to_text(layer.grid)));
      else if (!covers(layer.grid, census.grid))
        candidate.problems.push_back(join_text(layer.file, ": ", to_text(layer.grid), " does not cover the tile, ", to_text(census.grid)));
      else
        layer.grid = expected;
    }
}

void join_grids(std::vector<FoundProduct>& candidates, SourceCensus& census, const std::vector<std::string>& names) {
  const bool is_given = census.grid.cols > 0;
  if (!is_given)
    for (const std::string& name : names) {
      const std::vector<Grid> grids = grids_of(candidates, name);
      if (grids.empty()) continue;
      const Grid joined = union_grid(grids);
      if (census.grid.cols == 0 || joined.pixel_width < census.grid.pixel_width) census.grid = joined;
    }
  for (const std::string& name : names)
    if (const std::vector<Grid> grids = grids_of(candidates, name); !grids.empty()) census.grids[name] = read_grid(grids, census.grid);
  if (std::string note = note_on_lattices(candidates, names, is_given); !note.empty()) census.notes.push_back(std::move(note));
  for (FoundProduct& candidate : candidates) {
    if (!candidate.problems.empty()) continue;
    for (auto& [name, layer] : candidate.product.layers)
      if (layer.grid.cols > 0 && layer.grid.same_as(census.grids.at(name))) layer.grid = census.grids.at(name);
  }
}

bool lies_elsewhere(const FoundProduct& candidate, const Grid& tile) {
  const BoxesOf boxes(tile.crs);
  for (const auto& [name, layer] : candidate.product.layers) {
    if (layer.grid.cols == 0) continue;
    const Box box = layer.grid.crs == tile.crs ? layer.grid.extent() : CoordinateTransform(layer.grid.crs, tile.crs)(layer.grid.extent());
    return !boxes.meet(box, tile.extent());
  }
  return false;  // none could be opened: its damage is told
}

}  // namespace millesime
