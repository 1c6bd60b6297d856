#pragma once
// What a model has learned from, and whether the samples that judge it are among that.

#include <cstdint>
#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/core/sample_digests.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// Of all samples of the polygons that have one among `selections`: who has seen a part of a polygon knows the rest of it. Rising.
std::vector<std::uint64_t> digests_of_polygons(const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& selections);

// Of samples that judge a model, how many it has learned from.
struct LearnedShare {
  std::int64_t samples = 0;      // of which it is known
  std::int64_t known = 0;        // of them, those that it learned from or was calibrated with
  std::int64_t all_samples = 0;  // also those of which it is not known: of more polygons than a model file lists

  bool of_old_digests = false;  // rows of a table, which the digests of an earlier version do not tell

  void add(const LearnedShare& other);
  bool any() const { return known > 0; }
  bool is_told() const { return any() || of_old_digests; }
  std::string to_text() const;  // a sentence that says so and what it means; "" where there is nothing to say
};

// Whether a model of an older version learned from a file, which is all that it says.
bool knows_file(const ModelSpec& spec, const std::string& file);

// `is_whole`: the selection has all samples of its file. Samples without a label do not count.
LearnedShare learned_share(const ModelSpec& spec, const SampleSelection& judging, bool is_whole);

// The selections without the samples that are among these digests (rising); empty ones are left out.
std::vector<SampleSelection> without_learned(const std::vector<SampleSelection>& selections, const std::vector<std::uint64_t>& learned);

// The same of samples that are given as the `use` ("test") of `what` (a file), which is told; UserError where none is left, with what to do
// `instead`.
std::vector<SampleSelection> fair_samples(const std::string& what, const std::string& use, const std::string& instead,
                                          const std::vector<SampleSelection>& given, const std::vector<std::uint64_t>& learned,
                                          const Context& context);

std::int64_t count_rows(const std::vector<SampleSelection>& selections);

}  // namespace millesime
