#pragma once
// Inside pipeline/stages only: what regularise is asked to do, found out from its options, the map and the nomenclature.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/io/map_input.h"
#include "pipeline/stages/regularise.h"

namespace millesime {

using Bytes = std::vector<std::uint8_t>;
using Group = std::array<bool, 256>;  // which labels belong to it

struct LargerPixels {
  Grid grid;             // of the larger pixels
  int side = 1;          // pixels of the map along one
  int col = 0, row = 0;  // of the map's first pixel, in pixels of the map from the corner of `grid`
};

// The kernels work on labels of 8 bits: the codes of a map of 8 bits themselves, else the place of a code among those that occur, from 1.
// Both keep the order of the codes, which decides ties.
class LabelsOfCodes {
 public:
  explicit LabelsOfCodes(const MapInput& map);  // UserError for a map of more than 255 classes

  void read(const MapInput& map, const Window& window, Bytes& labels) const;
  void write(const Bytes& labels, const Window& window, RasterWriter& writer) const;
  int code_of(std::uint8_t label) const { return label == 0 ? 0 : codes_[label - std::size_t{1}]; }
  std::optional<std::uint8_t> label_of(int code) const;  // nothing for a code that the map does not have

 private:
  std::vector<int> codes_;              // of the labels from 1
  std::vector<std::uint8_t> label_of_;  // by code; empty: the label is the code
};

struct RegulariseRule {
  explicit RegulariseRule(const MapInput& of) : labels(of) {}

  LabelsOfCodes labels;
  std::vector<Group> groups;
  std::vector<int> connectivities;
  std::optional<LargerPixels> resampling;
  int last_min_pixels = 0;  // of the result
  std::array<bool, 256> kept = {};
  bool keeps_any = false;
  std::string map, nomenclature;                  // for messages
  std::optional<std::array<bool, 256>> expected;  // labels of the nomenclature that was named

  void require_known(const Bytes& labels) const;  // UserError for a class that is in no group, or not expected
  // The class of a larger pixel. `labels` are those of `inside`, which reaches one pixel beyond `block` where the map does.
  std::uint8_t most_frequent(const Bytes& labels, const Window& inside, const Window& block) const;
};

// UserError for options that do not fit the map.
RegulariseRule rule_of(const RegulariseCommand& command, const MapInput& map);

// "0.1 ha", "500 m2": square metres.
double area_of(const std::string& text, const std::string& option);

}  // namespace millesime
