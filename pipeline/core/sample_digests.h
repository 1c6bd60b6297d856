#pragma once
// Digests tell whether two files have the same samples, so that a model is not judged by what it learned from: of an image's sample that of
// its polygon in the reference, of a table's row that of its label, its position, its observations and its static inputs.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "pipeline/core/samples.h"

namespace millesime {

// One of each of these rows; 0 of a row of a table that has no valid observation, which looks like any other. The digits that a table's
// numbers are stored with, its group and region, and the order of rows and static inputs make no difference.
std::vector<std::uint64_t> digests_of(const Samples& samples, std::span<const std::int64_t> rows);

// A set of digests. It keeps the smallest kMost, which are a fair sample of all: digests are as good as random.
class SampleDigests {
 public:
  static constexpr std::size_t kMost = 8192;

  SampleDigests() = default;
  explicit SampleDigests(std::vector<std::uint64_t> digests);  // in any order, with repetitions and zeros
  void merge(const SampleDigests& other);

  bool empty() const { return digests_.empty(); }
  bool keeps_all() const { return below_ == kNoLimit; }
  bool tells(std::uint64_t digest) const { return digest != 0 && digest < below_; }  // whether contains() is right about it
  bool contains(std::uint64_t digest) const;

  // 16 hexadecimal digits each: the limit, then the digests.
  std::string to_text() const;
  static SampleDigests from_text(const std::string& text, const std::string& origin);  // UserError

 private:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
  void keep();

  std::vector<std::uint64_t> digests_;  // rising
  std::uint64_t below_ = kNoLimit;      // larger ones are not kept
};

}  // namespace millesime
