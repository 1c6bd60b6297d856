#pragma once
// InputTable: the ModelInput of samples in any number, for training. The class and the group of each are in memory; the rest is read a part
// at a time, from a file or from a ModelInput.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/base/model_input.h"

namespace millesime {

class InputTable {
 public:
  // Reads these samples, in this order. Called by several threads.
  using Read = std::function<ModelInput(std::span<const std::int64_t>)>;

  InputTable() = default;
  InputTable(const ModelInput& input);  // a view: the input must outlive the table
  InputTable(ModelInput&& input);
  // `target`, `group`: of each sample. `bytes`: of a sample in memory. `complete`: no sample lacks a date. `identity`: a text that is
  // another one for other samples.
  InputTable(std::vector<int> target, std::vector<std::int64_t> group, std::int64_t bytes, bool complete, std::string identity, Read read);

  std::int64_t size() const { return static_cast<std::int64_t>(target.size()); }
  std::int64_t bytes_per_sample() const { return bytes_; }
  std::int64_t bytes() const { return bytes_ * size(); }
  bool complete() const { return complete_; }
  std::string identity() const;
  std::int64_t groups() const;  // how many different ones
  ModelInput read(std::span<const std::int64_t> samples) const;
  ModelInput all() const;
  InputTable subset(const std::vector<std::int64_t>& samples) const;

  std::vector<int> target;          // index of the class in the spec, -1 for a class that the model does not know
  std::vector<std::int64_t> group;  // never split between training and held-out samples
  std::vector<std::int64_t> block;  // a piece of land, of each sample; empty: none. Where there are many, whole ones are held out

 private:
  std::int64_t bytes_ = 0;
  bool complete_ = true;
  std::function<std::string()> identity_;
  Read read_;
  std::shared_ptr<const std::vector<std::int64_t>> rows_;  // of a subset, in the table that it is of; null: all
};

// Groups held out to choose the epoch and to calibrate: about `ratio` of each class's groups (rounded half to even, at least one if a
// class has two), drawn by `seed`. The only group of a class is not held out. For groups with several classes the first class counts. The
// ratio is smaller where more than kMostHeldOut samples would be held out: more of them do not judge better, and cost time in every epoch.
inline constexpr std::int64_t kMostHeldOut = 250'000;
struct HoldOut {
  std::vector<std::int64_t> learn, held_out;  // samples
};
// With more than kFewBlocks blocks (core/land_blocks.h) whole blocks are held out instead, drawn by `seed`, about `ratio` of the groups:
// what is said of a place without reference holds only if nothing near it was learned from. A class keeps a block to learn from; of a class
// that no held-out block has, groups are held out as without blocks.
HoldOut hold_out(const InputTable& input, double ratio, std::int64_t seed);

// The same in `parts`: every group but the only ones of their classes is held out once, a class's groups, or blocks, spread evenly over the
// parts.
std::vector<HoldOut> hold_out_parts(const InputTable& input, int parts, std::int64_t seed);

}  // namespace millesime
